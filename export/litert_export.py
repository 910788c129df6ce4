"""`psfr export litert`: write the files, measure them, keep those that are good enough."""

import datetime
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import psfr_tf
from psfr_tf import files, model_folder
from psfr_tf.engines import tensorflow_converter
from psfr_tf.engines.litert_file import convert_part
from psfr_tf.engines.litert_metadata import add_metadata
from psfr_tf.export.degraded_faces import degraded_faces
from psfr_tf.export.gpu_check import gpu_checker
from psfr_tf.export.litert_report import write_chart, write_table
from psfr_tf.export.quantizer import quantize
from psfr_tf.export.variants import PARTS, gpu_warnings, shortfalls, warnings
from psfr_tf.export.verification import Reference, reference, verify
from psfr_tf.labels import LABELS, NUM_CLASSES
from psfr_tf.machine import available_cores, describe_machine
from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.models.inference_form import InferenceForm, inference_form

VERIFICATION_FACES = 16
CALIBRATION_FACES = 16
REJECTED = "rejected"


def export_litert(
    weights: str | os.PathLike,
    output: Path,
    precisions: Sequence[str],
    data: Path | None = None,
    allow_degraded: bool = False,
    licence: str | None = None,
    fidelity: float | None = None,
    gpu: bool = True,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Export a model to LiteRT files and verify each of them.

    Writes `PART_PRECISION.tflite` for each part (restorer, parsing, generator) and precision,
    `report.json`, `table.md` and `chart.png`. A file worse than its variant's limits goes to
    `rejected/` instead, unless `allow_degraded`.

    Args:
        weights: shipped weights or a model folder.
        output: folder, made before.
        precisions: of `psfr_tf.export.variants.VARIANTS`.
        data: folder of aligned faces to degrade for verification and calibration; None draws
            cartoon faces.
        allow_degraded: keep worse files too.
        licence: of the weights, for the files' metadata.
        fidelity: operating point, see `psfr_tf.model_folder`.
        gpu: run each file once on LiteRT's GPU accelerator too, if there is a driver.
        log: gets warnings, a line each.

    Returns:
        The report, as in `report.json`; `failed` has the names of the rejected files.

    Raises:
        UserError: the model or the faces cannot be used, or a package is missing.
    """
    started = time.monotonic()
    folder = model_folder.load_model_folder(weights, fidelity)
    calibrates = "int8" in precisions
    count = VERIFICATION_FACES + CALIBRATION_FACES * calibrates
    lq, problems = degraded_faces(data, folder.size, count)
    for problem in problems:
        log(f"warning: {problem}")
    expected = reference(folder.generator, folder.parsing_network, lq[:VERIFICATION_FACES])
    form = inference_form(folder.generator, folder.parsing_network)
    on_gpu = gpu_checker(expected) if gpu else None
    metadata = _metadata(folder, licence)
    entries = []
    steps = [(part, precision) for part in PARTS for precision in precisions]
    (output / "report.json").unlink(missing_ok=True)  # of the export before this one
    with files.temporary_folder(output) as unverified:
        converted: dict[str, bytes] = {}
        for part, precision in tqdm(steps, "Export", unit="file", disable=None):
            if part not in converted:
                converted = {part: convert_part(form, part)}
            content = _variant(form, part, precision, converted[part], lq[VERIFICATION_FACES:])
            content = add_metadata(content, {**metadata, "part": part, "precision": precision})
            path = unverified / f"{part}_{precision}.tflite"
            path.write_bytes(content)
            entry = _verified(path, part, precision, expected)
            entry["gpu"] = on_gpu(path, part) if on_gpu else None
            entry["warnings"] += gpu_warnings(entry)
            accepted = allow_degraded or not entry["shortfalls"]
            _publish(path, output, accepted)
            entry["published"] = accepted
            entries.append(entry)
            for line in entry["shortfalls"] + entry["warnings"]:
                log(f"warning: {line}")
    report = {
        "command": "export litert",
        "version": psfr_tf.__version__,
        "weights": str(weights),
        "fidelity": folder.fidelity,
        "settings": {
            "precisions": list(precisions),
            "faces": "drawn" if data is None else str(data),
            "verification_faces": len(expected.lq),
            "calibration_faces": CALIBRATION_FACES * calibrates,
            "allow_degraded": allow_degraded,
        },
        "machine": {
            **describe_machine("ai-edge-litert", "tensorflow", "ai-edge-quantizer", "numpy"),
            "cores": available_cores(),
        },
        "files": entries,
        "failed": [entry["file"] for entry in entries if not entry["published"]],
        "problems": problems,
        "seconds": round(time.monotonic() - started, 1),
    }
    files.write_json(output / "report.json", report)
    if (output / model_folder.CONFIG_FILE).is_file():  # beside the weights: a ready model folder
        published = [entry["file"] for entry in entries if entry["published"]]
        model_folder.record_hashes(output, published)
    write_table(output / "table.md", report)
    write_chart(output / "chart.png", report)
    return report


def _variant(
    form: InferenceForm, part: str, precision: str, float32: bytes, calibration: np.ndarray
) -> bytes:
    """One precision of a part, from its float32 file or from the model."""
    if precision == "float32":
        return float32
    if precision in tensorflow_converter.PRECISIONS:
        return convert_part(form, part, precision)
    samples = [{"lq": face[None]} for face in calibration]
    if part == "generator":
        for sample in samples:
            logits = form.parsing_network(sample["lq"])
            sample["parsing"] = np.asarray(parsing_map(logits, form.soft_parsing))
    return quantize(float32, precision, samples)


def _verified(path: Path, part: str, precision: str, expected: Reference) -> dict[str, Any]:
    by_tensorflow = precision in tensorflow_converter.PRECISIONS
    entry: dict[str, Any] = {"file": path.name, "part": part, "precision": precision}
    entry["converter"] = "tensorflow" if by_tensorflow else "ai-edge-quantizer"
    entry.update(verify(path, part, expected))
    entry["shortfalls"] = shortfalls(entry)
    entry["warnings"] = warnings(entry)
    return entry


def _publish(path: Path, output: Path, accepted: bool) -> None:
    """Move a file into the output folder, or aside."""
    accepted_path, rejected_path = output / path.name, output / REJECTED / path.name
    if accepted:
        os.replace(path, accepted_path)
        rejected_path.unlink(missing_ok=True)
        return
    rejected_path.parent.mkdir(exist_ok=True)
    # A file of this name that an earlier export accepted stays.
    os.replace(path, rejected_path)


def _metadata(folder: model_folder.ModelFolder, licence: str | None) -> dict[str, Any]:
    size = folder.size
    return {
        "name": folder.path.resolve().name,
        "psfr_tf_version": psfr_tf.__version__,
        "licence": licence or _licence(folder),
        "preset": folder.config.get("preset"),
        "fidelity": folder.fidelity,
        "weights_created": folder.config.get("provenance", {}).get("created"),
        "exported": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "input_size": [size, size],
        "lq": f"float32 [1, {size}, {size}, 3], RGB, -1 to 1, aligned to the FFHQ template",
        "restored": f"float32 [1, {size}, {size}, 3], RGB, -1 to 1, not clipped",
        "parsing": f"float32 [1, {size}, {size}, {NUM_CLASSES}], logits as output",
        "parsing_input": "probabilities" if folder.generator.soft_parsing else "one-hot",
        "labels": list(LABELS),
    }


def _licence(folder: model_folder.ModelFolder) -> str:
    if folder.path.parent == model_folder.SHIPPED_WEIGHTS:
        return "Apache-2.0"
    provenance = folder.config.get("provenance", {})
    # `source` of a converted checkpoint names its licence.
    return str(provenance.get("licence") or provenance.get("source") or "unknown")
