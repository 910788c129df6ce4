"""Restore faces in photos: detect, align, restore in batches, paste back."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from psfr_tf import model_folder
from psfr_tf.engines import Engine, ready_files
from psfr_tf.engines.onnx import OnnxEngine
from psfr_tf.engines.ready_files import PRECISIONS
from psfr_tf.errors import UserError
from psfr_tf.faces.align import align_face, face_transform
from psfr_tf.faces.believe import Candidate, believable
from psfr_tf.faces.choice import chosen_faces
from psfr_tf.faces.color import LUMA
from psfr_tf.faces.detect import DEFAULT_MIN_FACE, DEFAULT_MIN_SCORE, Face, FaceDetector
from psfr_tf.faces.paste import aligned_difference, enlarge, is_gray, paste_faces
from psfr_tf.machine import available_cores
from psfr_tf.photo import Photo, photo_of, read_photo
from psfr_tf.pictures import denormalize, normalize, resize_face, to_uint8
from psfr_tf.restore_result import RestoredFace, RestoreResult

ENGINES = ("litert", "onnx", "tensorflow")

# What runs a single file.
MODEL_FILES = {".tflite": "litert", ".onnx": "onnx"}

# Faces per call of the engine: bounds memory in a crowd.
_BATCH = 8


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
        precision: str | None = None,
    ) -> "FaceRestorer":
        """Load shipped weights by name, a model folder, or a LiteRT or ONNX file.

        Args:
            name_or_dir: for example "psfr-mobile-256", a model folder, or a `restorer_*.tflite`
                or `restorer_*.onnx` that `psfr export` wrote.
            engine: "litert" runs a LiteRT file of the folder without TensorFlow; if the folder has
                none (`psfr_tf.engines.ready_files`), one is converted and kept in the user's cache
                folder. "onnx" runs an ONNX file in float32 by ONNX Runtime, found or made in the
                same way. "tensorflow" runs the Keras networks. By default "litert" if the folder
                has the files, as the shipped weights have, or a `precision` is asked for; else
                "tensorflow".
            fidelity: 0 (perceptual: most detail) to 1 (faithful: nearest to the true pixels), for
                models with two operating points; None for the model's default.
            detector: see the class.
            precision: of the weights in LiteRT, "int8-dynamic", "float16" or "float32". By
                default the fastest that the folder has files of at this fidelity: of the shipped
                weights "int8-dynamic" at the default, else "float16".

        Raises:
            UserError: no such model, its files are damaged, it has only one operating point, or
                `detector` is not a usable file.
            ModuleNotFoundError: TensorFlow is needed, and not installed.
            ValueError: unknown engine or precision, a precision with another engine than "litert",
                or `fidelity` is not in 0..1.
        """
        if engine not in (None, *ENGINES):
            raise ValueError(f"`engine` must be one of {ENGINES}. Received: engine={engine!r}")
        if precision not in (None, *PRECISIONS) or (precision and engine in ENGINES[1:]):
            raise ValueError(
                f'`precision` must be one of {PRECISIONS}, and is for the engine "litert". '
                f"Received: precision={precision!r}, engine={engine!r}"
            )
        if is_model_file(name_or_dir):
            file = Path(name_or_dir)
            if fidelity is not None or precision or engine not in (None, MODEL_FILES[file.suffix]):
                raise UserError(
                    f"{name_or_dir}: a file has one fidelity, precision and engine "
                    f"({MODEL_FILES[file.suffix]}); omit these options"
                )
            return cls(ready_files.open_file(file), None, detector)
        path = model_folder.resolve(name_or_dir)
        ready = ready_files.ready_precision(path, fidelity, precision)
        if engine is None:
            engine = "litert" if ready or precision else "tensorflow"
        if engine == "litert" and ready:
            return cls(ready_files.open_ready(path, fidelity, ready), path, detector, fidelity)
        if engine == "onnx":
            found = ready_files.ready_onnx(path, fidelity)
            if found is None:
                from psfr_tf.engines.litert_file import cached_file

                found = cached_file(path, fidelity, suffix=".onnx")
            return cls(OnnxEngine(found), path, detector, fidelity)
        if engine == "litert":
            from psfr_tf.engines.litert_file import cached_file

            model = cached_file(path, fidelity, precision or "float32")
            return cls(ready_files.engine_of(model, model), path, detector, fidelity)
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
        photo,
        strength: float = 1.0,
        upscale: int = 1,
        min_score: float = DEFAULT_MIN_SCORE,
        min_face: float = DEFAULT_MIN_FACE,
        faces: str | Sequence[int] = "all",
    ) -> RestoreResult:
        """Restore every face of a photo.

        Args:
            photo: uint8 array, RGB [H, W, 3], RGBA [H, W, 4] or gray [H, W], any size; or a path,
                a `PIL.Image.Image`, or a `psfr_tf.photo.Photo`.
            strength: 0..1, how much of the change is applied.
            upscale: integer >= 1, enlargement of the whole photo.
            min_score: least confidence of the detector, 0..1.
            min_face: least shorter side of a face's box, in pixels of the photo.
            faces: "all", "largest", "center" (nearest to the photo's center), or the numbers of
                the faces, from 0, top to bottom.

        Returns:
            The photo, unchanged outside faces (and enlarged), and its faces. No face is a normal
            result.

        Raises:
            UserError: the file is no picture that can be read, or there is no face of that number.
            ValueError: wrong shape or dtype, or an argument out of range.
        """
        photo = _as_photo(photo)
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"`strength` must be in 0..1. Received: strength={strength}")
        if upscale != int(upscale) or upscale < 1:
            raise ValueError(f"`upscale` must be an integer >= 1. Received: upscale={upscale}")
        rgb, upscale = photo.rgb, int(upscale)
        found, rejected = believable(
            rgb, self._detector, lambda faces: self._answer(rgb, faces), min_score, min_face
        )
        chosen = chosen_faces([one.face.box for one in found], rgb.shape, faces)
        with ThreadPoolExecutor(available_cores()) as threads:  # starts none that it does not need
            differences = list(
                threads.map(
                    lambda one: aligned_difference(one.matrix, one.lq, one.restored, one.parsing),
                    [found[index] for index in chosen],
                )
            )
        image = paste_faces(rgb, differences, strength, upscale)
        results: dict[bool, list[RestoredFace]] = {True: [], False: []}
        for index, one in enumerate(found):
            face = RestoredFace(
                one.face.box,
                one.face.score,
                one.face.landmarks,
                one.matrix,
                to_uint8(one.lq),
                one.parsing,
                to_uint8(one.restored),
                index,
            )
            results[index in chosen].append(face)
        alpha = None if photo.alpha is None else enlarge(photo.alpha, upscale)
        return RestoreResult(image, results[True], rejected, results[False], photo, alpha)

    def _answer(self, photo: np.ndarray, faces: list[Face]) -> list[Candidate]:
        candidates: list[Candidate] = []
        for start in range(0, len(faces), _BATCH):
            batch = faces[start : start + _BATCH]
            matrices = [face_transform(face.landmarks, self.size) for face in batch]
            lq = np.stack([align_face(photo, matrix, self.size) for matrix in matrices])
            restored, parsing = self._run(lq)
            candidates += map(Candidate, batch, matrices, lq, restored, parsing)
        return candidates

    def _run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The networks on faces of 0..255; the restored ones are, too.

        Raises:
            UserError: what they make is no picture.
        """
        restored, parsing = self.engine.run(normalize(lq))
        if not np.isfinite(restored).all():
            raise UserError("the model's results are not numbers: its weights are damaged")
        return denormalize(restored), parsing

    def restore_aligned(self, faces: np.ndarray) -> np.ndarray:
        """Restore faces that are already aligned to the FFHQ template.

        Args:
            faces: uint8 RGB [B, H, H, 3], resized to the model's size S.

        Returns:
            uint8 RGB [B, S, S, 3]; gray where the face is gray (three equal channels).

        Raises:
            ValueError: wrong shape or dtype, or the faces are not square.
        """
        return self.restore_and_parse(faces)[0]

    def restore_and_parse(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `restore_aligned`, also returns the parsing maps, uint8 [B, S, S]."""
        _check_pixels(faces, 4, (3,))
        if faces.shape[1] != faces.shape[2]:
            raise ValueError(f"Aligned faces are square. Received: {faces.shape}")
        restored = np.empty((len(faces), self.size, self.size, 3), np.uint8)
        parsing = np.empty(restored.shape[:3], np.uint8)
        for start in range(0, len(faces), _BATCH):
            part = np.s_[start : start + _BATCH]
            lq = np.stack([resize_face(face, self.size) for face in faces[part]])
            output, parsing[part] = self._run(lq)
            for index, face in enumerate(faces[part]):
                if is_gray(face):
                    output[index] = (output[index] @ LUMA)[..., None]
            restored[part] = to_uint8(output)
        return restored, parsing


def is_model_file(name_or_dir: str | os.PathLike) -> bool:
    """Whether a model is named by its LiteRT or ONNX file."""
    return Path(name_or_dir).suffix in MODEL_FILES and not Path(name_or_dir).is_dir()


def _as_photo(photo) -> Photo:
    """What `FaceRestorer.restore` takes, as a `Photo`."""
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, str | os.PathLike):
        return read_photo(photo)
    if not isinstance(photo, np.ndarray) and hasattr(photo, "getexif"):  # a picture of Pillow
        return photo_of(photo)
    gray = isinstance(photo, np.ndarray) and photo.ndim == 2
    if gray:
        photo = photo[..., None].repeat(3, axis=-1)
    _check_pixels(photo, 3, (3, 4))
    rgb = np.ascontiguousarray(photo[..., :3])
    return Photo(rgb, photo[..., 3] if photo.shape[-1] == 4 else None, gray)


def _check_pixels(pixels: np.ndarray, rank: int, channels: tuple[int, ...]) -> None:
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != rank
        or pixels.shape[-1] not in channels
        or 0 in pixels.shape[-3:]
    ):
        shape = "[B, H, W, 3]" if rank == 4 else "[H, W, 3], RGBA [H, W, 4] or gray [H, W]"
        received = getattr(pixels, "dtype", type(pixels).__name__)
        raise ValueError(f"uint8 RGB {shape} is needed. Received: {received} {np.shape(pixels)}")
