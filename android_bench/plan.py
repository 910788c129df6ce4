"""What is measured: a plan in YAML, and the cases it expands to."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from psfr_tf.android_bench import affinity as affinities
from psfr_tf.android_bench.model_file import ModelFile, read_model_file
from psfr_tf.errors import UserError
from psfr_tf.yaml_file import read_yaml, validated

PositiveInt = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

# How a file runs. "cpu": LiteRT's own kernels, no delegate. "xnnpack-fp16": XNNPACK computing in
# float16, on CPUs that can; unlike a file with float16 weights, which any delegate may run.
# "onnxruntime": ONNX files on this machine, and nothing else runs these.
Delegate = Literal["cpu", "xnnpack", "xnnpack-fp16", "gpu", "npu", "onnxruntime"]
# They have no CPU threads to choose.
ACCELERATORS = ("gpu", "npu")
# For the estimate of the duration only: 10^9 multiply-adds per second and thread, and seconds that
# a process takes around its runs.
_ASSUMED_SPEED = 15e9
_ASSUMED_START_SECONDS = 1.0


@dataclass(frozen=True)
class Case:
    """One row of the results.

    Attributes:
        model: the file.
        delegate: one of `Delegate`.
        threads: CPU threads; 1 for GPU and NPU.
        affinity: CPUs it may run on: "all", "big", "little" (the cores with the highest and the
            lowest top frequency), or numbers such as "4-7" or "0,2".
        sustained_minutes: if above 0, run continuously for this long, to see throttling.
    """

    model: ModelFile
    delegate: str = "xnnpack"
    threads: int = 1
    affinity: str = "all"
    sustained_minutes: float = 0.0

    @property
    def key(self) -> tuple[str, str, int, str, float]:
        """What makes two runs the same case: the file's contents and the settings."""
        return (
            self.model.sha256,
            self.delegate,
            self.threads,
            self.affinity,
            self.sustained_minutes,
        )

    def __str__(self) -> str:
        sustained = f", {self.sustained_minutes:g} minutes" if self.sustained_minutes else ""
        return f"{self.model.label}, {setting(self)}{sustained}"


def setting(case) -> str:
    """How a `Case`, or the row of one, runs: "xnnpack, 2 threads"."""
    cores = "" if case.affinity == "all" else f", {case.affinity} cores"
    threads = f", {case.threads} thread{'s'[: case.threads != 1]}"
    return f"{case.delegate}{'' if case.delegate in ACCELERATORS else threads}{cores}"


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", validate_default=True, frozen=True, allow_inf_nan=False
    )


class Runs(_Section):
    """How often a file runs in one process; the meaning is that of `benchmark_model`'s options.

    At least `min_runs` runs and at least `min_seconds`, but no new run after `max_seconds`.
    """

    warm_up_runs: PositiveInt = Field(
        2, description="runs before the measured ones; the first inference is one of them"
    )
    min_runs: PositiveInt = Field(10, description="measured runs; a row with fewer is not valid")
    min_seconds: NotNegative = Field(2.0, description="measure for at least this many seconds")
    max_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        120.0,
        description="start no new run after this many seconds, even if min_runs is not reached",
    )


class CoolDown(_Section):
    """The wait before each process, until the target is cool."""

    above_start_celsius: NotNegative = Field(
        3.0, description="cool is: no hotter than so much above the start of the whole run"
    )
    max_seconds: NotNegative = Field(180.0, description="wait no longer; 0 does not wait")


class Matrix(_Section):
    """All combinations of these are measured."""

    models: list[str] = Field(
        ["*"],
        description="patterns among the plan's models: of file names, or of what the file is, such "
        'as "psfr-mobile-256 restorer *"',
    )
    delegates: list[Delegate] = ["xnnpack"]
    threads: list[PositiveInt] = Field([1], description="GPU and NPU get one case, with 1 thread")
    affinity: list[str] = Field(
        ["all"], description="all, big, little, or CPU numbers such as 4-7 or 0,2"
    )
    sustained_minutes: NotNegative = Field(
        0.0,
        description="above 0: run continuously for this many minutes and keep latency over time",
    )

    @field_validator("affinity")
    @classmethod
    def _known(cls, values: list[str]) -> list[str]:
        for value in values:
            if value not in affinities.NAMES:
                affinities.parse_cpus(value)
        return values


class Plan(_Section):
    """A whole benchmark."""

    models: list[str] = Field(
        [], description="files, folders of files, or patterns; relative to the working directory"
    )
    matrix: list[Matrix] = [Matrix()]
    runs: Runs = Runs()
    processes: PositiveInt = Field(
        3, description="fresh processes per case, spread over the whole run; they show the noise"
    )
    cool_down: CoolDown = CoolDown()
    max_noise: Annotated[float, Field(gt=0)] = Field(
        0.1, description="a row whose latency is not known to this share of itself is not valid"
    )
    min_equal_labels: Annotated[float, Field(ge=0, le=1)] = Field(
        0.9, description="a row with a smaller share of the reference's labels is not valid"
    )
    min_psnr_db: float = Field(
        25.0, description="a row further than this from the reference output is not valid"
    )


def load_plan(path: Path) -> Plan:
    """Read a plan from a YAML file.

    Raises:
        UserError: one line naming the file, the key and what is allowed.
    """
    return validated(Plan, read_yaml(path, "models, matrix, runs"), path)


def find_models(sources: Sequence[str]) -> tuple[list[ModelFile], list[str]]:
    """Read the files that a plan or a command line names.

    Args:
        sources: files, folders (their `*.tflite` and `*.onnx` files) and patterns.

    Returns:
        The files in order, each once, and a line for each source that cannot be used.
    """
    paths: dict[Path, None] = {}
    problems = []
    for source in sources:
        if Path(source).is_dir():
            found = sorted([*Path(source).glob("*.tflite"), *Path(source).glob("*.onnx")])
        elif glob.has_magic(source) and not Path(source).exists():
            found = sorted(map(Path, glob.glob(source)))
        else:
            found = [Path(source)]
        if not found:
            problems.append(f"{source}: no .tflite or .onnx files here")
        paths.update(dict.fromkeys(found))
    models = []
    for path in paths:
        try:
            models.append(read_model_file(path))
        except UserError as error:
            problems.append(str(error))
    return models, problems


def expand(plan: Plan, models: Sequence[ModelFile]) -> list[Case]:
    """The cases of a plan, in its order, each once.

    Raises:
        UserError: two different files have one label, so that results could not tell them apart;
            or there is no case.
    """
    by_label: dict[str, ModelFile] = {}
    for model in models:
        other = by_label.setdefault(model.label, model)
        if other.sha256 != model.sha256:
            raise UserError(f"{other.path} and {model.path} are both called {model.label}")
    cases: dict[Case, None] = {}
    for matrix in plan.matrix:
        for model in models:
            names = (model.path.name, model.label)
            if not any(fnmatchcase(name, each) for each in matrix.models for name in names):
                continue
            for delegate in matrix.delegates:
                if (delegate == "onnxruntime") != (model.path.suffix == ".onnx"):
                    continue
                elsewhere = delegate in ACCELERATORS
                for threads in [1] if elsewhere else matrix.threads:
                    for affinity in ["all"] if elsewhere else matrix.affinity:
                        case = Case(model, delegate, threads, affinity, matrix.sustained_minutes)
                        cases.setdefault(case)
    if not cases:
        raise UserError("the plan has no case: no model fits the patterns of its matrix")
    return list(cases)


def estimate_seconds(cases: Sequence[Case], plan: Plan) -> float:
    """A rough duration without cool-down, assuming a speed in multiply-adds per second.

    LiteRT's own kernels are assumed to be 3 times as slow as a delegate.
    """
    runs, total = plan.runs, 0.0
    for case in cases:
        if case.sustained_minutes:
            total += 60 * case.sustained_minutes
            continue
        speed = _ASSUMED_SPEED * case.threads / (3 if case.delegate == "cpu" else 1)
        one = case.model.multiply_adds / speed
        measured = min(max(runs.min_runs * one, runs.min_seconds), runs.max_seconds + one)
        total += plan.processes * (_ASSUMED_START_SECONDS + runs.warm_up_runs * one + measured)
    return total
