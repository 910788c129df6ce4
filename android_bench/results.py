"""`results.json`: what a benchmark found, and its written schema.

The classes here are the schema's source; `schema.json` beside them is what they generate, and
docs/benchmarks.md explains it. Units are in the names; 1 kB of memory is 1024 bytes.
"""

import json
import re
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psfr_tf import files
from psfr_tf.android_bench.plan import Case, Delegate, Plan
from psfr_tf.android_bench.target import Latency, Thermal
from psfr_tf.errors import UserError, cause, printable

FILE_NAME = "results.json"
SCHEMA_VERSION: Final = 1
PICTURES = "pictures"
_MAX_PICTURE_BYTES = 2**24
MAX_BYTES = 2**28
# Text of several lines; numbers that are never below 0; more than any measurement gives.
_TEXTS = ("failure_log",)
_COUNTS = ("runs", "threads", "size_bytes", "multiply_adds", "peak_memory_kb", "face_px", "nodes")
_GREATEST = 10**15


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Accuracy(_Record):
    """Output for the fixed face beside the reference's."""

    reference: str = Field(description="file that made the reference output, on the host")
    reference_sha256: str
    psnr_db: float | None = Field(None, description="of the picture; 150 if equal to the last bit")
    max_error: float | None = Field(None, description="largest difference of any value")
    equal_labels: float | None = Field(None, description="share of pixels with the same label")
    identical_to_cpu: bool | None = Field(
        None, description="GPU only: every value equals what the device's CPU makes"
    )
    picture: str | None = Field(None, description="the output, a file beside results.json")
    reference_picture: str | None = Field(None, description="the reference output")
    face_picture: str | None = Field(None, description="the damaged face that went in")


class Process(_Record):
    """One fresh process."""

    started: str = Field(description="UTC, ISO 8601")
    latency: Latency
    latencies_ms: list[float] = Field(description="each run; empty if the target does not tell")
    init_ms: float | None = None
    first_ms: float | None = None
    peak_memory_kb: int | None = None
    thermal_before: Thermal | None = None
    thermal_after: Thermal | None = None
    cooled_down: bool = Field(True, description="false: still hot when it started")

    @property
    def times_ms(self) -> list[float]:
        """Its runs, or its typical run if there is no more."""
        if self.latencies_ms:
            return self.latencies_ms
        p50 = self.latency.p50_ms
        return [self.latency.mean_ms if p50 is None else p50]


class Window(_Record):
    """A stretch of a sustained run."""

    elapsed_s: float = Field(description="from the start of the sustained run to its end")
    runs: int
    p50_ms: float = Field(description="median; the mean if the target gives no median")
    celsius: float | None = None
    throttled: bool = False


class Row(_Record):
    """One case: a file with its settings, and what was measured."""

    model: str = Field(description="weights, part and precision; else the file's name")
    file: str
    sha256: str
    size_bytes: int
    weights: str | None
    part: str | None
    precision: str | None
    face_px: int | None = Field(description="side of the face")
    multiply_adds: int
    delegate: Delegate
    threads: int
    affinity: str
    sustained_minutes: float = 0.0

    runs: int = Field(0, description="measured runs, over all processes")
    init_ms: float | None = Field(None, description="median over the processes")
    first_ms: float | None = Field(None, description="first inference, median over the processes")
    mean_ms: float | None = None
    std_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    noise_ms: float | None = Field(
        None, description="half of the 95 % interval of the median, by a two-level bootstrap"
    )
    peak_memory_kb: int | None = Field(None, description="largest of the processes")
    nodes: int | None = Field(None, description="operations of the file")
    delegated_nodes: int | None = Field(None, description="of these, run by the delegate")
    partitions: int | None = Field(None, description="pieces that the delegate runs them in")
    outside: list[str] = Field([], description="names of the operations outside the delegate")
    accuracy: Accuracy | None = None
    accuracy_missing: str | None = Field(None, description="why there is no accuracy")
    processes: list[Process] = []
    windows: list[Window] = Field([], description="latency over time of a sustained run")
    command: str = Field("", description="command line on the device")
    failure: str | None = Field(None, description="why it did not run")
    failure_log: str | None = Field(None, description="end of what the program printed")
    valid: bool = False
    reasons: list[str] = Field([], description="why it is not valid")

    @property
    def key(self) -> tuple:
        """Equal to the `key` of its `plan.Case`."""
        return (self.sha256, self.delegate, self.threads, self.affinity, self.sustained_minutes)

    @property
    def typical_ms(self) -> float | None:
        """The median of the runs; the mean if the target gives no median."""
        return self.mean_ms if self.p50_ms is None else self.p50_ms


class Results(_Record):
    """A whole benchmark."""

    schema_version: Literal[1] = SCHEMA_VERSION
    target: Literal["local", "android"]
    psfr_tf: str = Field(description="version of this project")
    created: str = Field(description="UTC, ISO 8601")
    finished: str | None = Field(None, description="UTC, ISO 8601; null while cases are missing")
    interrupted: str | None = Field(None, description="why it ended early")
    device: dict[str, Any] = Field(
        description="name, cpu, cores, system, abi, runtime, and what else the target tells"
    )
    plan: Plan = Field(description="as it was asked for")
    problems: list[str] = Field([], description="files that could not be used")
    rows: list[Row] = []


def new_row(case: Case) -> Row:
    """An empty row for a case."""
    model = case.model
    of_model = ("sha256", "size_bytes", "weights", "part", "precision", "multiply_adds")
    of_case = ("delegate", "threads", "affinity", "sustained_minutes")
    return Row(
        model=model.label,
        file=model.path.name,
        face_px=model.size,
        **{name: getattr(model, name) for name in of_model},
        **{name: getattr(case, name) for name in of_case},
    )


def save(results: Results, folder: Path) -> None:
    """Write `folder/results.json`, atomically."""
    # `model_dump_json` refuses the names of files that are not UTF-8.
    text = json.dumps(results.model_dump(), indent=1, ensure_ascii=False)
    files.write_text(folder / FILE_NAME, text + "\n")


def load(path: Path) -> Results:
    """Read results; `path` is the file or its folder.

    Raises:
        UserError: one line naming the file and what is wrong.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        values = json.loads(files.read_bounded(file, MAX_BYTES))
    except OSError as error:
        raise UserError(f"{file}: {cause(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not a JSON file: {error}") from None
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(f"{file}: schema_version {SCHEMA_VERSION} is needed, got {version!r}")
    try:
        return Results.model_validate(_checked(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{file}: {place}: {first['msg'].lower()}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: {error}") from None


def picture_file(folder: Path, name: str | None) -> Path | None:
    """The file of a picture that results name, if it is one of theirs.

    The results may be from elsewhere, and the report carries the picture's bytes: only a file that
    lies in `pictures/` is taken.
    """
    head, _, plain = (name or "").partition("/")
    path = folder / PICTURES / plain
    if head != PICTURES or not re.fullmatch(r"\w[\w.-]*", plain) or path.is_symlink():
        return None
    if (folder / PICTURES).is_symlink() or not path.is_file():
        return None
    return path if path.stat().st_size <= _MAX_PICTURE_BYTES else None


def _checked(values: Any, key: str = "") -> Any:
    """A copy without control characters, and with escapes for bytes that are not UTF-8.

    Raises:
        ValueError: a number that no measurement gives.
    """
    if isinstance(values, dict):
        return {printable(name): _checked(value, name) for name, value in values.items()}
    if isinstance(values, list):
        return [_checked(value, key) for value in values]
    if isinstance(values, str):
        lines = values.splitlines() if key in _TEXTS else [values]
        text = "\n".join(map(printable, lines))
        return text.encode("utf-8", "backslashreplace").decode()
    if isinstance(values, int | float) and not isinstance(values, bool):
        time = key.endswith("_ms") or key == "latencies_ms"
        least = 0 if time or key in _COUNTS else -_GREATEST
        if not least <= values <= _GREATEST:
            raise ValueError(f"{key}: {str(values)[:40]} is out of range")
    return values
