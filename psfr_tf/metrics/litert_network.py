"""A network in a LiteRT file that takes one picture, for the metrics that need one."""

import threading
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError


class PictureNetwork:
    """Runs a LiteRT file with one input float32 [1, H, H, 3]; threads that share it take turns.

    Args:
        file: the LiteRT file.
        outputs: number of outputs that it must have.
        missing: what to put there, for the message if the file is missing.

    Attributes:
        side: H, in pixels.

    Raises:
        UserError: if the file is missing or of another interface; one line.
    """

    def __init__(self, file: Path, outputs: int, missing: str):
        from psfr_tf.engines.litert import interpreter_class
        from psfr_tf.engines.probe import check_file

        if not file.is_file():
            raise UserError(f"{file} is missing: {missing}")
        check_file(file)
        try:
            self._interpreter = interpreter_class()(model_path=str(file))
            self._interpreter.allocate_tensors()
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
        """The outputs for pixels [H, H, 3], each as a float64 vector."""
        with self._turn:
            self._interpreter.set_tensor(self._input, pixels[None].astype(np.float32))
            self._interpreter.invoke()
            tensors = [self._interpreter.get_tensor(output) for output in self._outputs]
        return [tensor.ravel().astype(np.float64) for tensor in tensors]
