"""What the gRPC clients share: channel, methods, errors. Needs grpcio, not tensorflow-serving-api.

A channel to a name like `dns:///photos.example:8500` asks the name server for all addresses and
again when one fails; by round robin the calls are spread over them. (One channel to a Kubernetes
Service with a cluster address stays on one pod: name a headless Service.)
"""

from collections.abc import Mapping, Sequence

import grpc

from psfr_tf.export.serving import wire
from psfr_tf.export.serving.errors import ServerError, server_error
from psfr_tf.export.serving.protocol import speaks_http1

# gRPC receives 4 MiB unless told otherwise: 8 faces of 512 px as PNG come near it.
MAX_MESSAGE_BYTES = 64 * 2**20
# After a failed connection gRPC waits up to 2 minutes before it tries again, and fails every call
# meanwhile; a retry must find a server that has come back.
_MAX_RECONNECT_MS = 1000

_SERVICE = "/tensorflow.serving.PredictionService/"
_TRANSIENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}

Options = Mapping[str, str | int] | Sequence[tuple[str, str | int]]


def open_channel(module, address: str, options: Options, credentials):
    """A channel of `grpc` or `grpc.aio`.

    Args:
        module: one of these two.
        address: "host:port", or a name of gRPC's such as "dns:///host:port".
        options: channel options (grpc.github.io/grpc/core/group__grpc__arg__keys.html), in
            addition to ours or in their place.
        credentials: `grpc.ssl_channel_credentials(...)` for TLS; None sends in the clear.
    """
    every = {
        "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
        "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
        "grpc.initial_reconnect_backoff_ms": _MAX_RECONNECT_MS,
        "grpc.max_reconnect_backoff_ms": _MAX_RECONNECT_MS,
        "grpc.lb_policy_name": "round_robin",
        **dict(options),
    }
    if credentials is None:
        return module.insecure_channel(address, options=list(every.items()))
    return module.secure_channel(address, credentials, options=list(every.items()))


def methods(channel):
    """Predict and GetModelMetadata of a channel, from bytes to what `wire` makes of the answer."""
    return (
        channel.unary_unary(_SERVICE + "Predict", response_deserializer=wire.predict_outputs),
        channel.unary_unary(_SERVICE + "GetModelMetadata", response_deserializer=wire.input_shapes),
    )


def size_of_faces(shapes: dict, address: str, model: str) -> int:
    """Side of the model's faces, from its signatures."""
    images = shapes.get("serving_default", {}).get("images", ())
    if "restore_bytes" not in shapes or len(images) != 4:
        raise server_error(address, f"the model {model} does not restore faces")
    return images[1]


def named_error(error, address: str, plain: bool) -> ServerError:
    """The error for a failed call.

    Args:
        error: a `grpc.RpcError` or `grpc.aio.AioRpcError`.
        plain: whether the channel is not encrypted and `address` is "host:port".
    """
    code = error.code()
    if code in _TRANSIENT and plain and speaks_http1(address):
        return server_error(
            address,
            "this is TF Serving's REST port (or another web server); gRPC has a port of "
            "its own, 8500 by default. Or use --protocol rest",
        )
    return server_error(address, f"{code.name}: {error.details()}", code in _TRANSIENT)
