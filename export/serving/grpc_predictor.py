"""TF Serving's gRPC interface, `tensorflow.serving.PredictionService`.

Needs grpcio, not tensorflow-serving-api.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from psfr_tf.export.serving import wire
from psfr_tf.export.serving.errors import ServerError, server_error
from psfr_tf.export.serving.photos import SIGNATURE, RestoredPhoto, photo_inputs, restored_photo
from psfr_tf.export.serving.protocol import speaks_http1

# gRPC receives 4 MiB unless told otherwise: 8 faces of 512 px as PNG come near it.
MAX_MESSAGE_BYTES = 64 * 2**20
# After a failed connection gRPC waits up to 2 minutes before it tries again, and fails every call
# meanwhile; a retry must find a server that has come back.
_MAX_RECONNECT_MS = 1000

_SERVICE = "/tensorflow.serving.PredictionService/"
_TRANSIENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}

Options = Mapping[str, str | int] | Sequence[tuple[str, str | int]]


class GrpcClient:
    """What the clients share: channel, methods, errors.

    A channel to a name like `dns:///photos.example:8500` asks the name server for all addresses and
    again when one fails; by round robin the calls are spread over them. (One channel to a
    Kubernetes Service with a cluster address stays on one pod: name a headless Service.)

    Args:
        address: "host:port", or a name of gRPC's such as "dns:///host:port".
        model: its name on the server.
        version: None for the server's newest.
        deadline: seconds that one call may take.
        options: channel options (grpc.github.io/grpc/core/group__grpc__arg__keys.html), in
            addition to ours or in their place.
        credentials: `grpc.ssl_channel_credentials(...)` for TLS; None sends in the clear.
    """

    _grpc: Any = grpc  # or `grpc.aio`

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        deadline: float = 60,
        options: Options = (),
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.address = address
        self._model = model, version
        self._deadline = deadline
        self._plain = credentials is None and "/" not in address
        ours = {
            "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
            "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
            "grpc.initial_reconnect_backoff_ms": _MAX_RECONNECT_MS,
            "grpc.max_reconnect_backoff_ms": _MAX_RECONNECT_MS,
            "grpc.lb_policy_name": "round_robin",
        }
        every = list({**ours, **dict(options)}.items())
        if credentials is None:
            self._channel = self._grpc.insecure_channel(address, options=every)
        else:
            self._channel = self._grpc.secure_channel(address, credentials, options=every)
        # From bytes to what `wire` makes of the answer.
        self._predict = self._channel.unary_unary(
            _SERVICE + "Predict", response_deserializer=wire.predict_outputs
        )
        self._metadata = self._channel.unary_unary(
            _SERVICE + "GetModelMetadata", response_deserializer=wire.input_shapes
        )

    def _error(self, error) -> ServerError:
        """The error for a failed call, a `grpc.RpcError` or `grpc.aio.AioRpcError`."""
        code = error.code()
        if code in _TRANSIENT and self._plain and speaks_http1(self.address):
            return server_error(
                self.address,
                "this is TF Serving's REST port (or another web server); gRPC has a port of "
                "its own, 8500 by default. Or use --protocol rest",
            )
        return server_error(self.address, f"{code.name}: {error.details()}", code in _TRANSIENT)


class GrpcPredictor(GrpcClient):
    """See `psfr_tf.export.serving.engine.Predictor`; also calls the signature of whole photos.

    Safe to share by threads.

    Args:
        address, model, version, deadline, options, credentials: see `GrpcClient`.
    """

    def face_size(self, timeout: float | None = None) -> int:
        shapes = self._call(self._metadata, wire.metadata_request(*self._model), timeout)
        images = shapes.get("serving_default", {}).get("images", ())
        if "restore_bytes" not in shapes or len(images) != 4:
            reason = f"the model {self._model[0]} does not restore faces"
            raise server_error(self.address, reason)
        return images[1]

    def restore(
        self, faces: list[bytes], timeout: float | None = None
    ) -> list[tuple[bytes, bytes]]:
        request = wire.predict_request(*self._model, "restore_bytes", {"image_bytes": faces})
        outputs = self._call(self._predict, request, timeout)
        return list(zip(outputs["restored_bytes"], outputs["parsing_bytes"], strict=True))

    def restore_photo(
        self,
        photo: bytes,
        strength: float = 1.0,
        min_score: float = 0.8,
        format: str = "auto",
        timeout: float | None = None,
    ) -> RestoredPhoto:
        """Restore a photo file, JPEG or PNG, by the signature `restore_photo_bytes`.

        Args:
            strength, min_score: as of `psfr_tf.FaceRestorer.restore`.
            format: of the answer: "auto" (PNG; the file itself if it has no face), "keep", "png",
                "jpg".
            timeout: seconds for this call, in place of the deadline if less.

        Raises:
            ServerError: the server refused the photo, or did not answer.
        """
        inputs = photo_inputs(photo, strength, min_score, format)
        request = wire.predict_request(*self._model, SIGNATURE, inputs)
        return restored_photo(self._call(self._predict, request, timeout))

    def close(self) -> None:
        self._channel.close()

    def _call(self, method, request: bytes, timeout: float | None):
        seconds = self._deadline if timeout is None else min(timeout, self._deadline)
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            raise self._error(error) from None
