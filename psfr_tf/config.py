"""Training configuration: typed, validated once, with one clear line per mistake.

A file in ``configs/`` is a YAML mapping of :class:`TrainConfig`; with ``base: FILE`` (relative to
it) it names only what differs from that file. Other relative paths are taken from the working
directory. The list of keys in ``docs/training.md`` is made from the descriptions here and in
``psfr_tf.config_sections``, by ``tools/training_keys.py``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from psfr_tf.config_sections import (
    CheckpointConfig,
    DataConfig,
    LossConfig,
    Section,
    TrainingConfig,
)
from psfr_tf.errors import UserError
from psfr_tf.yaml_file import read_yaml, validated


class TrainConfig(Section):
    """A whole training run."""

    model: Literal["psfrgan", "fpn"] = Field(
        description="PSFR-GAN, or the face parsing network alone"
    )
    preset: str = Field(
        description="sizes of the networks, and whether the parsing map is one-hot, as in the "
        "paper, or soft"
    )
    parsing_input: bool = Field(
        True, description="false: the generator is styled by LQ alone, an ablation of the paper"
    )
    output: str | None = Field(None, description="run folder; `--output` overrides it")
    data: DataConfig
    training: TrainingConfig
    losses: LossConfig = Field(default_factory=LossConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)

    @model_validator(mode="after")
    def _check_together(self):
        from psfr_tf.models.presets import PRESETS

        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {self.preset!r}")
        losses = self.losses
        if self.training.fine_tune and self.model == "fpn":
            raise ValueError("training.fine_tune is for model: psfrgan")
        if self.model == "fpn":  # say plainly which terms are off
            losses.style_features = "none"
            losses.style_weight = losses.adversarial_weight = losses.feature_matching_weight = 0.0
            losses.texture_weight = losses.chroma_weight = 0.0
            losses.perceptual_weight = losses.identity_weight = 0.0
        else:
            if losses.needs_features and losses.style_features == "vgg" and not losses.vgg_weights:
                raise ValueError(
                    "losses.style_features: vgg needs losses.vgg_weights (a VGG19 .h5 or .pth "
                    'file, or "imagenet"); or set losses.style_features to fpn or none'
                )
        return self

    @property
    def needs_discriminator(self) -> bool:
        return self.model == "psfrgan" and self.losses.adversarial_weight > 0


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read and validate a YAML file.

    Args:
        path: the YAML file.
        overrides: ``"key.sub=value"`` strings; values are read as YAML.

    Raises:
        UserError: one line naming the file, the key and what is allowed.
    """
    values = _read(Path(path))
    for override in overrides:
        _override(values, override)
    return validated(TrainConfig, values, path)


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping in ``path``, merged over that of the file its key ``base`` names."""
    values = read_yaml(path, "model, preset, data, training")
    if "base" not in values:
        return values
    base = path.parent / str(values.pop("base"))
    if base.resolve() in seen:
        raise UserError(f"{path}: base: {base} leads back to itself")
    return _merged(_read(base, (*seen, base.resolve())), values)


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: expected key=value, for example training.steps=1000")
    *parents, last = key.split(".")
    section = values
    for name in parents:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {name} is a value, not a section")
    try:
        section[last] = _yaml_value(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(f"--set {override}: the value is not valid YAML") from error


def _yaml_value(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str):  # YAML 1.1 reads 1e-4 as text
        try:
            return float(value)
        except ValueError:
            return value
    return value
