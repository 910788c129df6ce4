"""The precisions of LiteRT and ONNX files, and how near to the float model each has to be."""

from typing import NamedTuple


class Variant(NamedTuple):
    """Limits of one precision.

    Attributes:
        min_psnr_db: of the generator against the float model, given the same parsing map.
        min_fused_psnr_db: of the whole, where other labels change the picture too.
        min_equal_labels: share of pixels with the float model's label.
    """

    min_psnr_db: float
    min_fused_psnr_db: float
    min_equal_labels: float


# docs/export.md says what each is.
VARIANTS = {
    "float32": Variant(70.0, 50.0, 0.999),
    "float16": Variant(55.0, 45.0, 0.995),
    "int8-dynamic": Variant(38.0, 34.0, 0.99),
    "int8-weights": Variant(40.0, 36.0, 0.99),
    "int8": Variant(30.0, 28.0, 0.95),
}
# ONNX Runtime computes in float32 as TensorFlow does. In the whole, a label that flips counts.
ONNX_VARIANTS = {"float32": Variant(100.0, 50.0, 0.999)}
PARTS = ("restorer", "parsing", "generator")

# Below this a variant that meets its own limits is still exported with a warning.
GOOD_PSNR_DB = 38.0
GOOD_EQUAL_LABELS = 0.99


def missed(figures: dict, min_psnr_db: float, min_equal_labels: float) -> list[str]:
    """A line for each limit that the figures of a verification miss, as far as they are there."""
    lines = []
    psnr, labels = figures.get("psnr_db"), figures.get("equal_labels")
    if psnr is not None and not psnr >= min_psnr_db:
        lines.append(f"{psnr:.1f} dB, less than {min_psnr_db:.0f} dB")
    if labels is not None and not labels >= min_equal_labels:
        lines.append(f"{100 * labels:.2f} % equal labels, less than {100 * min_equal_labels:.1f} %")
    return lines


def shortfalls(entry: dict, variants: dict[str, Variant] = VARIANTS) -> list[str]:
    """One line for each of a variant's limits that a verified file misses."""
    variant = variants[entry["precision"]]
    fused = entry["part"] == "restorer"
    limit = variant.min_fused_psnr_db if fused else variant.min_psnr_db
    return [f"{entry['file']}: {line}" for line in missed(entry, limit, variant.min_equal_labels)]


def warnings(entry: dict, variants: dict[str, Variant] = VARIANTS) -> list[str]:
    """A line if a file is visibly off the float model, though within its variant's limits."""
    psnr, labels = entry.get("psnr_db"), entry.get("equal_labels")
    off = (psnr is not None and psnr < GOOD_PSNR_DB and entry["part"] == "generator") or (
        labels is not None and labels < GOOD_EQUAL_LABELS
    )
    if not off or shortfalls(entry, variants):
        return []
    figures = [f"{psnr:.1f} dB"] if psnr is not None else []
    figures += [f"{100 * labels:.2f} % equal labels"] if labels is not None else []
    advice = "" if entry["precision"] == "int8-dynamic" else "; int8-dynamic is nearer to it"
    return [f"{entry['file']} differs from the float model: {', '.join(figures)}{advice}"]


def gpu_warnings(entry: dict) -> list[str]:
    """One line for each thing that is wrong with a file on the GPU, see `gpu_check`."""
    figures = entry["gpu"]
    if not figures:  # not tried
        return []
    if "failed" in figures:
        return [f"{entry['file']} does not run on the GPU: {figures['failed']}"]
    lines = [f"{line} (GPU)" for line in shortfalls({**entry, **figures})]
    if figures.get("whole") is False:
        refused = "; ".join(figures["outside"]) or "no reason given"
        lines.append(
            f"{entry['file']}: the GPU does not take {figures['outside_count']} of its operations: "
            f"{refused}"
        )
    return lines
