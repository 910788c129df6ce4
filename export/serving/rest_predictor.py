"""TF Serving's REST interface. Needs numpy only."""

import base64
import http.client
import json
from urllib.parse import quote

import numpy as np

from psfr_tf.export.serving.errors import server_error
from psfr_tf.export.serving.photos import SIGNATURE, RestoredPhoto, photo_inputs, restored_photo

# Too many requests, and what a proxy or TF Serving answers when the model is not there yet, is
# overloaded or too slow.
_TRANSIENT = {429, 502, 503, 504}


class RestPredictor:
    """See `psfr_tf.export.serving.engine.Predictor`."""

    def __init__(
        self, address: str, model: str, version: int | None = None, deadline: float = 60
    ) -> None:
        self.address = address
        self._model = model
        self._deadline = deadline
        self._path = f"/v1/models/{quote(model)}" + (
            "" if version is None else f"/versions/{version}"
        )

    def face_size(self, timeout: float | None = None) -> int:
        answer = self._call("GET", f"{self._path}/metadata", timeout=timeout)
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            signatures["restore_bytes"]
            images = signatures["serving_default"]["inputs"]["images"]
            return int(images["tensor_shape"]["dim"][1]["size"])
        except (KeyError, IndexError, TypeError, ValueError):
            reason = f"the model {self._model} does not restore faces"
            raise server_error(self.address, reason) from None

    def restore(
        self, faces: list[bytes], timeout: float | None = None
    ) -> list[tuple[bytes, bytes]]:
        request = {
            "signature_name": "restore_bytes",
            "instances": [{"image_bytes": _encoded(face)} for face in faces],
        }
        answer = self._call("POST", f"{self._path}:predict", request, timeout)
        try:
            return [
                (_decoded(prediction["restored_bytes"]), _decoded(prediction["parsing_bytes"]))
                for prediction in answer["predictions"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise server_error(self.address, f"not TF Serving's answer: {error!r}") from None

    def restore_photo(
        self,
        photo: bytes,
        strength: float = 1.0,
        min_score: float = 0.8,
        format: str = "auto",
        timeout: float | None = None,
    ) -> RestoredPhoto:
        """See `GrpcPredictor.restore_photo`."""
        inputs = photo_inputs(photo, strength, min_score, format)
        request = {
            "signature_name": SIGNATURE,
            "inputs": {name: _json_value(value) for name, value in inputs.items()},
        }
        answer = self._call("POST", f"{self._path}:predict", request, timeout)
        try:
            outputs = {name: _array(value) for name, value in answer["outputs"].items()}
            return restored_photo(outputs)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise server_error(self.address, f"not TF Serving's answer: {error!r}") from None

    def close(self) -> None:
        """Nothing is open between calls."""

    def _call(
        self, method: str, path: str, body: dict | None = None, timeout: float | None = None
    ) -> dict:
        seconds = self._deadline if timeout is None else min(timeout, self._deadline)
        connection = http.client.HTTPConnection(self.address, timeout=seconds)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            # The status line of HTTP/2 is none; a closed connection counts as such a line, too.
            if isinstance(error, http.client.BadStatusLine) and not isinstance(error, OSError):
                raise server_error(
                    self.address,
                    "no web server: this may be TF Serving's gRPC port; REST has a port of its "
                    "own, 8501 by default. Or use --protocol grpc",
                ) from None
            reason = str(error) or type(error).__name__
            raise server_error(self.address, reason, transient=True) from None
        except ValueError as error:  # an address that cannot be one
            raise server_error(self.address, str(error)) from None
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {"error": content[:200].decode("utf-8", "replace")}
        if status != 200:
            reason = answer.get("error", "") if isinstance(answer, dict) else ""
            raise server_error(self.address, f"HTTP {status}: {reason}", status in _TRANSIENT)
        return answer


def _decoded(value: dict) -> bytes:
    return base64.b64decode(value["b64"], validate=True)


def _encoded(value: bytes) -> dict:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _json_value(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    return _encoded(value) if isinstance(value, bytes) else [_encoded(each) for each in value]


def _array(value) -> np.ndarray:
    """A column of the answer: numbers, or bytes."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        decoded = np.empty(len(value), object)
        decoded[:] = [_decoded(each) for each in value]
        return decoded
    return np.asarray(value, np.int64 if _is_whole(value) else np.float32)


def _is_whole(value) -> bool:
    return isinstance(value, list) and all(isinstance(each, int) for each in value)
