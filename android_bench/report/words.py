"""How a report says the figures of a row."""

from psfr_tf.android_bench.results import Row


def name(row: Row) -> str:
    return row.precision or row.model


def milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def typical(row: Row) -> str:
    """The median with its noise: "21.3 ± 0.4"."""
    noise = f" ± {milliseconds(row.noise_ms)}" if row.noise_ms is not None else ""
    return milliseconds(row.typical_ms) + noise


def decibels(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if value < 149.95 else "equal"


def quality(row: Row, before: str = ", ") -> str:
    """ ", 41.5 dB" or ", equal"; "" where it is not known."""
    text = decibels(row.accuracy.psnr_db if row.accuracy else None)
    return f"{before}{text} dB".replace("equal dB", "equal") if text else ""
