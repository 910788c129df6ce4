"""What can go wrong between client and server."""

import errno
import re

# What TensorFlow adds: where in the graph, and that it was there.
_NODES = (
    r"\s*\[\[\{\{.*|\{\{(function_)?node [^}]*\}\}\s*|assertion failed: |Graph execution error:\s*"
)


class ServerError(OSError):
    """A server refused a request or cannot be reached. `filename` is its address."""


class TransientServerError(ServerError):
    """The same request may succeed later: no connection, deadline exceeded, overload, restart."""


def server_error(address: str, reason: str, transient: bool = False) -> ServerError:
    """The error for a server's answer `reason`: in one line, without the names of operations that
    TensorFlow appends."""
    reason = re.sub(_NODES, "", reason, flags=re.DOTALL)
    kind = TransientServerError if transient else ServerError
    return kind(errno.EIO, " ".join(reason.split()), address)
