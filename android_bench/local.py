"""This machine as a target: the LiteRT interpreter, a fresh process for each measurement."""

import platform
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.android_bench.affinity import resolve
from psfr_tf.android_bench.model_file import ModelFile
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.statistics import summary
from psfr_tf.android_bench.target import CaseFailed, Measurement, Thermal
from psfr_tf.engines.gpu import no_driver
from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.measure import MeasurementFailed, measure
from psfr_tf.errors import UserError
from psfr_tf.machine import available_cpus, busy_share, describe_machine

# A start and one run of a large network on a slow board; what needs longer has no end.
_PATIENCE_SECONDS = 120.0
# A large network on a GPU's driver in software.
_GPU_PATIENCE_SECONDS = 3600.0
_PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}


class LocalTarget:
    """This machine; on Linux, also the heat and the clock of the CPU.

    Used by one thread, in the order of the methods. `android.phone.AndroidTarget` has the same.

    Attributes:
        name: "local" or "android".
        delegates: those that can be asked for here, once it is prepared. Cases with others are left
            out.

    Raises:
        UserError: no LiteRT runtime is installed.
    """

    name = "local"
    delegates = ("cpu", "xnnpack", "gpu", "onnxruntime")

    def __init__(self, system: Path = Path("/sys")) -> None:
        try:
            module = interpreter_class().__module__.split(".")[0]
        except ImportError as error:
            raise UserError(str(error)) from None
        package = _PACKAGES.get(module, module)
        version = describe_machine(package)[package] or "of unknown version"
        self._runtime = f"{package} {version}"
        self._system = system

    def describe(self) -> dict[str, Any]:
        """The device and its software, for the results: JSON values.

        Always there: `name` (a person's name for it, such as "Google Pixel 8"), `cpu` (its model or
        the SoC), `cores` (int), `system` (such as "Android 14"), `abi` (such as "arm64-v8a"),
        `runtime` (name and version of what runs the files).
        """
        machine = describe_machine("onnxruntime")
        top_khz = self._top_khz()
        busy = busy_share()
        memory = re.search(r"^MemTotal:\s*(\d+)", _text(Path("/proc/meminfo")) or "", re.MULTILINE)
        return {
            # Of machines described by a device tree, such as "Raspberry Pi 5 Model B Rev 1.0".
            "name": _text(Path("/proc/device-tree/model")) or machine["cpu"],
            "cpu": machine["cpu"],
            "cores": len(top_khz),
            "top_mhz": sorted({khz // 1000 for khz in top_khz.values() if khz}),
            "governor": _text(self._system / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "memory_kb": int(memory.group(1)) if memory else None,
            "system": _system_name(),
            "abi": machine["platform"].split()[-1],
            "runtime": self._runtime,
            "onnxruntime": machine["onnxruntime"],
            "python": machine["python"],
            "load_average_1_min": machine["load_average_1_min"],
            "busy_percent": None if busy is None else round(100 * busy),
        }

    def thermal(self) -> Thermal | None:
        """The heat now; None if the target cannot tell."""
        sensors = self._system.glob("class/thermal/thermal_zone*/temp")
        readings = [value for value in map(_number, sensors) if value is not None]
        throttled = self._system.glob(
            "devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"
        )
        counts = [value for value in map(_number, throttled) if value is not None]
        if not readings and not counts:
            return None
        return Thermal(
            celsius=max(readings) / 1000 if readings else None,
            throttle_count=sum(counts) if counts else None,
        )

    def prepare(self, models: Sequence[ModelFile]) -> None:
        """Make the files ready to run; here they run where they are.

        File names may repeat (from different folders), hashes do not. A file that cannot be made
        ready makes its cases raise `CaseFailed`.

        Raises:
            UserError: nothing can run: program missing, wrong ABI ...
        """

    def measure(self, case: Case, runs: Runs) -> Measurement:
        """Run a case in a fresh process, on inputs that do not matter for the time.

        Raises:
            CaseFailed: it does not run, or prints what cannot be understood.
        """
        result = self._child(
            case,
            *("--warm-up", runs.warm_up_runs, "--min-runs", runs.min_runs),
            *("--max-runs", sys.maxsize),
            *("--min-seconds", runs.min_seconds, "--max-seconds", runs.max_seconds),
            seconds=_PATIENCE_SECONDS + 4 * runs.max_seconds,
        )
        return Measurement(
            latency=summary(result["wall_ms"]),
            latencies_ms=tuple(result["wall_ms"]),
            init_ms=result["init_ms"],
            first_ms=result["first_ms"],
            peak_memory_kb=round(result["peak_memory_mb"] * 1e6 / 1024),
            **_delegated(result),
            command=f"GPU: {result['device']}" if result.get("device") else "",
        )

    def output(self, case: Case, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the file makes of `inputs`, run as the case says.

        Args:
            inputs: one array for each of `case.model.inputs`, with its shape and dtype.

        Returns:
            One array for each of `case.model.outputs`, with its shape and dtype.

        Raises:
            CaseFailed: it does not run, or the target cannot give outputs (the reason says so).
        """
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
            np.savez(given, *inputs)
            self._child(case, "--inputs", given, "--outputs", made)
            with np.load(made) as arrays:
                return [arrays[name] for name in arrays.files]

    def close(self) -> None:
        """Remove what was put on the target, here nothing. Called once, also after an error.

        Raises nothing; what cannot be removed is logged to the logger `psfr_tf`.
        """

    def _child(
        self, case: Case, *options: object, seconds: float = _PATIENCE_SECONDS
    ) -> dict[str, Any]:
        on_gpu = case.delegate == "gpu"
        if on_gpu and (reason := no_driver()):
            raise CaseFailed(reason)
        seconds += _GPU_PATIENCE_SECONDS * on_gpu
        options = ("--threads", case.threads, *options)
        options += {"cpu": ("--no-xnnpack",), "gpu": ("--gpu",)}.get(case.delegate, ())
        try:
            cpus = resolve(case.affinity, self._top_khz())
            if cpus is not None:
                options += ("--cpus", ",".join(map(str, cpus)))
            return measure(case.model.path, *options, seconds=seconds)
        except MeasurementFailed as error:
            raise CaseFailed(error.reason, error.printed) from None
        except ValueError as error:
            raise CaseFailed(str(error)) from None

    def _top_khz(self) -> dict[int, int]:
        """Top frequency of each CPU this process may use; 0 where the system does not tell."""
        folder = self._system / "devices/system/cpu"
        return {
            n: _number(folder / f"cpu{n}/cpufreq/cpuinfo_max_freq") or 0 for n in available_cpus()
        }


def _delegated(result: dict[str, Any]) -> dict[str, Any]:
    """Of what LiteRT tells of its delegate; ONNX Runtime has none."""
    if "operations" not in result:
        return {}
    return {
        "nodes": result["operations"],
        "delegated_nodes": result["operations"] - result["outside_count"],
        "partitions": result["partitions"],
        "outside": tuple(sorted(set(result["outside"]))),
    }


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip("\0 \n") or None
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _system_name() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, kernel {platform.release()}"
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
