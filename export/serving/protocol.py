"""Which protocol a port speaks, for those who have mixed up the two ports of a server."""

import socket

_SECONDS = 2.0
# A gRPC server answers this with HTTP/2 frames, or closes the connection.
_REQUEST = b"GET / HTTP/1.1\r\nHost: psfr\r\nConnection: close\r\n\r\n"


def speaks_http1(address: str) -> bool:
    """Whether a web server answers there.

    Args:
        address: "host:port".
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS) as connection:
            connection.settimeout(_SECONDS)
            connection.sendall(_REQUEST)
            answer = b""
            while len(answer) < 7 and (part := connection.recv(64)):
                answer += part
    except (OSError, ValueError):
        return False
    return answer.startswith(b"HTTP/1.")
