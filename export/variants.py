"""The precisions of LiteRT files, and how near to the float model each has to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One precision.

    Attributes:
        summary: what is stored and what is computed.
        min_psnr_db: of the generator against the float model, given the same parsing map.
        min_fused_psnr_db: of the whole, where other labels change the picture too.
        min_equal_labels: share of pixels with the float model's label.
    """

    summary: str
    min_psnr_db: float
    min_fused_psnr_db: float
    min_equal_labels: float


VARIANTS = {
    "float32": Variant("float32 weights and arithmetic", 70.0, 50.0, 0.999),
    "float16": Variant("float16 weights; a CPU computes in float32", 55.0, 45.0, 0.995),
    "int8-dynamic": Variant(
        "int8 weights; each activation is quantized by its own range while it runs",
        38.0,
        34.0,
        0.99,
    ),
    "int8-weights": Variant("int8 weights, float32 arithmetic", 40.0, 36.0, 0.99),
    "int8": Variant(
        "int8 convolutions with ranges from calibration faces; the rest in float32",
        30.0,
        28.0,
        0.95,
    ),
}

# Below this a variant that meets its own limits is still exported with a warning.
GOOD_PSNR_DB = 38.0
GOOD_EQUAL_LABELS = 0.99

PARTS = {
    "restorer": "face in, restored face and parsing logits out",
    "parsing": "face in, parsing logits out",
    "generator": "face and parsing map in, restored face out",
}


def shortfalls(entry: dict) -> list[str]:
    """One line for each of a variant's limits that a verified file misses."""
    variant = VARIANTS[entry["precision"]]
    fused = entry["part"] == "restorer"
    limit = variant.min_fused_psnr_db if fused else variant.min_psnr_db
    lines = []
    if "psnr_db" in entry and not entry["psnr_db"] >= limit:
        lines.append(f"{entry['file']}: {entry['psnr_db']:.1f} dB, less than {limit:.0f} dB")
    limit = variant.min_equal_labels
    if "equal_labels" in entry and not entry["equal_labels"] >= limit:
        lines.append(
            f"{entry['file']}: {100 * entry['equal_labels']:.2f} % equal labels, less than "
            f"{100 * limit:.1f} %"
        )
    return lines


def warnings(entry: dict) -> list[str]:
    """A line if a file is visibly off the float model, though within its variant's limits."""
    psnr, labels = entry.get("psnr_db"), entry.get("equal_labels")
    off = (psnr is not None and psnr < GOOD_PSNR_DB and entry["part"] == "generator") or (
        labels is not None and labels < GOOD_EQUAL_LABELS
    )
    if not off or shortfalls(entry):
        return []
    figures = [f"{psnr:.1f} dB"] if psnr is not None else []
    figures += [f"{100 * labels:.2f} % equal labels"] if labels is not None else []
    advice = "" if entry["precision"] == "int8-dynamic" else "; int8-dynamic is nearer to it"
    return [f"{entry['file']} differs from the float model: {', '.join(figures)}{advice}"]
