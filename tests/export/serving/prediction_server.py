"""A stand-in for TF Serving: the same protocols over real sockets, on the exported SavedModel.

It loads the model as TF Serving does, into a session, and runs signatures by their feeds and
fetches. What it answers (status codes, JSON) follows TF Serving's documentation and sources.
"""

import base64
import http.server
import json
import re
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

# tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode
HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class LoadedModel:
    """One version of a model. The first requests meet `failures`, the others wait `delay` s."""

    def __init__(self, path, name: str, version: int) -> None:
        self.name, self.version = name, version
        self.delay = 0.0
        self.failures: list[Refused] = []
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
        self.signatures = loaded.signature_def

    def check(self, name: str, version: int | None) -> None:
        if name != self.name or version not in (None, self.version):
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

    def signature(self, name: str):
        if (name or "serving_default") not in self.signatures:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        return self.signatures[name or "serving_default"]

    def predict(self, signature, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self.failures:
            raise self.failures.pop(0)
        time.sleep(self.delay)
        # predict_util.cc and saved_model/util.cc: what is not sent has a default, or is missing.
        missing = set(signature.inputs) - set(inputs) - set(signature.defaults)
        if missing or set(inputs) - set(signature.inputs):
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, f"inputs must be {list(signature.inputs)}"
            )
        for name, value in inputs.items():
            info = signature.inputs[name]
            if tf.as_dtype(info.dtype) != tf.as_dtype(value.dtype):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{name}: wrong dtype")
            if not tf.TensorShape(info.tensor_shape).is_compatible_with(value.shape):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{name}: wrong shape")
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: info.name for name, info in signature.outputs.items()}
        try:
            return self._session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise Refused(CODES[error.error_code], error.message) from None


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def Predict(self, request, context):
        try:
            spec = request.model_spec
            self._model.check(spec.name, spec.version.value if spec.HasField("version") else None)
            signature = self._model.signature(spec.signature_name)
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            outputs = self._model.predict(signature, inputs)
        except Refused as error:
            context.abort(error.code, str(error))
        response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            dtype = tf.as_dtype(signature.outputs[name].dtype)
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
        return response

    def GetModelMetadata(self, request, context):
        try:
            spec = request.model_spec
            self._model.check(spec.name, spec.version.value if spec.HasField("version") else None)
        except Refused as error:
            context.abort(error.code, str(error))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signature_map(self._model))
        return response


def signature_map(model: LoadedModel) -> get_model_metadata_pb2.SignatureDefMap:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in model.signatures.items():
        signatures.signature_def[name].CopyFrom(signature)
    return signatures


def rest_handler(model: LoadedModel):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(r"/v1/models/([^/:]+)(?:/versions/(\d+))?/metadata", self._metadata)

        def do_POST(self):
            self._answer(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict", self._predict)

        def _answer(self, path, method):
            try:
                match = re.fullmatch(path, self.path)
                if match is None:
                    raise Refused(grpc.StatusCode.NOT_FOUND, "Malformed request")
                model.check(match[1], None if match[2] is None else int(match[2]))
                status, answer = 200, method()
            except Refused as error:
                status, answer = HTTP_STATUS[error.code], {"error": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _metadata(self):
            signatures = json_format.MessageToDict(
                signature_map(model), preserving_proto_field_name=True
            )
            return {"model_spec": {"name": model.name}, "metadata": {"signature_def": signatures}}

        def _predict(self):
            try:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                signature = model.signature(request.get("signature_name", ""))
                if "inputs" in request:
                    return self._columns(signature, request["inputs"])
                ((key, info),) = signature.inputs.items()
                rows = [
                    row[key] if isinstance(row, dict) and key in row else row
                    for row in request["instances"]
                ]
                dtype = tf.as_dtype(info.dtype)
                if dtype == tf.string:
                    rows = [base64.b64decode(row["b64"], validate=True) for row in rows]
                values = np.array(
                    rows, dtype=object if dtype == tf.string else dtype.as_numpy_dtype
                )
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                message = f"JSON Parse error: {error}"
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message) from None
            outputs = model.predict(signature, {key: values})
            columns = {name: _json_rows(name, value) for name, value in outputs.items()}
            if len(columns) == 1:
                return {"predictions": next(iter(columns.values()))}
            return {
                "predictions": [
                    dict(zip(columns, row, strict=True))
                    for row in zip(*columns.values(), strict=True)
                ]
            }

        def _columns(self, signature, given):
            """util/json_tensor.cc: in the format of columns every input is named."""
            if set(given) != set(signature.inputs):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing named input")
            inputs = {}
            for name, info in signature.inputs.items():
                dtype = tf.as_dtype(info.dtype)
                strings = dtype == tf.string
                value = _decoded(given[name]) if strings else given[name]
                inputs[name] = np.array(value, object if strings else dtype.as_numpy_dtype)
            outputs = model.predict(signature, inputs)
            return {"outputs": {name: _json_rows(name, value) for name, value in outputs.items()}}

        def log_message(self, *_):
            pass

    return Handler


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    return base64.b64decode(value["b64"], validate=True)


def _json_rows(name, value):
    if not name.endswith("_bytes"):
        return value.tolist()
    return [{"b64": base64.b64encode(item).decode()} for item in value]


class PredictionServer:
    """gRPC and REST on loopback. `start` after `stop` listens on the same ports again.

    Args:
        model: what it serves.
        max_message_bytes: of a gRPC message.
        tls: private key and certificate (PEM), for gRPC in TLS.
    """

    def __init__(
        self,
        model: LoadedModel,
        max_message_bytes: int = 2**31 - 1,
        tls: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.model, self._tls = model, tls
        # TF Serving sets the greatest int32 (model_servers/server.cc).
        self._options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.so_reuseport", 0),
        ]
        self._ports = {"grpc": 0, "rest": 0}
        self.start()

    def address(self, protocol: str) -> str:
        return f"127.0.0.1:{self._ports[protocol]}"

    def start(self) -> None:
        self._grpc = grpc.server(futures.ThreadPoolExecutor(8), options=self._options)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(self.model), self._grpc
        )
        if self._tls is None:
            self._ports["grpc"] = self._grpc.add_insecure_port(self.address("grpc"))
        else:
            credentials = grpc.ssl_server_credentials([self._tls])
            self._ports["grpc"] = self._grpc.add_secure_port(self.address("grpc"), credentials)
        self._grpc.start()
        http.server.ThreadingHTTPServer.request_queue_size = 64
        self._rest = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self._ports["rest"]), rest_handler(self.model)
        )
        self._ports["rest"] = self._rest.server_port
        threading.Thread(target=self._rest.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Running gRPC calls are cut off; running HTTP calls end."""
        self._grpc.stop(0).wait()
        self._rest.shutdown()
        self._rest.server_close()
