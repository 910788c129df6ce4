"""An `.onnx` file in ONNX Runtime; TensorFlow is not needed."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.engines import checked_faces
from psfr_tf.errors import UserError, printable
from psfr_tf.machine import available_cores


def open_session(model: str | os.PathLike, threads: int | None = None):
    """`onnxruntime.InferenceSession` of a file, on the CPU.

    Raises:
        UserError: onnxruntime is not installed, or it is no ONNX file.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError("onnxruntime is not installed: pip install 'psfr_tf[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = 3  # errors; they are raised too
    name = os.fspath(model)
    try:
        session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
        # Names that are no UTF-8 raise here.
        _ = [each.name for each in (*session.get_inputs(), *session.get_outputs())]
        return session
    except Exception as error:  # classes of its own, one for each state of its library
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: not an ONNX file that runs: {reason[:300]}") from error


class OnnxEngine:
    """Runs faces through a `restorer_*.onnx` file of `psfr export onnx`, the whole batch at once.

    Inputs and outputs are found by name: `lq`; `restored` and `labels` (see
    `psfr_tf.engines.parts`). Safe to share by threads: a session is.

    Args:
        model: path of the file.
        threads: CPU threads; by default all cores this process may use.

    Raises:
        UserError: onnxruntime is not installed, or the file is none of such a model.
    """

    name = "onnx"

    def __init__(self, model: str | os.PathLike, threads: int | None = None) -> None:
        self._file = os.fspath(model)
        self._session = open_session(model, threads)
        given = {each.name: (each.type, each.shape) for each in self._session.get_inputs()}
        made = {each.name: each.type for each in self._session.get_outputs()}
        kind, shape = given.get("lq", ("", []))
        face = len(shape) == 4 and isinstance(shape[1], int) and shape[1:] == [shape[1]] * 2 + [3]
        fits = face and not isinstance(shape[0], int) and list(given) == ["lq"]
        types = kind, made.get("restored"), made.get("labels")
        if not fits or types != ("tensor(float)", "tensor(float)", "tensor(uint8)"):
            raise UserError(
                f"{self._file}: not a restorer with labels, of any batch (psfr export onnx "
                f"--outputs image,labels): inputs {given}, outputs {made}"
            )
        self.size = shape[1]

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`."""
        lq = np.ascontiguousarray(checked_faces(lq, self.size))
        try:
            restored, labels = self._session.run(["restored", "labels"], {"lq": lq})
        except Exception as error:  # see `open_session`
            reason = " ".join(str(error).split())
            raise UserError(f"{self._file}: does not run: {reason[:300]}") from error
        if restored.shape != lq.shape or labels.shape != lq.shape[:3]:
            raise UserError(
                f"{self._file}: made {list(restored.shape)} and labels {list(labels.shape)} "
                f"of {list(lq.shape)}"
            )
        return np.clip(restored, -1.0, 1.0), labels


class OnnxInterpreter:
    """The part of LiteRT's `Interpreter` that running a file needs, with a batch of one.

    The index of a tensor counts the inputs, then the outputs.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        self._session = open_session(Path(path), threads)
        tensors = [*self._session.get_inputs(), *self._session.get_outputs()]
        self._inputs = len(self._session.get_inputs())
        self._names = [each.name for each in tensors]
        self._details = [
            {
                "index": index,
                "name": each.name,
                "shape": np.array([n if isinstance(n, int) else 1 for n in each.shape]),
                "dtype": _TYPES.get(each.type, np.float32),
            }
            for index, each in enumerate(tensors)
        ]
        self._given: dict[str, np.ndarray] = {}
        self._made: list[np.ndarray] = []

    def get_input_details(self) -> list[dict[str, Any]]:
        """`index`, `name`, `shape` and `dtype` (NumPy type) of each input."""
        return self._details[: self._inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """As `get_input_details`."""
        return self._details[self._inputs :]

    def metadata(self) -> dict[str, str]:
        """What the file says about itself; it goes to the terminal and into reports."""
        found = self._session.get_modelmeta().custom_metadata_map
        return {name: printable(value, 200) for name, value in found.items()}

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        self._given[self._names[index]] = value

    def invoke(self) -> None:
        self._made = self._session.run(None, self._given)

    def get_tensor(self, index: int) -> np.ndarray:
        return self._made[index - self._inputs]


_TYPES = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16, "tensor(int64)": np.int64}
