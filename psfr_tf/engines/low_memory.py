"""A LiteRT file with less memory, for some time: XNNPACK's transient indirection buffers.

XNNPACK lists the address of each input pixel that a convolution reads: 8 bytes per kernel element
and output pixel, 19 MB for 3x3 at 512x512. By default each convolution keeps its list; here it is
made anew at each run, in memory that all share. Only LiteRT's CompiledModel lets this be asked for.
"""

import os
from typing import Any

import numpy as np

# TFLITE_XNNPACK_DELEGATE_FLAG_...: the two that are on by default (QS8, QU8), and
# TRANSIENT_INDIRECTION_BUFFER.
_XNNPACK_FLAGS = 0x01 | 0x02 | 0x20


class LowMemoryInterpreter:
    """The part of `Interpreter`'s interface that running a file needs, allocated from the start.

    One caller at a time; `LiteRTEngine` sees to it.

    The file has one signature. The index of a tensor counts the inputs, then the outputs.

    Args:
        path: of the file.
        threads: CPU threads.

    Raises:
        ImportError: ai-edge-litert 2.2 or newer is not installed.
        ValueError: not a LiteRT file.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        try:
            from ai_edge_litert.compiled_model import (
                CompiledModel,
                CpuOptions,
                HardwareAccelerator,
                Options,
            )
        except ImportError:
            raise ImportError("low memory needs ai-edge-litert 2.2 or newer") from None
        options = Options(
            hardware_accelerators=HardwareAccelerator.CPU,
            cpu_options=CpuOptions(num_threads=threads, xnnpack_flags=_XNNPACK_FLAGS),
        )
        try:
            self._model = CompiledModel.from_file(os.fspath(path), options=options)
        except RuntimeError as error:
            raise ValueError(f"{path}: {error}") from None
        (signature,) = self._model.get_signature_list()
        inputs = self._model.get_input_tensor_details(signature).values()
        outputs = self._model.get_output_tensor_details(signature).values()
        self._details = [
            {"index": index, "shape": detail["shape"], "dtype": np.dtype(detail["dtype"]).type}
            for index, detail in enumerate([*inputs, *outputs])
        ]
        self._inputs = self._model.create_input_buffers(0)
        self._outputs = self._model.create_output_buffers(0)

    def get_input_details(self) -> list[dict[str, Any]]:
        """`index`, `shape` and `dtype` (NumPy type) of each input."""
        return self._details[: len(self._inputs)]

    def get_output_details(self) -> list[dict[str, Any]]:
        """As `get_input_details`."""
        return self._details[len(self._inputs) :]

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        self._inputs[index].write(value)

    def invoke(self) -> None:
        self._model.run_by_index(0, self._inputs, self._outputs)

    def get_tensor(self, index: int) -> np.ndarray:
        """A copy of an output."""
        shape, dtype = self._details[index]["shape"], self._details[index]["dtype"]
        flat = self._outputs[index - len(self._inputs)].read(int(np.prod(shape)), dtype)
        return flat.reshape(shape)
