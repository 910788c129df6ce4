"""The kinds of files that `psfr export` writes: how one is made, and how it runs here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.engines import onnx_converter, tensorflow_converter
from psfr_tf.engines.delegation import delegation
from psfr_tf.engines.litert import allocated
from psfr_tf.engines.litert_metadata import add_metadata
from psfr_tf.engines.onnx import open_session
from psfr_tf.engines.parts import part_function
from psfr_tf.export import quantizer
from psfr_tf.export.variants import ONNX_VARIANTS, VARIANTS
from psfr_tf.machine import available_cores
from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.models.inference_form import InferenceForm

Run = Callable[..., dict[str, np.ndarray]]


class LiteRTFormat:
    """One kind of files, of one model.

    Attributes:
        packages: what makes and runs them, for the report.
        variants: by precision.
        batch: the first dimension of the tensors, for the metadata.

    Args:
        form: the model.
        outputs: of the restorer, see `psfr_tf.engines.parts`.
    """

    title, suffix, variants, batch = "LiteRT", ".tflite", VARIANTS, "1"
    packages = ("ai-edge-litert", "tensorflow", "litert-quantizer", "numpy")

    def __init__(self, form: InferenceForm, outputs: str) -> None:
        self._form, self._outputs = form, outputs
        self._float32: dict[str, bytes] = {}

    @staticmethod
    def need_packages(precisions: Sequence[str]) -> None:
        """Raises UserError: what makes or runs these is not installed."""
        for precision in precisions:
            if precision not in tensorflow_converter.PRECISIONS:
                quantizer.need_package(precision)

    def converter(self, precision: str) -> str:
        """The package that makes it."""
        by_tensorflow = precision in tensorflow_converter.PRECISIONS
        return "tensorflow" if by_tensorflow else "litert-quantizer"

    def content(
        self, part: str, precision: str, calibration: np.ndarray, metadata: dict[str, Any]
    ) -> bytes:
        """One file: `calibration` are faces [N, S, S, 3] for ranges of int8."""
        return add_metadata(self._variant(part, precision, calibration), metadata)

    def _variant(self, part: str, precision: str, calibration: np.ndarray) -> bytes:
        made = part_function(self._form, part, self._outputs)
        if precision != "float32" and precision in tensorflow_converter.PRECISIONS:
            return tensorflow_converter.convert(*made, precision)
        if part not in self._float32:
            self._float32 = {part: tensorflow_converter.convert(*made)}
        if precision == "float32":
            return self._float32[part]
        samples = [{"lq": face[None]} for face in calibration]
        if part == "generator":
            for sample in samples:
                logits = self._form.parsing_network(sample["lq"])
                sample["parsing"] = np.asarray(parsing_map(logits, self._form.soft_parsing))
        return quantizer.quantize(self._float32[part], precision, samples)

    def open(self, path: Path) -> tuple[Run, dict[str, Any]]:
        """A function of inputs by name, one face, to outputs by name; and what its runtime says."""
        interpreter = allocated(path, available_cores())
        partitions, outside = delegation(interpreter)
        told = {"delegate_partitions": partitions, "operations_outside_delegate": outside}
        return interpreter.get_signature_runner(), told


class OnnxFormat:
    """As `LiteRTFormat`."""

    title, suffix, variants, batch = "ONNX", ".onnx", ONNX_VARIANTS, "batch"
    packages = ("tf2onnx", "onnx", "onnxruntime", "tensorflow", "numpy")

    def __init__(self, form: InferenceForm, outputs: str) -> None:
        self._form, self._outputs = form, outputs

    @staticmethod
    def need_packages(precisions: Sequence[str]) -> None:
        onnx_converter.need_packages()

    def converter(self, precision: str) -> str:
        return "tf2onnx"

    def content(
        self, part: str, precision: str, calibration: np.ndarray, metadata: dict[str, Any]
    ) -> bytes:
        made = part_function(self._form, part, self._outputs, batch=None)
        return onnx_converter.convert(*made, {**metadata, "opset": onnx_converter.OPSET})

    def open(self, path: Path) -> tuple[Run, dict[str, Any]]:
        session = open_session(path)
        names = [each.name for each in session.get_outputs()]

        def run(**inputs: np.ndarray) -> dict[str, np.ndarray]:
            return dict(zip(names, session.run(names, inputs), strict=True))

        return run, {"opset": onnx_converter.OPSET}
