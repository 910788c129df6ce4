"""The networks on a TF Serving server, as an engine of `FaceRestorer`."""

import contextlib
import contextvars
import functools
import time
from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np

from psfr_tf.engines import checked_faces
from psfr_tf.export.serving.errors import server_error
from psfr_tf.export.serving.retry import with_retries
from psfr_tf.pictures import denormalize, normalize, to_uint8
from psfr_tf.restorer import FaceRestorer


class Predictor(Protocol):
    """Calls the signature `restore_bytes` of a model; may be shared by threads.

    `GrpcPredictor` and `RestPredictor` are made with `address` ("host:port"), `model` (its name),
    `version` (None for the server's newest) and `deadline` (seconds for one call; with REST, that
    the server may be silent). Both methods take `timeout`, the seconds for this call if it must be
    fewer, and raise a `ServerError`, which is a `TransientServerError` if the same call may succeed
    later.
    """

    address: str

    def face_size(self, timeout: float | None = None) -> int:
        """Side of the model's faces in pixels."""

    def restore(
        self, faces: list[bytes], timeout: float | None = None
    ) -> list[tuple[bytes, bytes]]:
        """For each aligned face, a PNG or JPEG file, the restored face and the parsing map, PNG."""


class ServingEngine:
    """Sends faces as PNG files, several in a request; see `psfr_tf.engines` for the interface.

    Faces are rounded to 8 bits on the way there and back, so a restored photo differs a little
    from a local one: psfr-mobile-256 on a photo of 29 faces by 0.02 levels in the mean, 5 at most.

    Safe to share by threads: it holds nothing of a call, and neither do `GrpcPredictor` (gRPC's
    channels may be shared) and `RestPredictor` (a connection for each request).

    Args:
        predictor: the connection.
        batch_size: most faces in a request; the server's `max_batch_size` bounds it.
        retries: further attempts after a failure that may pass.
        photo_deadline: seconds for all requests and attempts in one block of `one_photo`; None
            for no limit beside that of each request.

    Raises:
        ServerError: the server does not answer, or has no such model.
    """

    name = "serving"

    def __init__(
        self,
        predictor: Predictor,
        batch_size: int = 8,
        retries: int = 5,
        photo_deadline: float | None = None,
    ) -> None:
        self._predictor = predictor
        self._batch_size = batch_size
        self._retries = retries
        self._photo_deadline = photo_deadline
        self._end: contextvars.ContextVar[float | None] = contextvars.ContextVar("end")
        self.size = with_retries(predictor.face_size, retries)

    @contextlib.contextmanager
    def one_photo(self) -> Iterator[None]:
        """What this thread runs within belongs to one photo and shares its deadline."""
        limit = self._photo_deadline
        token = self._end.set(None if limit is None else time.monotonic() + limit)
        try:
            yield
        finally:
            self._end.reset(token)

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`.

        Raises:
            ServerError: the server refused the faces, or did not answer any attempt.
        """
        lq = checked_faces(lq, self.size)
        pixels = to_uint8(denormalize(lq))
        restored = np.empty(lq.shape, np.float32)
        labels = np.empty(lq.shape[:3], np.uint8)
        for start in range(0, len(lq), self._batch_size):
            part = slice(start, start + self._batch_size)
            files = [_to_png(face) for face in pixels[part]]
            call = functools.partial(self._predictor.restore, files)
            answer = with_retries(call, self._retries, end=self._end.get(None))
            if len(answer) != len(files):
                raise self._bad_answer(f"{len(answer)} faces for {len(files)}")
            for index, (face, parsing) in enumerate(answer, start):
                image = self._decode(face, cv2.IMREAD_COLOR, (self.size, self.size, 3))
                restored[index] = normalize(image[..., ::-1])
                labels[index] = self._decode(parsing, cv2.IMREAD_GRAYSCALE, (self.size, self.size))
        return restored, labels

    def _decode(self, file: bytes, mode: int, shape: tuple) -> np.ndarray:
        image = cv2.imdecode(np.frombuffer(file, np.uint8), mode) if file else None
        if image is None or image.shape != shape:
            raise self._bad_answer("an image that cannot be read, or of another size")
        return image

    def _bad_answer(self, what: str):
        return server_error(self._predictor.address, f"the server returned {what}")


def _to_png(face: np.ndarray) -> bytes:
    return cv2.imencode(".png", face[..., ::-1])[1].tobytes()


class ServedRestorer(FaceRestorer):
    """A `FaceRestorer` on a `ServingEngine`; each photo has the engine's `photo_deadline`."""

    def restore(self, *args, **options):
        with self.engine.one_photo():
            return super().restore(*args, **options)
