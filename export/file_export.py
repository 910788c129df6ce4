"""`psfr export litert` and `onnx`: write files, measure them, keep those that are good enough."""

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
from psfr_tf.engines.parts import DEFAULT_OUTPUTS, OUTPUTS
from psfr_tf.errors import UserError
from psfr_tf.export.degraded_faces import degraded_faces
from psfr_tf.export.file_report import write_chart, write_table
from psfr_tf.export.formats import LiteRTFormat, OnnxFormat
from psfr_tf.export.golden import write_samples
from psfr_tf.export.gpu_check import gpu_checker
from psfr_tf.export.variants import PARTS, gpu_warnings, shortfalls, warnings
from psfr_tf.export.verification import reference, verify
from psfr_tf.labels import LABELS, NUM_CLASSES
from psfr_tf.machine import available_cores, describe_machine
from psfr_tf.models.inference_form import inference_form

VERIFICATION_FACES = 16
CALIBRATION_FACES = 16
REJECTED = "rejected"


def export_files(
    kind: type[LiteRTFormat] | type[OnnxFormat],
    weights: str | os.PathLike,
    output: Path,
    precisions: Sequence[str],
    data: Path | None = None,
    allow_degraded: bool = False,
    license: str | None = None,
    fidelity: float | None = None,
    outputs: str = DEFAULT_OUTPUTS,
    gpu: bool = False,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Export a model to files and verify each of them.

    Writes `PART_PRECISION.SUFFIX` for each part (restorer, parsing, generator) and precision,
    samples (`psfr_tf.export.golden`), `report.json`, `table.md` and `chart.png`. A file worse than
    its variant's limits goes to `rejected/` instead, unless `allow_degraded`.

    Args:
        kind: a class of `psfr_tf.export.formats`.
        weights: shipped weights or a model folder.
        output: folder, made before.
        precisions: of the format's `variants`.
        data: folder of aligned faces to degrade for verification and calibration; None draws
            cartoon faces.
        allow_degraded: keep worse files too.
        license: of the weights, for the files' metadata.
        fidelity: operating point, see `psfr_tf.model_folder`.
        outputs: of the restorer, see `psfr_tf.engines.parts`.
        gpu: run each file once on LiteRT's GPU accelerator too, if there is a driver.
        log: gets warnings, and what was done, a line each.

    Returns:
        The report, as in `report.json`; `failed` has the names of the rejected files.

    Raises:
        UserError: the model, the faces or the folder cannot be used, or a package is missing.
    """
    started = time.monotonic()
    kind.need_packages(precisions)
    folder = model_folder.load_model_folder(weights, fidelity)
    _check_place(output, folder, outputs)
    calibrates = "int8" in precisions
    count = VERIFICATION_FACES + CALIBRATION_FACES * calibrates
    lq, problems = degraded_faces(data, folder.size, count)
    for problem in problems:
        log(f"warning: {problem}")
    expected = reference(folder.generator, folder.parsing_network, lq[:VERIFICATION_FACES])
    form = inference_form(folder.generator, folder.parsing_network)
    on_gpu = gpu_checker(expected) if gpu else None
    files_of = kind(form, outputs)
    metadata = _metadata(folder, license, files_of.batch)
    entries: list[dict[str, Any]] = []
    samples: dict[str, np.ndarray] = {}
    steps = [(part, precision) for part in PARTS for precision in precisions]
    (output / "report.json").unlink(missing_ok=True)  # of the export before this one
    with files.temporary_folder(output) as unverified:
        bar = tqdm(steps, "Export", unit="file", disable=None)
        for part, precision in bar:
            path = unverified / f"{part}_{precision}{files_of.suffix}"
            bar.set_postfix_str(f"converting {path.name}")
            about = {**metadata, "part": part, "precision": precision}
            path.write_bytes(files_of.content(part, precision, lq[VERIFICATION_FACES:], about))
            bar.set_postfix_str(f"verifying {path.name}")
            run, told = files_of.open(path)
            entry = _verified(files_of, path, part, precision, told | verify(run, part, expected))
            entry["gpu"] = on_gpu(path, part) if on_gpu else None
            entry["warnings"] += gpu_warnings(entry)
            accepted = allow_degraded or not entry["shortfalls"]
            _publish(path, output, accepted)
            entry["published"] = accepted
            if accepted and part == "restorer":
                samples[precision] = run(lq=lq[:1])["restored"]
            entries.append(entry)
            log(f"{len(entries)} of {len(steps)}: {path.name}")
            for line in entry["shortfalls"] + entry["warnings"]:
                log(f"warning: {line}")
    write_samples(output, lq[:1], samples, files_of.variants)
    report = {
        "command": f"export {files_of.title.lower()}",
        "version": psfr_tf.__version__,
        "weights": str(weights),
        "fidelity": folder.fidelity,
        "settings": {
            "precisions": list(precisions),
            "outputs": outputs,
            "faces": "drawn" if data is None else str(data),
            "verification_faces": len(expected.lq),
            "calibration_faces": CALIBRATION_FACES * calibrates,
            "allow_degraded": allow_degraded,
        },
        "machine": {
            **describe_machine(*files_of.packages),
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
    write_chart(output / "chart.png", report, files_of.title)
    return report


def _check_place(output: Path, folder: model_folder.ModelFolder, outputs: str) -> None:
    """What lies in a model folder is restored with in place of its weights: it has to be the same.

    Raises:
        UserError: it would be another model.
    """
    if not (output / model_folder.CONFIG_FILE).is_file():
        return
    same = output.resolve() == folder.path.resolve()
    at_default = folder.fidelity == folder.config.get("default_fidelity")
    if not (same and at_default and "labels" in OUTPUTS[outputs]):
        raise UserError(
            f"{output}: psfr restore would use the files in place of this model folder's weights; "
            "choose another --output, or export this model, without --fidelity and --outputs"
        )


def _verified(
    files_of: LiteRTFormat | OnnxFormat,
    path: Path,
    part: str,
    precision: str,
    found: dict[str, Any],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": path.name, "part": part, "precision": precision}
    entry["converter"] = files_of.converter(precision)
    entry["size_bytes"] = path.stat().st_size
    entry.update(found)
    entry["shortfalls"] = shortfalls(entry, files_of.variants)
    entry["warnings"] = warnings(entry, files_of.variants)
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


def _metadata(folder: model_folder.ModelFolder, license: str | None, batch: str) -> dict[str, Any]:
    size = folder.size
    found = {
        "name": folder.path.resolve().name,
        "psfr_tf_version": psfr_tf.__version__,
        "license": license or _license(folder),
        "preset": folder.config.get("preset"),
        "fidelity": folder.fidelity,
        "weights_created": folder.config.get("provenance", {}).get("created"),
        "exported": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "input_size": [size, size],
        "lq": f"float32 [{batch}, {size}, {size}, 3], RGB, -1 to 1, aligned to the FFHQ template",
        "restored": f"float32 [{batch}, {size}, {size}, 3], RGB, -1 to 1, not clipped",
        "labels_output": f"uint8 [{batch}, {size}, {size}], 0 to {NUM_CLASSES - 1}",
        "parsing": f"float32 [{batch}, {size}, {size}, {NUM_CLASSES}], logits as output",
        "parsing_input": "probabilities" if folder.generator.soft_parsing else "one-hot",
        "labels": list(LABELS),
    }
    # A folder's name may hold bytes that are not UTF-8, which the files cannot.
    return {
        key: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for key, value in found.items()
    }


def _license(folder: model_folder.ModelFolder) -> str:
    if folder.path.parent == model_folder.SHIPPED_WEIGHTS:
        return "Apache-2.0"
    provenance = folder.config.get("provenance", {})
    # `source` of a converted checkpoint names its license.
    return str(provenance.get("license") or provenance.get("source") or "unknown")
