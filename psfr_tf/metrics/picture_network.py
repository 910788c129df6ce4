"""Networks of one picture for the metrics that need one: LiteRT, ONNX or Keras files."""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.errors import UserError, cause

# Side of the crops that ArcFace networks take; an ONNX file read by OpenCV does not say it.
ARCFACE_SIDE = 112
# In ONNX' encoding, nodes of the type Sub and Mul: files converted from MXNet begin with both, take
# 0..255 and normalize themselves. Others take [-1, 1].
_NORMALIZES, _HEAD = (b'"\x03Sub', b'"\x03Mul'), 2048


def picture_network(file: Path, missing: str, outputs: int = 1):
    """The network in a file: `side`, and a call on pixels [side, side, 3] in [-1, 1].

    The call returns its outputs, each as a float64 vector.

    Args:
        file: `.tflite`, `.onnx`, `.keras` or `.h5`; one input, RGB, channels last or first; one
            output of any length.
        missing: what to put there, for the message if the file is missing.
        outputs: how many a LiteRT file must have.

    Raises:
        UserError: it is missing, damaged or of another interface.
    """
    if not file.is_file():
        raise UserError(f"{file} is missing: {missing}")
    if file.suffix == ".onnx":
        return _OnnxNetwork(file)
    if file.suffix in (".keras", ".h5"):
        return _KerasNetwork(file)
    return _LiteRTNetwork(file, outputs)


class _LiteRTNetwork:
    """Runs a LiteRT file; threads that share it take turns."""

    def __init__(self, file: Path, outputs: int):
        from psfr_tf.engines.litert import allocated
        from psfr_tf.engines.probe import check_file

        check_file(file)
        try:
            self._interpreter = allocated(file)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{file}: {' '.join(str(error).split())}") from error
        inputs = self._interpreter.get_input_details()
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]
        shape = tuple(inputs[0]["shape"]) if inputs else ()
        if (
            (len(inputs), len(self._outputs)) != (1, outputs)
            or inputs[0]["dtype"] != np.float32
            or len(shape) != 4
            or shape[0] != 1
            or shape[1] != shape[2]
            or shape[3] != 3
        ):
            raise UserError(
                f"{file}: one input float32 [1, H, H, 3] and {outputs} output(s) are needed, "
                f"found {len(inputs)} inputs, {len(self._outputs)} outputs, "
                f"first input {list(shape)}"
            )
        self.side = int(shape[1])
        self._input = inputs[0]["index"]
        self._turn = threading.Lock()

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        with self._turn:
            self._interpreter.set_tensor(self._input, pixels[None].astype(np.float32))
            self._interpreter.invoke()
            tensors = [self._interpreter.get_tensor(output) for output in self._outputs]
        return [tensor.ravel().astype(np.float64) for tensor in tensors]


class _OnnxNetwork:
    """Runs an ONNX file with OpenCV, which is not safe for threads: they take turns."""

    side = ARCFACE_SIDE

    def __init__(self, file: Path):
        import cv2

        try:
            self._network = cv2.dnn.readNetFromONNX(str(file))
        except cv2.error as error:
            raise UserError(f"{file}: OpenCV cannot read this ONNX file: {cause(error)}") from error
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
        self._takes_levels = all(mark in head for mark in _NORMALIZES)
        self._turn = threading.Lock()
        self._channels_first = True
        zeros = np.zeros((self.side, self.side, 3), np.float32)
        for channels_first in (True, False):
            self._channels_first = channels_first
            try:
                self(zeros)
                return
            except cv2.error as error:
                reason = cause(error)
        raise UserError(
            f"{file}: one input float32 [1, 3, {self.side}, {self.side}] or [1, {self.side}, "
            f"{self.side}, 3] is needed: {reason}"
        )

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        levels = (pixels + 1) * 127.5 if self._takes_levels else pixels
        batch = levels[None].astype(np.float32)
        if self._channels_first:
            batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        with self._turn:
            self._network.setInput(batch)
            output = self._network.forward()
        return [output.ravel().astype(np.float64)]


class _KerasNetwork:
    """Runs a Keras file."""

    def __init__(self, file: Path):
        from psfr_tf.models.pretrained import load_network

        self._network = load_network(file)
        shape: Any = getattr(self._network, "input_shape", None)
        square = isinstance(shape, tuple) and len(shape) == 4 and shape[1] == shape[2]
        if not square or shape[1] is None or shape[3] != 3:
            raise UserError(f"{file}: one input [B, N, N, 3] is needed, it has {shape}")
        self.side = int(shape[1])

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        output = self._network(pixels[None].astype(np.float32), training=False)
        return [np.asarray(output).ravel().astype(np.float64)]
