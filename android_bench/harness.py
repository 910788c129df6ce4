"""Runs the cases of a plan on a target and keeps what it finds.

The processes of a case are spread over the whole run: one of each case, then a second of each, and
so on. So a disturbance that lasts touches every case, and a change of the machine over time shows
as noise. Results are written after every process.
"""

import datetime
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

import psfr_tf
from psfr_tf import files
from psfr_tf.android_bench.accuracy import NoReference, References, accuracy, picture
from psfr_tf.android_bench.face import damaged_face
from psfr_tf.android_bench.plan import Case, Plan, Runs
from psfr_tf.android_bench.results import (
    FILE_NAME,
    PICTURES,
    Process,
    Results,
    Row,
    Window,
    new_row,
    save,
)
from psfr_tf.android_bench.target import CaseFailed, TargetLost, Thermal
from psfr_tf.android_bench.validity import summarize, sustained_enough
from psfr_tf.errors import UserError

if TYPE_CHECKING:
    from psfr_tf.android_bench.android.phone import AndroidTarget
    from psfr_tf.android_bench.local import LocalTarget

# What must be the same for `--resume` to go on.
_IDENTITY = ("name", "cpu", "system", "runtime")
# What a measurement tells of its process, and of the case whatever the process.
_OF_A_PROCESS = ("latency", "init_ms", "first_ms", "peak_memory_kb")
_OF_A_ROW = ("nodes", "delegated_nodes", "partitions", "command")
_LOG_CHARACTERS = 2000
_POLL_SECONDS = 2.0
# A stretch of a sustained run: long enough for a median, short enough to see the clock fall.
_WINDOW_SECONDS = 10.0
# Other programs may use so much of all cores unsaid.
_QUIET_PERCENT = 5


class Benchmark:
    """One run of a plan.

    Args:
        plan: what to do.
        cases: of `plan.expand`, those that the target has the delegates for.
        target: what it runs on; closed by `run`.
        output: folder for `results.json` and `pictures/`.
        earlier: results to go on from.
        problems: a line for each file that could not be used, for the results.
        log: gets a line for each thing worth knowing.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        plan: Plan,
        cases: Sequence[Case],
        target: "LocalTarget | AndroidTarget",
        output: Path,
        earlier: Results | None = None,
        problems: Sequence[str] = (),
        log: Callable[[str], None] = print,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.plan, self.cases, self.target, self.output = plan, list(cases), target, output
        self._log, self._sleep = log, sleep
        self._references = References()
        self._cool_celsius: float | None = None
        self._earlier, self._problems = earlier, list(problems)

    def run(self) -> Results:
        """Measure all cases.

        Ctrl-C and a lost target end it early; `interrupted` then says so.

        Raises:
            UserError: nothing can run on the target, or the results to go on from are of another
                device or plan.
        """
        results = None
        try:
            results = self._begin()
            self.target.prepare(list(dict.fromkeys(case.model for case in self.cases)))
            self._leave_out()
            save(results, self.output)
            (self.output / "report.json").unlink(missing_ok=True)  # of the run before this one
            self._measure_all(results)
        except TargetLost as lost:
            if results is None:
                raise UserError(str(lost)) from None
            results.interrupted = str(lost)
        except KeyboardInterrupt:
            if results is None:
                raise
            results.interrupted = "interrupted by the user"
        finally:
            self.target.close()
        if not results.interrupted:
            results.finished = _now()
        for row in results.rows:  # Also those that were not reached.
            summarize(row, self.plan)
        save(results, self.output)
        return results

    def _begin(self) -> Results:
        device = self.target.describe()
        if (device.get("busy_percent") or 0) > _QUIET_PERCENT:
            self._log(
                f"warning: other programs use {device['busy_percent']} % of the cores; stop them, "
                "or the figures will be too high and the noise too wide"
            )
        earlier = self._earlier
        if earlier is None:
            results = Results(
                target=self.target.name,
                psfr_tf=psfr_tf.__version__,
                created=_now(),
                device=device,
                plan=self.plan,
                problems=self._problems,
            )
        else:
            for name in _IDENTITY:
                if earlier.device.get(name) != device.get(name):
                    raise UserError(
                        f"{self.output / FILE_NAME} is of another device ({name}: "
                        f"{earlier.device.get(name)}, now {device.get(name)}); choose another "
                        "--output"
                    )
            if earlier.plan.runs != self.plan.runs:
                raise UserError(
                    f"{self.output / FILE_NAME} was measured with other `runs`: {earlier.plan.runs}"
                )
            anew = {"plan": self.plan, "interrupted": None, "finished": None}
            results = earlier.model_copy(update={**anew, "problems": self._problems})
        heat = self.target.thermal()
        self._cool_celsius = heat.celsius if heat else None
        return results

    def _leave_out(self) -> None:
        """The cases whose delegate the target turned out not to have."""
        known = [case for case in self.cases if case.delegate in self.target.delegates]
        missing = sorted({case.delegate for case in self.cases} - set(self.target.delegates))
        if not known:
            raise UserError(
                f"no case can run: {self.target.name} has only {', '.join(self.target.delegates)}"
            )
        if missing:
            self._log(f"skipped (not available with this program): {', '.join(missing)}")
        self.cases = known

    def _measure_all(self, results: Results) -> None:
        rows = {row.key: row for row in results.rows}
        for case in self.cases:
            if case.key not in rows:
                rows[case.key] = new_row(case)
                results.rows.append(rows[case.key])
            # What failed before is tried again.
            rows[case.key].failure = rows[case.key].failure_log = None
        bursts = [case for case in self.cases if not case.sustained_minutes]
        steps = [(number, case) for number in range(self.plan.processes) for case in bursts]
        steps += [(0, case) for case in self.cases if case.sustained_minutes]
        for number, case in tqdm(steps, "Benchmark", unit="process", disable=None):
            row = rows[case.key]
            done = len(row.processes) > number or (case.sustained_minutes and sustained_enough(row))
            if row.failure or done:
                continue
            try:
                if row.accuracy is None and row.accuracy_missing is None:
                    self._check_output(results, case, row)
                if case.sustained_minutes:
                    self._sustain(results, case, row)
                else:
                    self._burst(case, row)
            except CaseFailed as failed:
                row.failure = failed.reason
                row.failure_log = failed.log[-_LOG_CHARACTERS:] or None
                self._log(f"{case}: {failed.reason}")
            finally:
                summarize(row, self.plan)
                save(results, self.output)

    def _burst(self, case: Case, row: Row) -> None:
        before, cool = self._cool_down()
        started = _now()
        measurement = self.target.measure(case, self.plan.runs)
        row.processes.append(
            Process(
                started=started,
                latencies_ms=[round(each, 4) for each in measurement.latencies_ms],
                **{name: getattr(measurement, name) for name in _OF_A_PROCESS},
                thermal_before=before,
                thermal_after=self.target.thermal(),
                cooled_down=cool,
            )
        )
        self._note(row, measurement)

    def _sustain(self, results: Results, case: Case, row: Row) -> None:
        self._cool_down()
        row.windows = []
        runs = Runs(
            warm_up_runs=1, min_runs=1, min_seconds=_WINDOW_SECONDS, max_seconds=_WINDOW_SECONDS
        )
        started = time.monotonic()
        while not row.windows or row.windows[-1].elapsed_s < 60 * case.sustained_minutes:
            measurement = self.target.measure(case, runs)
            latency, heat = measurement.latency, self.target.thermal()
            row.windows.append(
                Window(
                    elapsed_s=time.monotonic() - started,
                    runs=latency.runs,
                    p50_ms=latency.mean_ms if latency.p50_ms is None else latency.p50_ms,
                    celsius=heat.celsius if heat else None,
                    throttled=bool(heat and heat.throttled),
                )
            )
            self._note(row, measurement)
            save(results, self.output)

    def _note(self, row: Row, measurement) -> None:
        for name in _OF_A_ROW:
            setattr(row, name, getattr(measurement, name))
        row.outside = list(measurement.outside)

    def _cool_down(self) -> tuple[Thermal | None, bool]:
        """Wait until the target is cool. Returns its heat, and whether it is cool."""
        waited = 0.0
        while True:
            heat = self.target.thermal()
            if heat is None or self._is_cool(heat):
                return heat, True
            if waited >= self.plan.cool_down.max_seconds:
                return heat, False
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def _is_cool(self, heat: Thermal) -> bool:
        if heat.throttled:
            return False
        if heat.celsius is None or self._cool_celsius is None:
            return True
        return heat.celsius <= self._cool_celsius + self.plan.cool_down.above_start_celsius

    def _check_output(self, results: Results, case: Case, row: Row) -> None:
        """Compare the output for the fixed face; once for each file and delegate."""
        for other in results.rows:
            known = other.accuracy or other.accuracy_missing
            if known and (other.sha256, other.delegate) == (row.sha256, row.delegate):
                row.accuracy, row.accuracy_missing = other.accuracy, other.accuracy_missing
                return
        try:
            expected = self._references.expected(case.model)
            output = self.target.output(case, expected.inputs)
            row.accuracy = accuracy(case.model, output, expected)
            if case.delegate == "gpu":
                on_cpu = self.target.output(Case(case.model, "xnnpack"), expected.inputs)
                pairs = zip(output, on_cpu, strict=True)
                row.accuracy.identical_to_cpu = all(np.array_equal(a, b) for a, b in pairs)
        except (NoReference, CaseFailed) as error:
            row.accuracy_missing = str(error)
            return
        reference, size = expected.model, case.model.size
        by_name = [expected.outputs[tensor.argument] for tensor in reference.outputs]
        made, wanted = picture(case.model.outputs, output), picture(reference.outputs, by_name)
        if made is not None and wanted is not None and size is not None:
            row.accuracy.picture = self._keep(f"{case.model.label} {case.delegate}", made)
            row.accuracy.reference_picture = self._keep(f"{reference.label} reference", wanted)
            row.accuracy.face_picture = self._keep(f"face {size}", damaged_face(size))

    def _keep(self, name: str, pixels: np.ndarray) -> str:
        """Write a picture; returns its place in the output folder."""
        plain = re.sub(r"[^\w.-]+", "_", name)
        if len(plain.encode()) > 200:  # A label from elsewhere may be longer than a name may be.
            plain = hashlib.sha256(plain.encode()).hexdigest()
        path = Path(PICTURES) / f"{plain}.jpg"
        (self.output / PICTURES).mkdir(exist_ok=True)
        with files.atomic_path(self.output / path) as temporary:
            Image.fromarray(pixels).save(temporary, "JPEG", quality=80)
        return path.as_posix()


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
