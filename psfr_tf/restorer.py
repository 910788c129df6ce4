"""Restore faces in photos: detect, align, restore in batches, paste back."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from psfr_tf import model_folder
from psfr_tf.engines import Engine
from psfr_tf.errors import UserError
from psfr_tf.faces.align import align_face, face_transform
from psfr_tf.faces.believe import Candidate, RejectedFace, believable
from psfr_tf.faces.color import LUMA
from psfr_tf.faces.detect import DEFAULT_MIN_FACE, DEFAULT_MIN_SCORE, Face, FaceDetector
from psfr_tf.faces.paste import aligned_difference, is_grey, paste_faces
from psfr_tf.pictures import denormalize, normalize, resize_face, to_uint8

LITERT_FILE = "restorer_float32.tflite"
ENGINES = ("litert", "tensorflow")

# Faces per call of the engine: bounds memory in a crowd.
_BATCH = 8


@dataclass(frozen=True)
class RestoredFace:
    """One face of a photo, aligned to the FFHQ template at the model's size S.

    Attributes:
        box: (x, y, width, height) in pixels of the photo.
        score: detector's confidence in [0, 1].
        landmarks: float32 [5, 2], (x, y) in the photo, see `psfr_tf.faces.detect.Face`.
        matrix: float64 [2, 3], photo to aligned face.
        lq: uint8 RGB [S, S, 3], the aligned face as it is in the photo.
        parsing: uint8 [S, S], parsing map (`psfr_tf.labels`).
        restored: uint8 RGB [S, S, 3], the network's answer, at full strength.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray
    matrix: np.ndarray
    lq: np.ndarray
    parsing: np.ndarray
    restored: np.ndarray


@dataclass(frozen=True)
class RestoreResult:
    """A photo after restoration.

    Attributes:
        image: uint8 RGB [H * upscale, W * upscale, 3].
        faces: what was restored, from top to bottom.
        rejected: what the detector took for a face and was left as it is, with the reason.
    """

    image: np.ndarray
    faces: list[RestoredFace] = field(default_factory=list)
    rejected: list[RejectedFace] = field(default_factory=list)


class FaceRestorer:
    """Detects, aligns, restores and pastes back faces.

    Example:
        >>> restorer = FaceRestorer.from_pretrained("psfr-mobile-256")
        >>> result = restorer.restore(photo)  # uint8 RGB [H, W, 3]
        >>> result.image, len(result.faces)

    Safe to share by threads, as its engines and `FaceDetector` are: each photo comes back with its
    own faces, whatever the others do. An `engine` or `detector` of your own must be safe too.

    Args:
        engine: what runs the networks.
        path: the model folder that `generator` and `parsing_network` are loaded from.
        detector: what `FaceDetector` takes ("mtcnn", or the ONNX file of a YuNet), or a detector
            of your own, called as that one is.
        fidelity: operating point that `generator` is loaded with.
    """

    def __init__(
        self,
        engine: Engine,
        path: str | os.PathLike | None = None,
        detector="mtcnn",
        fidelity: float | None = None,
    ) -> None:
        self.engine = engine
        self.path = None if path is None else Path(path)
        self.fidelity = fidelity
        self.size = engine.size
        self._detector = detector if callable(detector) else FaceDetector(detector)
        self._loaded: model_folder.ModelFolder | None = None
        self._loading = threading.Lock()

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | os.PathLike,
        engine: str | None = None,
        fidelity: float | None = None,
        detector="mtcnn",
    ) -> "FaceRestorer":
        """Load shipped weights by name, or a model folder.

        Args:
            name_or_dir: for example "psfr-mobile-256", or a model folder.
            engine: "litert" runs `restorer_float32.tflite` of the folder without TensorFlow; if
                the folder has none, one is converted and kept in the user's cache folder.
                "tensorflow" runs the Keras networks. By default "litert" if the folder has the
                file, else "tensorflow".
            fidelity: 0 (perceptual: most detail) to 1 (faithful: nearest to the true pixels), for
                models with two operating points; None for the model's default, which is also what
                the folder's LiteRT file holds.
            detector: see the class.

        Raises:
            UserError: no such model, its files are damaged, it has only one operating point, or
                `detector` is not a usable file.
            ValueError: unknown engine, or `fidelity` is not in 0..1.
        """
        if engine is not None and engine not in ENGINES:
            raise ValueError(f"`engine` must be one of {ENGINES}. Received: engine={engine!r}")
        path = model_folder.resolve(name_or_dir)
        if engine is None:
            ready = (path / LITERT_FILE).is_file() and fidelity is None
            engine = "litert" if ready else "tensorflow"
        if engine == "litert":
            return cls(_litert_engine(path, fidelity), path, detector, fidelity)
        from psfr_tf.engines.tensorflow import TensorFlowEngine

        folder = model_folder.load_model_folder(path, fidelity)
        networks = TensorFlowEngine(folder.generator, folder.parsing_network)
        restorer = cls(networks, path, detector, fidelity)
        restorer._loaded = folder
        return restorer

    def _folder(self) -> model_folder.ModelFolder:
        if self.path is None:
            raise ValueError("This restorer was made without a model folder.")
        with self._loading:  # Two threads would load, and then train, two copies.
            if self._loaded is None:
                self._loaded = model_folder.load_model_folder(self.path, self.fidelity)
            return self._loaded

    @property
    def generator(self):
        """Keras model: `generator([lq, parsing])`; loaded on first use."""
        return self._folder().generator

    @property
    def parsing_network(self):
        """Keras model: `parsing_network(lq)["logits"]`; loaded on first use."""
        return self._folder().parsing_network

    def restore(
        self,
        photo: np.ndarray,
        strength: float = 1.0,
        upscale: int = 1,
        min_score: float = DEFAULT_MIN_SCORE,
        min_face: float = DEFAULT_MIN_FACE,
    ) -> RestoreResult:
        """Restore every face of a photo.

        Args:
            photo: uint8 RGB [H, W, 3], any size.
            strength: 0..1, how much of the change is applied.
            upscale: integer >= 1, enlargement of the whole photo.
            min_score: least confidence of the detector, 0..1.
            min_face: least shorter side of a face's box, in pixels of the photo.

        Returns:
            The photo, unchanged outside faces (and enlarged), and its faces. No face is a normal
            result.

        Raises:
            ValueError: wrong shape or dtype, or an argument out of range.
        """
        _check_pixels(photo, 3)
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"`strength` must be in 0..1. Received: strength={strength}")
        if upscale != int(upscale) or upscale < 1:
            raise ValueError(f"`upscale` must be an integer >= 1. Received: upscale={upscale}")
        found, rejected = believable(
            photo, self._detector, lambda faces: self._answer(photo, faces), min_score, min_face
        )
        differences = [
            aligned_difference(one.matrix, one.lq, one.restored, one.parsing) for one in found
        ]
        faces = [
            RestoredFace(
                one.face.box,
                one.face.score,
                one.face.landmarks,
                one.matrix,
                to_uint8(one.lq),
                one.parsing,
                to_uint8(one.restored),
            )
            for one in found
        ]
        image = paste_faces(photo, differences, strength, int(upscale))
        return RestoreResult(image, faces, rejected)

    def _answer(self, photo: np.ndarray, faces: list[Face]) -> list[Candidate]:
        candidates: list[Candidate] = []
        for start in range(0, len(faces), _BATCH):
            batch = faces[start : start + _BATCH]
            matrices = [face_transform(face.landmarks, self.size) for face in batch]
            lq = np.stack([align_face(photo, matrix, self.size) for matrix in matrices])
            restored, parsing = self.engine.run(normalize(lq))
            restored = denormalize(restored)
            candidates += map(Candidate, batch, matrices, lq, restored, parsing)
        return candidates

    def restore_aligned(self, faces: np.ndarray) -> np.ndarray:
        """Restore faces that are already aligned to the FFHQ template.

        Args:
            faces: uint8 RGB [B, H, H, 3], resized to the model's size S.

        Returns:
            uint8 RGB [B, S, S, 3]; grey where the face is grey (three equal channels).

        Raises:
            ValueError: wrong shape or dtype, or the faces are not square.
        """
        return self.restore_and_parse(faces)[0]

    def restore_and_parse(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `restore_aligned`, also returns the parsing maps, uint8 [B, S, S]."""
        _check_pixels(faces, 4)
        if faces.shape[1] != faces.shape[2]:
            raise ValueError(f"Aligned faces are square. Received: {faces.shape}")
        restored = np.empty((len(faces), self.size, self.size, 3), np.uint8)
        parsing = np.empty(restored.shape[:3], np.uint8)
        for start in range(0, len(faces), _BATCH):
            part = np.s_[start : start + _BATCH]
            lq = np.stack([resize_face(face, self.size) for face in faces[part]])
            output, parsing[part] = self.engine.run(normalize(lq))
            for index, face in enumerate(faces[part]):
                if is_grey(face):
                    output[index] = (output[index] @ LUMA)[..., None]
            restored[part] = to_uint8(denormalize(output))
        return restored, parsing


def _check_pixels(pixels: np.ndarray, rank: int) -> None:
    shape = "[H, W, 3]" if rank == 3 else "[B, H, W, 3]"
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != rank
        or pixels.shape[-1] != 3
        or 0 in pixels.shape[-3:]
    ):
        received = getattr(pixels, "dtype", type(pixels).__name__)
        raise ValueError(f"uint8 RGB {shape} is needed. Received: {received} {np.shape(pixels)}")


def _litert_engine(path: Path, fidelity: float | None):
    from psfr_tf.engines.litert import LiteRTEngine
    from psfr_tf.engines.probe import check_file

    model = path / LITERT_FILE
    if fidelity is not None or not model.is_file():
        # Only a folder without the file for this fidelity needs the converter, and TensorFlow.
        from psfr_tf.engines.litert_file import cached_file

        model = cached_file(path, fidelity)
    elif not model_folder.has_hash(path, LITERT_FILE):
        check_file(model)
    try:
        return LiteRTEngine(model)
    except (ImportError, ValueError, RuntimeError) as error:
        raise UserError(f"{model}: {' '.join(str(error).split())}") from error
