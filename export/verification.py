"""How far an exported model is from the float model, measured on degraded faces."""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.engines.tensorflow import forward
from psfr_tf.pictures import denormalize, normalize, psnr_db, to_uint8


@dataclass(frozen=True)
class Reference:
    """What the trained networks, not rewritten, make of some faces.

    Attributes:
        lq: float32 [N, S, S, 3] RGB in [-1, 1].
        restored: float32 [N, S, S, 3], not clipped.
        labels: uint8 [N, S, S].
        parsing: float32 [N, S, S, 19], the map that the generator takes.
    """

    lq: np.ndarray
    restored: np.ndarray
    labels: np.ndarray
    parsing: np.ndarray


def reference(generator: keras.Model, parsing_network: keras.Model, lq: np.ndarray) -> Reference:
    """Run the networks of a model folder on degraded faces, one by one to bound the memory."""

    @tf.function(autograph=False)
    def run(face):
        return forward(generator, parsing_network, generator.soft_parsing, face)

    outputs = [run(tf.constant(face[None])) for face in lq]
    return Reference(lq, *(np.concatenate(each) for each in zip(*outputs, strict=True)))


def verify(run: Callable[..., dict], part: str, expected: Reference) -> dict:
    """Compare a file with the float model.

    The generator is given the float model's parsing map, so that its figures are those of the
    generator alone; the whole (`restorer`) uses its own map.

    Args:
        run: the file: inputs by name, one face, to outputs by name (`psfr_tf.engines.parts`).
        part: "restorer", "parsing" or "generator".
        expected: outputs of the float model.

    Returns:
        As far as the file has the outputs, dict of `psnr_db` (over all faces, peak to peak 2,
        clipped to [-1, 1]), `worst_face_psnr_db`, `max_error` (in [-1, 1], of any value of any
        face, not clipped), `equal_labels` (share of the pixels).
    """
    restored, labels = [], []
    for face, parsing in zip(expected.lq, expected.parsing, strict=True):
        inputs = {"lq": face[None]}
        if part == "generator":
            inputs["parsing"] = parsing[None]
        outputs = run(**inputs)
        if "restored" in outputs:
            restored.append(outputs["restored"][0])
        if "labels" in outputs:
            labels.append(outputs["labels"][0])
        elif "parsing" in outputs:
            labels.append(np.argmax(outputs["parsing"][0], axis=-1))
    return agreement(
        expected,
        np.stack(restored) if restored else None,
        np.stack(labels) if labels else None,
    )


def verify_saved_model(path: str | os.PathLike, expected: Reference) -> dict:
    """Compare the signatures `serve_float` and `parse` of a SavedModel with the float model.

    Its pictures are uint8: rounding alone leaves 58 to 59 dB and an error of 0.004.

    Returns:
        dict of `size_bytes` (of all its files) and the figures of `agreement`.
    """
    signatures = tf.saved_model.load(str(path)).signatures
    restored, labels = [], []
    for face in expected.lq:
        pixels = signatures["serve_float"](images=tf.constant(face[None]))["restored"]
        restored.append(normalize(np.asarray(pixels)[0]))
        face_uint8 = tf.constant(to_uint8(denormalize(face[None])))
        labels.append(np.asarray(signatures["parse"](images=face_uint8)["parsing"])[0])
    clipped = dataclasses.replace(expected, restored=np.clip(expected.restored, -1, 1))
    size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    return {"size_bytes": size, **agreement(clipped, np.stack(restored), np.stack(labels))}


def agreement(
    expected: Reference, restored: np.ndarray | None, labels: np.ndarray | None
) -> dict[str, float]:
    """Figures of outputs beside the float model's, as `verify` lists them."""
    result = {}
    if restored is not None:
        difference = restored - expected.restored
        # JSON has no numbers for what is none.
        largest = np.finfo(np.float32).max
        result["max_error"] = float(np.nan_to_num(np.abs(difference).max(), nan=largest))
        clipped = np.clip(restored, -1, 1) - np.clip(expected.restored, -1, 1)
        squared = np.mean(np.square(clipped.astype(np.float64)), axis=(1, 2, 3))
        result["psnr_db"] = psnr_db(squared.mean())
        result["worst_face_psnr_db"] = psnr_db(squared.max())
    if labels is not None:
        result["equal_labels"] = float(np.mean(labels == expected.labels))
    return result
