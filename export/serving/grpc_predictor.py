"""TF Serving's gRPC interface, `tensorflow.serving.PredictionService`."""

import grpc

from psfr_tf.export.serving import wire
from psfr_tf.export.serving.grpc_channel import (
    Options,
    methods,
    named_error,
    open_channel,
    size_of_faces,
)
from psfr_tf.export.serving.photos import SIGNATURE, RestoredPhoto, photo_inputs, restored_photo


class GrpcPredictor:
    """See `psfr_tf.export.serving.engine.Predictor`; also calls the signature of whole photos.

    Safe to share by threads.

    Args:
        address: "host:port", or a name of gRPC's such as "dns:///host:port".
        model: its name on the server.
        version: None for the server's newest.
        deadline: seconds that one call may take.
        options, credentials: see `open_channel`.
    """

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
        self._channel = open_channel(grpc, address, options, credentials)
        self._predict, self._metadata = methods(self._channel)

    def face_size(self, timeout: float | None = None) -> int:
        shapes = self._call(self._metadata, wire.metadata_request(*self._model), timeout)
        return size_of_faces(shapes, self.address, self._model[0])

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
            raise named_error(error, self.address, self._plain) from None
