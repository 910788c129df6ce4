"""TF Serving's gRPC interface, `tensorflow.serving.PredictionService`."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from psfr_tf.export.serving.errors import server_error
from psfr_tf.export.serving.protocol import speaks_http1

# gRPC receives 4 MiB unless told otherwise: 8 faces of 512 px as PNG come near it.
MAX_MESSAGE_BYTES = 64 * 2**20
# After a failed connection gRPC waits up to 2 minutes before it tries again, and fails every call
# meanwhile; a retry must find a server that has come back.
_MAX_RECONNECT_MS = 1000

_TRANSIENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


class GrpcPredictor:
    """See `psfr_tf.export.serving.engine.Predictor`."""

    def __init__(self, address: str, model: str, version: int | None, deadline: float) -> None:
        self.address = address
        self._model = model
        self._version = version
        self._deadline = deadline
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.initial_reconnect_backoff_ms", _MAX_RECONNECT_MS),
                ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_MS),
            ],
        )
        self._service = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def face_size(self) -> int:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._fill(request.model_spec)
        answer = self._call(self._service.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        shape = signatures.signature_def["serving_default"].inputs["images"].tensor_shape.dim
        if "restore_bytes" not in signatures.signature_def or len(shape) != 4:
            raise server_error(self.address, f"the model {self._model} does not restore faces")
        return shape[1].size

    def restore(self, faces: list[bytes]) -> list[tuple[bytes, bytes]]:
        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec)
        request.model_spec.signature_name = "restore_bytes"
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(faces, tf.string))
        outputs = self._call(self._service.Predict, request).outputs
        return list(
            zip(
                outputs["restored_bytes"].string_val,
                outputs["parsing_bytes"].string_val,
                strict=True,
            )
        )

    def _fill(self, spec) -> None:
        spec.name = self._model
        if self._version is not None:
            spec.version.value = self._version

    def _call(self, method, request):
        try:
            return method(request, timeout=self._deadline)
        except grpc.RpcError as error:
            code = error.code()
            if code in _TRANSIENT and speaks_http1(self.address):
                raise server_error(
                    self.address,
                    "this is TF Serving's REST port (or another web server); gRPC has a port of "
                    "its own, 8500 by default. Or use --protocol rest",
                ) from None
            raise server_error(
                self.address, f"{code.name}: {error.details()}", code in _TRANSIENT
            ) from None
