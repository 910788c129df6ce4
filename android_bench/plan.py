"""What is measured: a plan in YAML, and the cases it expands to."""

from dataclasses import dataclass

from psfr_tf.android_bench.model_file import ModelFile

# How a file runs. "cpu": LiteRT's own kernels, no delegate. "xnnpack-fp16": XNNPACK computing in
# float16, on CPUs that can; unlike a file with float16 weights, which any delegate may run.
DELEGATES = ("cpu", "xnnpack", "xnnpack-fp16", "gpu")


@dataclass(frozen=True)
class Case:
    """One row of the results.

    Attributes:
        model: the file.
        delegate: of `DELEGATES`.
        threads: CPU threads; 1 for the GPU.
        affinity: CPUs it may run on: "all", "big", "little" (the cores with the highest and the
            lowest top frequency), or numbers such as "4-7" or "0,2".
    """

    model: ModelFile
    delegate: str = "xnnpack"
    threads: int = 1
    affinity: str = "all"

    @property
    def key(self) -> str:
        """What makes two runs the same case: the file's contents and the settings."""
        return f"{self.model.sha256} {self.delegate} {self.threads} {self.affinity}"

    def __str__(self) -> str:
        cores = "" if self.affinity == "all" else f", {self.affinity} cores"
        plural = "" if self.threads == 1 else "s"
        return f"{self.model.name}, {self.delegate}, {self.threads} thread{plural}{cores}"


@dataclass(frozen=True)
class Runs:
    """How often a case runs; the meaning is that of `benchmark_model`'s options.

    At least `min_runs` runs and at least `min_seconds`, but no new run after `max_seconds`.

    Attributes:
        warm_up_runs: runs before the measured ones (the first inference is one of them).
    """

    warm_up_runs: int = 3
    min_runs: int = 30
    min_seconds: float = 3.0
    max_seconds: float = 60.0
