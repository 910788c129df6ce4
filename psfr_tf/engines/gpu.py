"""A LiteRT file on LiteRT's own GPU accelerator (WebGPU, ML Drift), here or on a phone's like.

On Linux it needs a Vulkan driver. Without a GPU there is one in software: SwiftShader, which comes
with Chromium and Chrome. It computes in float32 and takes tens of times as long as the CPU's own
kernels, but it is the same accelerator: what it refuses or computes wrongly shows.

A driver may crash; let `psfr_tf.engines.measure` run it in a process of its own.
"""

import ctypes
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.engines.litert import open_file

# Where Debian's Chromium, others' and Google's Chrome keep SwiftShader and a Vulkan loader.
_BROWSERS = ("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome")
_SYSTEM_DRIVERS = ("/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d")
_CHOSEN = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES")
_NEEDED = (
    "LiteRT's GPU accelerator needs a Vulkan driver: none found; Chromium has one in "
    "software (apt-get install chromium)"
)
# What the accelerator prints.
_REFUSED = re.compile(
    r"^ERROR: Following operations are not supported by GPU delegate:\n(.*?)"
    r"^(\d+) operations will run on the GPU, and the remaining (\d+)",
    re.MULTILINE | re.DOTALL,
)
_ERRORS = re.compile(r"^ERROR: (?:\[[^\]\n]*\] )?(?!Following operations)(\S.*)", re.MULTILINE)
_EXCEPTION = re.compile(r"^\w+(?:Error|Exception): (\S.*)", re.MULTILINE)
_ADAPTER = re.compile(r"Selected adapter: ([^,\n]+)")


def software_driver() -> Path | None:
    """The description file of a browser's SwiftShader, for Vulkan loaders; None without one."""
    files = (Path(folder, "vk_swiftshader_icd.json") for folder in _BROWSERS)
    return next((file for file in files if file.is_file()), None)


def no_driver() -> str | None:
    """Why no GPU can be tried on this machine, in one line; None if one can."""
    if not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _CHOSEN):
        return None
    drivers = any(file for folder in _SYSTEM_DRIVERS for file in Path(folder).glob("*.json"))
    return None if drivers or software_driver() else _NEEDED


class GpuInterpreter:
    """The part of `Interpreter`'s interface that running a file needs, allocated from the start.

    What the GPU refuses runs on the CPU. Environment variables of this process are set.

    Args:
        path: of the file, which has one signature.

    Attributes:
        whole: whether the GPU takes every operation.

    Raises:
        ImportError: ai-edge-litert 2.2 or newer is not installed.
        RuntimeError: there is no driver, or it cannot run the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        try:
            from ai_edge_litert.compiled_model import CompiledModel, HardwareAccelerator
        except ImportError:
            raise ImportError("the GPU needs ai-edge-litert 2.2 or newer") from None
        _prepare()
        gpu, cpu = HardwareAccelerator.GPU, HardwareAccelerator.CPU
        # With both, `is_fully_accelerated` counts what the CPU takes too.
        self.whole = True
        try:
            self._model = CompiledModel.from_file(os.fspath(path), gpu)
        except RuntimeError as error:
            if "not accelerated" not in str(error):
                raise RuntimeError(f"the GPU accelerator failed: {error}") from None
            self.whole = False
            self._model = CompiledModel.from_file(os.fspath(path), gpu | cpu)
        self._plain = open_file(path, xnnpack=False)
        ((signature, names),) = self._model.get_signature_list().items()
        inputs = self._model.get_input_tensor_details(signature)
        outputs = self._model.get_output_tensor_details(signature)
        self._inputs = self._model.create_input_buffers(0)
        self._outputs = self._model.create_output_buffers(0)
        # The buffers are in the signature's order, which need not be the graph's.
        indices = [inputs[name]["index"] for name in names["inputs"]]
        indices += [outputs[name]["index"] for name in names["outputs"]]
        self._buffers = dict(zip(indices, [*self._inputs, *self._outputs], strict=True))

    def get_input_details(self) -> list[dict[str, Any]]:
        """`index`, `shape` and `dtype` (NumPy type) of each input, and more."""
        return self._plain.get_input_details()

    def get_output_details(self) -> list[dict[str, Any]]:
        """As `get_input_details`."""
        return self._plain.get_output_details()

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        self._buffers[index].write(np.ascontiguousarray(value))

    def invoke(self) -> None:
        """Run, and wait until it is done: the GPU may only have been given its work."""
        self._model.run_by_index(0, self._inputs, self._outputs)
        try:
            self.get_tensor(self.get_output_details()[0]["index"])
        except RuntimeError as error:  # A software driver may be too slow for LiteRT's patience.
            reason = str(error).rsplit("└", 1)[-1].strip()
            raise RuntimeError(f"the GPU accelerator gave no result: {reason}") from None

    def get_tensor(self, index: int) -> np.ndarray:
        """A copy of an output."""
        (detail,) = (each for each in self.get_output_details() if each["index"] == index)
        flat = self._buffers[index].read(int(np.prod(detail["shape"])), detail["dtype"])
        return flat.reshape(detail["shape"])

    def operations(self) -> int:
        """Of the file."""
        return len(self._plain._get_ops_details())


def printed_facts(log: str) -> dict[str, Any]:
    """What LiteRT printed on stderr while `GpuInterpreter` compiled a file.

    Returns:
        dict of `device` (name of the GPU, None if it was not told), `outside` (the refused
        operations, each with the reason in LiteRT's words, each text once) and `outside_count`
        (operations that run on the CPU).
    """
    adapter, refused = _ADAPTER.search(log), _REFUSED.search(log)
    return {
        "device": adapter.group(1).strip() if adapter else None,
        "outside": refused.group(1).splitlines() if refused else [],
        "outside_count": int(refused.group(3)) if refused else 0,
    }


def printed_error(log: str) -> str | None:
    """Why it failed, from what LiteRT printed: the first error; others follow from it."""
    error = _ERRORS.search(log) or _EXCEPTION.search(log)
    return error.group(1) if error else None


def _prepare() -> None:
    """Let the accelerator find a Vulkan loader and a driver, where the system has none."""
    reason = no_driver()
    if reason:
        raise RuntimeError(reason)
    if not sys.platform.startswith("linux"):
        return
    software = software_driver()
    if software is None:
        return
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError:  # The browser's own; once loaded it is found by its name.
        ctypes.CDLL(str(software.with_name("libvulkan.so.1")))
    if not any(os.environ.get(name) for name in _CHOSEN):
        # Besides the system's: a real GPU goes first.
        os.environ["VK_ADD_DRIVER_FILES"] = str(software)
