"""TF Serving's REST interface. Needs the standard library only."""

import base64
import http.client
import json
from urllib.parse import quote

from psfr_tf.export.serving.errors import server_error

# Too many requests, and what a proxy or TF Serving answers when the model is not there yet, is
# overloaded or too slow.
_TRANSIENT = {429, 502, 503, 504}


class RestPredictor:
    """See `psfr_tf.export.serving.engine.Predictor`."""

    def __init__(self, address: str, model: str, version: int | None, deadline: float) -> None:
        self.address = address
        self._model = model
        self._deadline = deadline
        self._path = f"/v1/models/{quote(model)}" + (
            "" if version is None else f"/versions/{version}"
        )

    def face_size(self) -> int:
        answer = self._call("GET", f"{self._path}/metadata")
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            signatures["restore_bytes"]
            images = signatures["serving_default"]["inputs"]["images"]
            return int(images["tensor_shape"]["dim"][1]["size"])
        except (KeyError, IndexError, TypeError, ValueError):
            reason = f"the model {self._model} does not restore faces"
            raise server_error(self.address, reason) from None

    def restore(self, faces: list[bytes]) -> list[tuple[bytes, bytes]]:
        encoded = [base64.b64encode(face).decode("ascii") for face in faces]
        request = {
            "signature_name": "restore_bytes",
            "instances": [{"image_bytes": {"b64": text}} for text in encoded],
        }
        answer = self._call("POST", f"{self._path}:predict", request)
        try:
            return [
                (_decoded(prediction["restored_bytes"]), _decoded(prediction["parsing_bytes"]))
                for prediction in answer["predictions"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise server_error(self.address, f"not TF Serving's answer: {error!r}") from None

    def _call(self, method: str, path: str, body: dict | None = None) -> dict:
        connection = http.client.HTTPConnection(self.address, timeout=self._deadline)
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
