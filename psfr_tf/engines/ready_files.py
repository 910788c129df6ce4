"""LiteRT files that lie ready in a model folder: restored at once, without TensorFlow.

    restorer_PRECISION.tflite    the model at its default operating point
    to_faithful_PRECISION.tflite what the faithful one has more, constant by constant
    parsing_float16.tflite       the face parsing network alone

`tools/ready_files.py` writes them for the shipped models; `psfr export litert` all but the second.
From two float files every operating point is made when it is loaded: their constants are combined
as `psfr_tf.model_folder` mixes weights. The difference in place of the faithful model's own
constants is zero in the face parsing network, so that it is smaller in a wheel.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from psfr_tf import model_folder
from psfr_tf.engines.litert import LiteRTEngine, allocated
from psfr_tf.engines.onnx import OnnxEngine
from psfr_tf.engines.probe import check_file
from psfr_tf.errors import UserError, cause
from psfr_tf.machine import available_cores

# The fastest first. One face differs from float32 by 100 dB in float16, 48 dB in int8.
PRECISIONS = ("int8-dynamic", "float16", "float32")
_FLOATS = ("float16", "float32")


def ready_precision(path: Path, fidelity: float | None, precision: str | None = None) -> str | None:
    """The precision in which ready files can run an operating point; None if they cannot.

    Args:
        path: a model folder.
        fidelity: None for the model's default, see `psfr_tf.model_folder`.
        precision: the one that is wanted; None for the fastest.

    Raises:
        UserError: the folder's configuration cannot be read, or it has one operating point only.
        ValueError: `fidelity` is not in 0..1.
    """
    for candidate in [precision] if precision else PRECISIONS:
        names = _needed(path, fidelity, candidate)
        if names and all((path / name).is_file() for name in names):
            return candidate
    return None


def open_ready(path: Path, fidelity: float | None, precision: str) -> LiteRTEngine:
    """The engine of what `ready_precision` found.

    Raises:
        UserError: a file is damaged, is none of such a model, or two files do not go together.
        ImportError: no LiteRT runtime is installed.
    """
    contents = [_checked(path / name) for name in _needed(path, fidelity, precision)]
    content = contents[0]
    if len(contents) == 2 and fidelity is not None:
        default = model_folder.read_config(path)["default_fidelity"]
        try:
            content = combined(content, contents[1], 1, (fidelity - default) / (1 - default))
        except ValueError as error:
            raise UserError(f"{path}: {error}") from error
    return engine_of(content, path)


def ready_onnx(path: Path, fidelity: float | None) -> Path | None:
    """`restorer_float32.onnx` of a model folder, where `psfr export onnx --output FOLDER` puts it;
    None if there is none, or not for this operating point.

    Raises:
        UserError: as of `ready_precision`, or the file is damaged.
        ValueError: as of `ready_precision`.
    """
    file = path / "restorer_float32.onnx"
    config = model_folder.read_config(path)
    fidelity = model_folder.operating_point(path, config, fidelity)
    if fidelity != config.get("default_fidelity") or not file.is_file():
        return None
    _check(file)
    return file


def ready_parser(path: Path) -> tuple[Callable[[np.ndarray], np.ndarray], int] | None:
    """The face parsing network of a model folder, and the side S of its faces; None if it has no
    file of it.

    Returns:
        A function of faces, float32 [B, S, S, 3] in [-1, 1], that gives labels, uint8 [B, S, S].

    Raises:
        UserError: the file is damaged.
    """
    file = path / "parsing_float16.tflite"
    if not file.is_file():
        return None
    interpreter = allocated(_checked(file), available_cores())
    (given,), (logits,) = interpreter.get_input_details(), interpreter.get_output_details()

    def parse(faces: np.ndarray) -> np.ndarray:
        labels = np.empty(faces.shape[:3], np.uint8)
        for index, face in enumerate(faces):
            interpreter.set_tensor(given["index"], face[None])
            interpreter.invoke()
            labels[index] = interpreter.get_tensor(logits["index"])[0].argmax(axis=-1)
        return labels

    return parse, int(given["shape"][1])


def open_file(path: Path) -> LiteRTEngine | OnnxEngine:
    """The engine of one LiteRT or ONNX file from anywhere.

    Raises:
        UserError: it is damaged, or none of such a model.
    """
    check_file(path)
    return OnnxEngine(path) if path.suffix == ".onnx" else engine_of(path.read_bytes(), path)


def engine_of(model: bytes | Path, path: Path) -> LiteRTEngine:
    """The engine of a file or its contents; `path` names it in the error line."""
    try:
        return LiteRTEngine(model)
    except (ImportError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: {cause(error)}") from error


def combined(
    one: bytes, other: bytes, of_one: float, of_other: float, bits: int | None = None
) -> bytes:
    """The LiteRT file `of_one * one + of_other * other`, constant by constant.

    Args:
        one, other: files that one network was converted to with different weights.
        bits: round each constant to so many binary digits; the file packs smaller.

    Raises:
        ValueError: the files hold different networks.
    """
    from ai_edge_litert import schema_py_generated as schema

    result = bytearray(one)
    models = [schema.Model.GetRootAs(content, 0) for content in (result, bytearray(other))]
    graphs = [model.Subgraphs(0) for model in models]
    if len(one) != len(other) or graphs[0].TensorsLength() != graphs[1].TensorsLength():
        raise ValueError("the two LiteRT files hold different networks")
    types = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.FLOAT32: np.float32}
    done = set()
    for index in range(graphs[0].TensorsLength()):
        tensors = [graph.Tensors(index) for graph in graphs]
        if len({(t.Name(), t.Type(), t.Buffer(), *t.ShapeAsNumpy()) for t in tensors}) != 1:
            raise ValueError("the two LiteRT files hold different networks")
        number, kind = tensors[0].Buffer(), types.get(tensors[0].Type())
        if kind is None or number in done or not models[0].Buffers(number).DataLength():
            continue
        done.add(number)
        ours, theirs = (model.Buffers(number).DataAsNumpy().view(kind) for model in models)
        values = of_one * ours.astype(np.float32) + of_other * theirs.astype(np.float32)
        if bits is not None:
            fractions, exponents = np.frexp(values)
            values = np.ldexp(np.round(np.ldexp(fractions, bits)), exponents - bits)
        ours[:] = values
    return bytes(result)


def _needed(path: Path, fidelity: float | None, precision: str) -> list[str]:
    """Names of the files that an operating point takes; none if there is no way."""
    config = model_folder.read_config(path)
    fidelity = model_folder.operating_point(path, config, fidelity)
    at_default = f"restorer_{precision}.tflite"
    default = config.get("default_fidelity")
    if fidelity == default:
        return [at_default]
    if precision not in _FLOATS or default == 1:
        return []
    return [at_default, f"to_faithful_{precision}.tflite"]


def _checked(path: Path) -> bytes:
    _check(path)
    return path.read_bytes()


def _check(path: Path) -> None:
    if not model_folder.has_hash(path.parent, path.name):
        check_file(path)
