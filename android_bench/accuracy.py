"""What a file should make of the fixed face, and how far an output is from that.

The reference is the float32 file of the same network in the same folder, run here by LiteRT's own
kernels, so that XNNPACK is checked too.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psfr_tf.android_bench.face import damaged_face
from psfr_tf.android_bench.local import LocalTarget
from psfr_tf.android_bench.model_file import ModelFile, Tensor, read_model_file
from psfr_tf.android_bench.plan import Case
from psfr_tf.android_bench.results import Accuracy
from psfr_tf.android_bench.target import CaseFailed
from psfr_tf.errors import UserError
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.machine import available_cores
from psfr_tf.pictures import denormalize, normalize, psnr_db, to_uint8


class NoReference(Exception):
    """Nothing to compare a file with; the message says why, in one line."""


@dataclass(frozen=True)
class Expected:
    """The reference for one file.

    Attributes:
        inputs: one array for each input of the file.
        outputs: by name, see `model_file.Tensor.argument`.
        model: the file that made them.
    """

    inputs: list[np.ndarray]
    outputs: dict[str, np.ndarray]
    model: ModelFile


class References:
    """References of files, each computed once."""

    def __init__(self) -> None:
        self._target = LocalTarget()
        self._made: dict[str, dict[str, np.ndarray]] = {}
        self._float32: dict[Path, list[ModelFile]] = {}

    def expected(self, model: ModelFile) -> Expected:
        """The reference of a file.

        Raises:
            NoReference: there is none.
        """
        reference = _only(model, self._beside(model), _same_tensors)
        inputs = self._inputs(reference)
        cast = [_as_type(array, tensor) for array, tensor in zip(inputs, model.inputs, strict=True)]
        return Expected(cast, self._run(reference, inputs), reference)

    def _inputs(self, model: ModelFile) -> list[np.ndarray]:
        inputs = []
        for tensor in model.inputs:
            face = (1, model.size, model.size)
            if model.size and tensor.shape == (*face, 3):
                inputs.append(_as_type(damaged_face(model.size)[None], tensor))
            elif tensor.shape == (*face, NUM_CLASSES):
                inputs.append(self._parsing(model))
            else:
                raise NoReference(f"input {tensor.argument} {tensor.shape} is not a face")
        return inputs

    def _parsing(self, model: ModelFile) -> np.ndarray:
        """Parsing map of the face, by the file beside it that makes one of a face alone."""
        maker = _only(model, self._beside(model), _makes_parsing)
        (logits,) = (
            array
            for array in self._run(maker, self._inputs(maker)).values()
            if array.shape[-1] == NUM_CLASSES
        )
        if model.soft_parsing:
            exponentials = np.exp(logits - logits.max(-1, keepdims=True))
            return exponentials / exponentials.sum(-1, keepdims=True)
        return np.eye(NUM_CLASSES, dtype=np.float32)[logits.argmax(-1)]

    def _beside(self, model: ModelFile) -> list[ModelFile]:
        """The float32 files of the same weights in the same folder."""
        folder = model.path.parent
        if folder not in self._float32:
            self._float32[folder] = []
            for path in sorted(folder.glob("*.tflite")):
                with contextlib.suppress(UserError):  # What is no model is no reference.
                    other = read_model_file(path)
                    if other.precision == "float32":
                        self._float32[folder].append(other)
        return [other for other in self._float32[folder] if other.weights == model.weights]

    def _run(self, model: ModelFile, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
        if model.sha256 not in self._made:
            try:
                outputs = self._target.output(Case(model, "cpu", available_cores()), inputs)
            except CaseFailed as error:
                raise NoReference(f"{model.path.name}: {error.reason}") from None
            self._made[model.sha256] = by_name(model, outputs)
        return self._made[model.sha256]


def by_name(model: ModelFile, outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of a file by their names."""
    return {tensor.argument: array for tensor, array in zip(model.outputs, outputs, strict=True)}


def accuracy(model: ModelFile, outputs: Sequence[np.ndarray], expected: Expected) -> Accuracy:
    """Compare a file's outputs with the reference.

    Pictures are compared in [-1, 1] (clipped, peak to peak 2), or in [0, 255] if they are uint8;
    those of other projects' float files over the range that the reference output has.
    """
    made = by_name(model, outputs)
    psnr = max_error = equal_labels = None
    for tensor in model.outputs:
        output, reference = made[tensor.argument], expected.outputs[tensor.argument]
        if tensor.shape[-1] == 3 and psnr is None:
            first, second, peak = _comparable(output, reference, expected.model.part is not None)
            max_error = float(np.abs(first - second).max())
            psnr = psnr_db(float(np.mean(np.square(first - second))), peak)
        elif tensor.shape[-1] == NUM_CLASSES:
            equal_labels = float(np.mean(output.argmax(-1) == reference.argmax(-1)))
        elif tensor.argument == "labels":
            equal_labels = float(np.mean(output == reference))
    return Accuracy(
        reference=expected.model.path.name,
        reference_sha256=expected.model.sha256,
        psnr_db=psnr,
        max_error=max_error,
        equal_labels=equal_labels,
    )


def picture(tensors: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> np.ndarray | None:
    """The first RGB output as uint8 [S, S, 3]; None if there is no picture among them."""
    for tensor, array in zip(tensors, outputs, strict=True):
        if len(tensor.shape) == 4 and tensor.shape[-1] == 3:
            if array.dtype == np.uint8:
                return array[0]
            return to_uint8(denormalize(np.nan_to_num(array[0].astype(np.float32))))
    return None


def _comparable(output, reference, ours: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Both in float64, and the peak. What is not a number counts as far off."""
    if reference.dtype == np.uint8:
        return output.astype(np.float64), reference.astype(np.float64), 255.0
    low, high = (-1.0, 1.0) if ours else (float(reference.min()), float(reference.max()))
    scaled = output.astype(np.float64)
    if output.dtype == np.uint8:
        scaled = normalize(scaled)
    scaled = np.nan_to_num(scaled, nan=high + (high - low))
    clipped = np.clip(scaled, low, high) if ours else scaled
    return clipped, np.clip(reference.astype(np.float64), low, high), max(high - low, 1e-6)


def _as_type(array: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Values in the tensor's type: uint8 0..255 and float -1..1 turn into each other."""
    if array.dtype.name == tensor.dtype:
        return array
    if array.dtype == np.uint8:
        return normalize(array).astype(tensor.dtype)
    if tensor.dtype == "uint8":
        return to_uint8(denormalize(array))
    return array.astype(tensor.dtype)


def _only(model: ModelFile, files: list[ModelFile], fits) -> ModelFile:
    found = {file.sha256: file for file in files if fits(file, model)}
    if len(found) != 1:
        number = "no" if not found else "more than one"
        raise NoReference(f"{number} fitting float32 file in {model.path.parent}")
    return next(iter(found.values()))


def _same_tensors(file: ModelFile, model: ModelFile) -> bool:
    def tensors(each: ModelFile):
        return (
            [(t.argument, t.shape) for t in each.inputs],
            sorted((t.argument, t.shape) for t in each.outputs),
        )

    return tensors(file) == tensors(model)


def _makes_parsing(file: ModelFile, model: ModelFile) -> bool:
    face = (1, model.size, model.size)
    return [t.shape for t in file.inputs] == [(*face, 3)] and [t.shape for t in file.outputs] == [
        (*face, NUM_CLASSES)
    ]
