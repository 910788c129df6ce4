"""A LiteRT or ONNX file: its hash, its tensors, what its metadata says."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.engines.litert import open_file
from psfr_tf.engines.onnx import OnnxInterpreter
from psfr_tf.engines.probe import check_file
from psfr_tf.errors import UserError, cause, printable
from psfr_tf.files import read_bounded

MAX_BYTES = 2**31  # what the format can hold


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
        argument: its name in the file's signature (`lq`), else in its graph.
        shape: with the batch.
        dtype: numpy's name, such as "float32".
    """

    argument: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class ModelFile:
    """A file to measure, see `read_model_file`.

    Attributes:
        path: of the file.
        sha256: of its contents, hexadecimal.
        size_bytes: of the file.
        inputs, outputs: in the order of the file's main subgraph.
        part: "restorer", "parsing" or "generator"; None for a file of another project.
        precision: "float32", "int8-dynamic" ..., from its metadata; else the type of its largest
            kernel; None without kernels.
        weights: name of the weights, from its metadata; None without them.
        soft_parsing: whether the generator takes probabilities in place of a one-hot map, from its
            metadata.
        multiply_adds: of its convolutions and matrix products, for one run.
        size: side of the face in pixels, from the first input with 3 channels; None without one.
    """

    path: Path
    sha256: str
    size_bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    part: str | None
    precision: str | None
    weights: str | None
    multiply_adds: int
    size: int | None
    soft_parsing: bool = False

    @property
    def label(self) -> str:
        """What it is, whatever its place: "psfr-mobile-256 restorer int8", else the file's name."""
        if self.weights and self.part and self.precision:
            return f"{self.weights} {self.part} {self.precision}"
        return printable(self.path.name, 200)


def read_model_file(path: Path) -> ModelFile:
    """Read a file without running it; first in another process, which it may crash.

    Raises:
        UserError: it is not there or not a LiteRT or ONNX file.
    """
    try:
        content = read_bounded(path, MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UserError(f"{path}: {cause(error)}") from None
    if path.suffix != ".onnx" and content[4:8] != b"TFL3":
        raise UserError(f"{path}: not a LiteRT (.tflite) or ONNX (.onnx) file")
    check_file(path, run=False)
    try:
        return _described(path, content)
    # What a runtime does not refuse may still hold names and types that Python cannot take.
    except Exception as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None


def _described(path: Path, content: bytes) -> ModelFile:
    interpreter: Any
    precision: str | None
    names: tuple[dict[int, str], dict[int, str]] = {}, {}
    if path.suffix == ".onnx":  # one face of its batch
        interpreter = OnnxInterpreter(path)
        metadata = interpreter.metadata()
        # So that the label is not a LiteRT file's.
        precision = f"{metadata.get('precision', 'float32')}-onnx"
        multiply_adds = _onnx_multiply_adds(content)
    else:
        interpreter = open_file(path, xnnpack=False)
        metadata = _metadata(content)
        names = _signature_names(interpreter)
        precision = metadata.get("precision") or _weight_type(interpreter)
        multiply_adds = _multiply_adds(interpreter)
    inputs = _tensors(interpreter.get_input_details(), names[0])
    faces = [t.shape for t in inputs if len(t.shape) == 4 and t.shape[3] == 3]
    return ModelFile(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        inputs=inputs,
        outputs=_tensors(interpreter.get_output_details(), names[1]),
        part=metadata.get("part"),
        precision=precision,
        weights=metadata.get("name"),
        multiply_adds=multiply_adds,
        size=faces[0][1] if faces and faces[0][1] == faces[0][2] else None,
        soft_parsing=metadata.get("parsing_input") == "probabilities",
    )


def _onnx_multiply_adds(content: bytes) -> int:
    """As `_multiply_adds`, of the convolutions; 0 where the package onnx is not installed."""
    try:
        import onnx
    except ImportError:
        return 0
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(content)).graph
    shapes = {
        value.name: [each.dim_value or 1 for each in value.type.tensor_type.shape.dim]
        for value in [*graph.value_info, *graph.output]
    }
    kernels = {each.name: each.dims for each in graph.initializer}
    return sum(
        math.prod(shapes.get(node.output[0], [0])) * math.prod(kernels[node.input[1]][1:])
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in kernels
    )


def _signature_names(interpreter: Any) -> tuple[dict[int, str], dict[int, str]]:
    """Names of inputs and outputs in the file's only signature, by tensor index."""
    if len(interpreter.get_signature_list()) != 1:
        return {}, {}
    runner = interpreter.get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    return (
        {detail["index"]: name for name, detail in inputs.items()},
        {detail["index"]: name for name, detail in outputs.items()},
    )


def _tensors(details: list[dict], names: dict[int, str]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            argument=names.get(detail["index"], detail["name"]),
            shape=tuple(map(int, detail["shape"])),
            dtype=np.dtype(detail["dtype"]).name,
        )
        for detail in details
    )


def _multiply_adds(interpreter: Any) -> int:
    shapes = {
        detail["index"]: tuple(map(int, detail["shape"]))
        for detail in interpreter.get_tensor_details()
    }
    total = 0
    for operation in _products(interpreter):
        # Kernels are [C_out, K, K, C_in], depthwise [1, K, K, C_out], matrices [C_out, C_in].
        kernel = shapes[operation["inputs"][1]]
        depthwise = operation["op_name"] == "DEPTHWISE_CONV_2D"
        per_value = kernel[1:3] if depthwise else kernel[1:]
        total += math.prod(shapes[operation["outputs"][0]]) * math.prod(per_value)
    return total


def _weight_type(interpreter: Any) -> str | None:
    """Type of the largest kernel: "float32", "float16", "int8" ...; None without kernels."""
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    # float16 kernels pass through an operation that makes float32 of them.
    widened = {
        operation["outputs"][0]: operation["inputs"][0]
        for operation in interpreter._get_ops_details()
        if operation["op_name"] == "DEQUANTIZE"
    }
    kernels = [operation["inputs"][1] for operation in _products(interpreter)]
    stored = [tensors[widened.get(index, index)] for index in kernels]
    largest = max(stored, key=lambda detail: math.prod(map(int, detail["shape"])), default=None)
    return np.dtype(largest["dtype"]).name if largest else None


def _products(interpreter: Any) -> list[dict]:
    """Convolutions and matrix products; the kernel is the second input of each."""
    names = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [op for op in interpreter._get_ops_details() if op["op_name"] in names]


def _metadata(content: bytes) -> dict[str, Any]:
    """This project's entry in the file; empty without one, or without ai-edge-litert to read it."""
    try:
        from psfr_tf.engines.litert_metadata import read_metadata
    except ImportError:
        return {}
    metadata = read_metadata(content)
    if not isinstance(metadata, dict):
        return {}
    # They go to the terminal and into reports.
    return {
        name: printable(value, 200) for name, value in metadata.items() if isinstance(value, str)
    }
