"""A `.tflite` file in the LiteRT runtime; TensorFlow is not needed."""

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from psfr_tf.engines import checked_faces
from psfr_tf.engines.low_memory import LowMemoryInterpreter
from psfr_tf.engines.pool import InterpreterPool
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.machine import available_cores, closed_stderr

# Interpreters of one engine unless told otherwise: what four callers at once can use.
_MOST_INTERPRETERS = 4


def interpreter_class():
    """`Interpreter` of ai-edge-litert, else of tflite-runtime, else of TensorFlow.

    Raises:
        ImportError: none of the three is installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            try:
                from tensorflow import lite
            except ImportError:
                raise ImportError(
                    "no LiteRT runtime: install ai-edge-litert (or tflite-runtime)"
                ) from None
            Interpreter = lite.Interpreter
    return Interpreter


def open_file(model: str | os.PathLike | bytes, threads: int = 1, xnnpack: bool = True):
    """An interpreter of a file, its tensors not allocated yet.

    Args:
        model: path of the file, or its contents.
        threads: CPU threads.
        xnnpack: let the XNNPACK delegate take what it can, as it does by default; False runs
            LiteRT's own kernels.

    Raises:
        ImportError: no runtime is installed.
        ValueError: not a LiteRT file.
    """
    interpreter = interpreter_class()
    resolver = sys.modules[interpreter.__module__].OpResolverType
    in_memory = isinstance(model, bytes)
    return interpreter(
        model_path=None if in_memory else os.fspath(model),
        model_content=model if in_memory else None,
        num_threads=threads,
        experimental_op_resolver_type=resolver.AUTO
        if xnnpack
        else resolver.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def allocated(model: str | os.PathLike | bytes, threads: int = 1, xnnpack: bool = True):
    """As `open_file`, ready to run."""
    interpreter = open_file(model, threads, xnnpack)
    allocate(interpreter)
    return interpreter


_noted = threading.Lock()  # held from the first time on


def allocate(interpreter) -> None:
    """`interpreter.allocate_tensors()`, without what LiteRT notes on stderr the first time of a
    process, that it uses XNNPACK."""
    quiet = closed_stderr() if _noted.acquire(blocking=False) else contextlib.nullcontext()
    with quiet:
        interpreter.allocate_tensors()


class LiteRTEngine:
    """Runs faces one after the other through a file of fixed shape.

    The file has one input, float32 [1, S, S, 3] RGB in [-1, 1], and among its outputs the
    restored face, float32 [1, S, S, 3], and the labels, uint8 [1, S, S], or else the parsing
    logits, float32 [1, S, S, 19]; they are told apart by their shapes.

    Safe to share by threads: each face has an interpreter for itself while it runs, and its answer
    is bit for bit the one computed alone. The first interpreter has all `threads`, so a caller who
    is alone is as fast as can be. When callers meet, further ones are made and kept, at most
    `interpreters` in all, which share the threads between them; whoever comes then waits for one.
    Each takes the memory of the network again (packed weights and activations; 65 MB for
    `psfr-mobile-256`). Not to be shared with a forked process: make it after the fork.

    Args:
        model: path of the file; or its contents, which do not go with `low_memory`.
        threads: CPU threads; by default all cores this process may use.
        low_memory: less memory, more time; see `psfr_tf.engines.low_memory`.
        interpreters: most that are kept; by default one for each core, at most 4, and with
            `low_memory` 1.

    Raises:
        FileNotFoundError: no such file.
        ImportError: no runtime is installed, or none that can do with low memory.
        ValueError: not a LiteRT file, or one of another interface; `interpreters` is below 1.
    """

    name = "litert"

    def __init__(
        self,
        model: str | os.PathLike | bytes,
        threads: int | None = None,
        low_memory: bool = False,
        interpreters: int | None = None,
    ) -> None:
        name = "LiteRT file" if isinstance(model, bytes) else os.fspath(model)
        if not isinstance(model, bytes) and not Path(model).is_file():
            raise FileNotFoundError(f"{name}: no such file")
        if threads is None:
            threads = available_cores()
        if interpreters is None:
            interpreters = 1 if low_memory else min(_MOST_INTERPRETERS, available_cores())
        opened: Callable = LowMemoryInterpreter if low_memory else allocated
        first = opened(model, threads)
        further = functools.partial(opened, model, max(1, threads // max(1, interpreters)))
        self._pool = InterpreterPool(first, further, interpreters)
        inputs, outputs = first.get_input_details(), first.get_output_details()
        shapes = [tuple(int(n) for n in detail["shape"]) for detail in (*inputs, *outputs)]
        received = f"{name}: inputs {shapes[: len(inputs)]}, outputs {shapes[len(inputs) :]}"
        first = shapes[0]
        if len(inputs) != 1 or len(first) != 4 or first != (1, first[1], first[1], 3):
            raise ValueError(f"One input [1, S, S, 3] is needed. Received: {received}")
        self.size = first[1]
        self._input = inputs[0]["index"]
        face = (1, self.size, self.size)
        self._restored = _find(outputs, (*face, 3), np.float32)
        self._labels = _find(outputs, face, np.uint8)
        self._logits = _find(outputs, (*face, NUM_CLASSES), np.float32)
        if self._restored is None or (self._labels is None and self._logits is None):
            raise ValueError(
                f"One float32 output {[*face, 3]} and one of labels, uint8 {[*face]} or float32 "
                f"{[*face, NUM_CLASSES]}, are needed (psfr export litert --outputs image,labels). "
                f"Received: {received}"
            )

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`."""
        lq = checked_faces(lq, self.size)
        restored = np.empty(lq.shape, np.float32)
        labels = np.empty(lq.shape[:3], np.uint8)
        for index, face in enumerate(lq):
            # An interpreter for each face, not for all: a crowd does not keep the others waiting.
            with self._pool.interpreter() as interpreter:
                interpreter.set_tensor(self._input, np.ascontiguousarray(face[None]))
                interpreter.invoke()
                output = interpreter.get_tensor(self._restored)[0]
                if self._labels is None:
                    labels[index] = interpreter.get_tensor(self._logits)[0].argmax(axis=-1)
                else:
                    labels[index] = interpreter.get_tensor(self._labels)[0]
            restored[index] = np.clip(output, -1.0, 1.0)
        return restored, labels


def _find(outputs, shape, dtype) -> int | None:
    """The index of the only output of a shape and type."""
    found = [
        detail["index"]
        for detail in outputs
        if tuple(detail["shape"]) == shape and detail["dtype"] == dtype
    ]
    return found[0] if len(found) == 1 else None
