"""What the targets of a benchmark, a phone and this machine, give and raise."""

from dataclasses import dataclass

from psfr_tf.errors import MAX_MESSAGE, printable


class TargetLost(Exception):
    """The target is gone (cable pulled, reboot). The run stops, keeps what it has, can go on later.

    The message is one line for the user.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, MAX_MESSAGE))


class CaseFailed(Exception):
    """This case cannot run on the target; the others go on.

    Attributes:
        reason: one line for the results, as the device gave it if it did.
        log: what the program printed.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        self.reason = printable(reason, MAX_MESSAGE)
        super().__init__(self.reason)
        self.log = log


@dataclass(frozen=True)
class Latency:
    """Time of one inference, in ms, over the measured runs (warm-up left out).

    Figures that a target does not give are None: `benchmark_model` prints p5, p50 and p95 only in
    its newer versions, and never p90 or p99.
    """

    runs: int
    mean_ms: float
    std_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What one case gave.

    Attributes:
        latency: of the measured runs.
        latencies_ms: each run in order, if the target gives them; else empty.
        init_ms: load the file, apply the delegate, allocate.
        first_ms: the first inference, which is the first warm-up run.
        peak_memory_kb: of the process that ran the case; 1 kB = 1024 bytes.
        nodes: operations of the file; None if not known.
        delegated_nodes: those that the delegate runs.
        partitions: pieces that the delegate runs them in.
        outside: names of the operations outside the delegate, if known.
        command: the command line that ran, for the results.
    """

    latency: Latency
    init_ms: float | None = None
    first_ms: float | None = None
    peak_memory_kb: int | None = None
    nodes: int | None = None
    delegated_nodes: int | None = None
    partitions: int | None = None
    outside: tuple[str, ...] = ()
    latencies_ms: tuple[float, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Thermal:
    """Heat of the target at one moment.

    Attributes:
        celsius: of the hottest sensor on the processor; None if none can be read.
        status: of Android's PowerManager, 0 (none) to 6 (shutdown); None elsewhere.
        throttled: the system lowers the clock because of heat.
        throttle_count: events since the start of the system, where it counts them; a case during
            which it rises was throttled.
    """

    celsius: float | None = None
    status: int | None = None
    throttled: bool = False
    throttle_count: int | None = None
