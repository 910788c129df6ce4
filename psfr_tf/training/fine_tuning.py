"""Fine-tuning of a finished model: its networks, and both of its operating points."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from psfr_tf.config import TrainConfig
from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder, read_config, resolve
from psfr_tf.training.weight_average import copy_of


def architecture(config: TrainConfig, size: int) -> dict[str, dict]:
    """Arguments of the networks of the model to fine-tune, by name; empty for another run.

    The model may be of an earlier version of its preset.

    Args:
        config: of the run.
        size: side of the faces in pixels, of the run's preset.

    Raises:
        UserError: there is no such model, or it is of another size.
    """
    if not config.training.fine_tune:
        return {}
    path = _found(config)
    found = read_config(path)
    if found.get("own_networks"):
        raise UserError(
            f"training.init: {path} has networks of classes of your own; train them in Python, "
            "with PSFRGAN.from_preset"
        )
    if found["size"] != size:
        raise UserError(
            f"training.init: {path} restores faces of {found['size']} px, but the preset "
            f"{config.preset} is for {size} px"
        )
    return found["networks"]


@dataclass(frozen=True)
class OperatingPoints:
    """The two ends of a model, as differences from the point that is fine-tuned.

    The point between the ends that a model is used at is trained, and the change of its weights
    is applied to both ends. So the mixture of the new ends at that point is what was trained and
    validated, to the rounding of a float.

    Attributes:
        perceptual, faithful: what to add to the trained weights, an array for each.
        fidelity: the point that is trained, 0..1.
    """

    perceptual: list[np.ndarray]
    faithful: list[np.ndarray]
    fidelity: float

    def ends(self, trained: keras.Model) -> tuple[keras.Model, keras.Model]:
        """The perceptual and the faithful generator that go with trained weights."""
        return _moved(trained, self.perceptual), _moved(trained, self.faithful)


def start(config: TrainConfig) -> tuple[list[np.ndarray], OperatingPoints | None]:
    """What the run starts from: the weights of the model's generator at its default point.

    Returns:
        The weights, and the model's two ends; None for a model with one operating point.

    Raises:
        UserError: the model is missing or damaged.
    """
    path = _found(config)
    try:
        folder = load_model_folder(path)
        weights = folder.generator.get_weights()
        if folder.fidelity is None:
            return weights, None
        perceptual, faithful = (
            load_model_folder(path, fidelity).generator.get_weights() for fidelity in (0.0, 1.0)
        )
    except UserError as error:
        raise UserError(f"training.init: {error}") from error
    return weights, OperatingPoints(
        _difference(perceptual, weights), _difference(faithful, weights), folder.fidelity
    )


def verdict(records: list[dict[str, Any]], init: str) -> str:
    """Whether the run made the model better on its validation faces, in one line.

    Args:
        records: of `stats.jsonl`, the first of which is that of step 0.
        init: the model that the run began with.
    """
    measured = [record for record in records if "val_psnr" in record]
    if measured and measured[0]["step"]:  # a run that an earlier version began
        return f"not compared with {init}: stats.jsonl has no line of step 0"
    if len(measured) < 2:
        return f"not compared with {init}: there are no validation faces"
    first, last = measured[0], measured[-1]
    gain = last["val_psnr"] - first["val_psnr"]
    figures = (
        f"validation: PSNR {first['val_psnr']:.2f} -> {last['val_psnr']:.2f} dB, "
        f"SSIM {first['val_ssim']:.4f} -> {last['val_ssim']:.4f}"
    )
    if gain > 0 and last["val_ssim"] >= first["val_ssim"]:
        return f"{figures}: better than {init}"
    return (
        f"{figures}: no better than {init}; keep using that one, or train again with a lower "
        "training.lr_g or more faces"
    )


def _found(config: TrainConfig) -> Path:
    try:
        return resolve(cast(str, config.training.init))
    except UserError as error:
        raise UserError(f"training.init: {error}") from error


def _difference(one: list[np.ndarray], other: list[np.ndarray]) -> list[np.ndarray]:
    return [a - b for a, b in zip(one, other, strict=True)]


def _moved(network: keras.Model, step: list[np.ndarray]) -> keras.Model:
    moved = copy_of(network)
    weights = zip(network.get_weights(), step, strict=True)
    moved.set_weights([one + other for one, other in weights])
    return moved
