"""A phone as a target of the benchmark: `benchmark_model` in a folder under /data/local/tmp."""

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.android_bench.affinity import resolve
from psfr_tf.android_bench.android import benchmark_model, compiled_model, device
from psfr_tf.android_bench.android.adb import Adb, AdbError, AdbFlood, AdbTimeout
from psfr_tf.android_bench.android.program import check_program
from psfr_tf.android_bench.android.result_file import parse_result_file
from psfr_tf.android_bench.model_file import ModelFile
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed, Measurement, TargetLost, Thermal
from psfr_tf.engines.litert import open_file
from psfr_tf.errors import UserError

# One fixed name, so that the next run removes what a pulled cable left behind.
FOLDER = "/data/local/tmp/psfr_benchmark"
_PROGRAM = f"{FOLDER}/benchmark_model"
_PID = f"{FOLDER}/pid"
_RESULT = f"{FOLDER}/result.pb"
_OUTPUT = f"{FOLDER}/output.bin"
_LIBRARIES = f"{FOLDER}/libraries"
_NPU_LIBRARIES = ("dispatch", "compiler_plugin")
# To load the file, compile it for the GPU and run slowly; beyond it the program hangs.
_PATIENCE_SECONDS = 300.0

_log = logging.getLogger("psfr_tf")


class AndroidTarget:
    """See `psfr_tf.android_bench.local.LocalTarget`. Every method may raise `TargetLost`.

    Args:
        adb: the phone.
        program: `benchmark_model`, a file on this machine.
        program_sha256: of the program that is meant; None accepts any.
        libraries: folder of shared libraries that the program loads: the NPU's dispatch library,
            compiler plug-in and what they need, GPU accelerators.

    Raises:
        UserError: the program is missing, for another machine, or not the one that is meant; or
            there are no libraries.
    """

    name = "android"

    def __init__(
        self,
        adb: Adb,
        program: Path,
        program_sha256: str | None = None,
        libraries: Path | None = None,
    ) -> None:
        self._adb = adb
        self._libraries = [] if libraries is None else sorted(libraries.glob("*.so*"))
        if libraries is not None and not self._libraries:
            raise UserError(f"{libraries}: no shared libraries (.so) here")
        self._program = program
        self._properties = device.parse_properties(adb.answer("getprop"))
        self._top_khz, self._governors = device.parse_cores(
            adb.answer(
                "cd /sys/devices/system/cpu && grep -H '' present "
                "cpu*/cpufreq/cpuinfo_max_freq cpu*/cpufreq/scaling_governor"
            )
        )
        self._sha256 = check_program(program, device.abis(self._properties), program_sha256)
        self._unusable: dict[str, str] = {}
        self._used = False
        self._interface: Any = benchmark_model  # or `compiled_model`, once it is known

    @property
    def delegates(self) -> tuple[str, ...]:
        """Known once the target is prepared: those of the program."""
        return tuple(self._interface.DELEGATES)

    def describe(self) -> dict[str, Any]:
        return {
            **device.describe(
                self._properties,
                self._top_khz,
                self._governors,
                battery=self._adb.answer("dumpsys battery"),
                memory=self._adb.answer("cat /proc/meminfo"),
            ),
            "serial_hash": hashlib.sha256(self._adb.serial.encode()).hexdigest()[:12],
            "runtime": f"benchmark_model {self._sha256[:12]}",
            "benchmark_model_sha256": self._sha256,
        }

    def thermal(self) -> Thermal | None:
        return device.read_thermal(self._adb)

    def prepare(self, models: Sequence[ModelFile]) -> None:
        self._used = True
        self._remove_folder()
        self._adb.answer(f"mkdir -p {FOLDER}")
        if self._libraries:
            self._adb.answer(f"mkdir -p {_LIBRARIES}")
        places = {path: f"{_LIBRARIES}/{path.name}" for path in self._libraries}
        for path, place in {self._program: _PROGRAM, **places}.items():
            try:
                self._adb.push(path, place)
            except AdbError as error:
                raise UserError(
                    f"{self._adb.serial}: cannot copy {path.name} to the phone: {error}"
                ) from None
        self._adb.answer(f"chmod 755 {_PROGRAM}")
        # Two programs have this name. Without a file to run each tells which it is, and ends.
        try:
            log, _ = self._adb.shell(f"{self._environment()}{_PROGRAM} --graph={FOLDER}/none")
        except AdbTimeout:  # Whatever is wrong with it, its first case will tell.
            log = ""
        if compiled_model.is_this_program(log):
            self._interface = compiled_model
        for model in models:
            try:
                self._adb.push(model.path, _graph(model))
            except AdbError as error:
                self._unusable[model.sha256] = f"cannot copy the file to the phone: {error}"

    def measure(self, case: Case, runs: Runs) -> Measurement:
        graph, delegates = _graph(case.model), self._interface.DELEGATES
        flags = benchmark_model.measure_flags(case, graph, runs, _RESULT, delegates)
        if case.delegate == "npu":
            if not self._libraries:
                raise CaseFailed("the NPU needs its libraries: --libraries DIR")
            flags += tuple(f"--{kind}_library_path={_LIBRARIES}" for kind in _NPU_LIBRARIES)
        # Warm-up and measurement each end after max_seconds and the run in progress.
        command, log = self._run(case, flags, _PATIENCE_SECONDS + 4 * runs.max_seconds)
        operations = len(open_file(case.model.path, xnnpack=False)._get_ops_details())
        measurement = replace(self._interface.parse(case, log, operations), command=command)
        content = self._pull(_RESULT)
        try:
            return parse_result_file(content, measurement)
        except ValueError:  # a version that writes none, or a full disk; the log has the figures
            return measurement

    def output(self, case: Case, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self._interface is compiled_model:
            raise CaseFailed("the benchmark_model of the CompiledModel API writes no output")
        paths = [f"{FOLDER}/input{index}.bin" for index in range(len(inputs))]
        with tempfile.TemporaryDirectory() as folder:
            for array, path in zip(inputs, paths, strict=True):
                local = Path(folder, Path(path).name)
                local.write_bytes(np.ascontiguousarray(array).tobytes())
                try:
                    self._adb.push(local, path)
                except AdbError as error:
                    raise CaseFailed(f"cannot copy the input to the phone: {error}") from None
        flags = benchmark_model.output_flags(case, _graph(case.model), paths, _OUTPUT)
        _, log = self._run(case, flags, _PATIENCE_SECONDS)
        content = self._pull(_OUTPUT)
        tensors = case.model.outputs
        sizes = [int(np.prod(t.shape)) * np.dtype(t.dtype).itemsize for t in tensors]
        if len(content) != sum(sizes):
            unknown = benchmark_model.unknown_flags(log)
            raise CaseFailed(
                f"this benchmark_model does not know {unknown}: take a newer one"
                if unknown
                else f"the phone wrote {len(content)} bytes of output, {sum(sizes)} are expected",
                log,
            )
        arrays, start = [], 0
        for tensor, size in zip(tensors, sizes, strict=True):
            part = np.frombuffer(content[start : start + size], tensor.dtype)
            arrays.append(part.reshape(tensor.shape))
            start += size
        return arrays

    def close(self) -> None:
        if not self._used:
            return
        try:
            self._remove_folder()
        except (TargetLost, UserError) as error:
            _log.warning("%s stays on the phone until the next run: %s", FOLDER, error)

    def _run(self, case: Case, flags: tuple[str, ...], timeout: float) -> tuple[str, str]:
        """Run the program. Returns its command line and what it printed."""
        if case.model.sha256 in self._unusable:
            raise CaseFailed(self._unusable[case.model.sha256])
        try:
            cpus = resolve(case.affinity, self._top_khz)
        except ValueError as error:
            raise CaseFailed(str(error)) from None
        mask = None if cpus is None else f"{sum(1 << cpu for cpu in cpus):x}"
        pin = "" if mask is None else f"taskset {mask} "
        command = f"{self._environment()}{pin}{_PROGRAM} {' '.join(flags)}"
        try:
            # Its number is kept because the program outlives the connection.
            log, code = self._adb.shell(
                f"rm -f {_RESULT} {_OUTPUT}; {command} & echo $! > {_PID}; wait $!; code=$?; "
                f"rm -f {_PID}; exit $code",
                timeout,
            )
        except AdbTimeout as error:
            self._stop_program()
            flood = isinstance(error, AdbFlood)
            why = "printed without end" if flood else f"did not end within {timeout:.0f} s"
            raise CaseFailed(f"benchmark_model {why}") from None
        if code:
            raise CaseFailed(benchmark_model.failure(code, log), log)
        return command, log

    def _environment(self) -> str:
        """Variables in front of the command: where libraries are looked for, DSPs' too."""
        if not self._libraries:
            return ""
        return f"LD_LIBRARY_PATH={_LIBRARIES} ADSP_LIBRARY_PATH={_LIBRARIES} "

    def _pull(self, remote: str) -> bytes:
        """Contents of a file on the phone; empty if it is not there."""
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, "file")
            try:
                self._adb.pull(remote, local)
            except AdbError:
                return b""
            with local.open("rb") as file:
                return file.read(_MAX_PULLED_BYTES)

    def _stop_program(self) -> None:
        self._adb.answer(f"[ -e {_PID} ] && kill -9 $(cat {_PID})")

    def _remove_folder(self) -> None:
        self._stop_program()
        self._adb.answer(f"rm -rf {FOLDER}")


# An output of 1024x1024 faces has 100 MB.
_MAX_PULLED_BYTES = 2**30


def _graph(model: ModelFile) -> str:
    """Path of a file on the phone; its own name might need quoting."""
    return f"{FOLDER}/{model.sha256[:16]}.tflite"
