"""The sections of a training configuration, each key with what it means and may be."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from psfr_tf.data.forms import Form

Weight = Annotated[float, Field(ge=0)]
PositiveInt = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


class DataConfig(Section):
    """Aligned faces, their parsing maps, and how they are degraded."""

    images: str | None = Field(
        None, description="folder of aligned HQ faces; this or `records` is needed"
    )
    masks: str | None = Field(None, description="folder of parsing maps `NAME.png`")
    records: str | None = Field(
        None,
        description="folder written by `psfr prepare`; replaces `images`, `masks`, `manifest`",
    )
    manifest: str | None = Field(
        None,
        description="CSV file with the columns name and split; without it and without "
        "`val_fraction` all faces of `images` are for training",
    )
    train_split: str = Field("train", description="split for training; `train+val` for both")
    val_split: str = Field("val", description="split for validation")
    val_images: Annotated[int, Field(ge=0)] = Field(
        64, description="largest number of validation faces; 0 turns validation off"
    )
    val_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="without `manifest`: [share of the faces](finetuning.md#train) for "
        "validation, by their name",
    )
    degradation: Form = Field("paper", description="see [degradation](degradation.md)")
    service: Annotated[str, Field(pattern=r"^grpc://[^/:]+:\d+$")] | None = Field(
        None,
        description="`grpc://HOST:PORT` of a [tf.data service](distributed.md) that runs the input",
    )
    flip: bool = Field(True, description="random horizontal flips")
    augment: Literal["none", "mild", "strong"] = Field(
        "none",
        description="random pose and color; strong, for face parsing, also draws glasses and hats",
    )

    @model_validator(mode="after")
    def _one_source(self):
        if self.records is None and self.images is None:
            raise ValueError("give images (a folder of faces) or records (made by psfr prepare)")
        if self.records is not None:
            for name in ("images", "masks", "manifest"):
                if getattr(self, name) is not None:
                    raise ValueError(f"records and {name} cannot be combined; omit one")
        for name in ("records", "manifest"):
            if self.val_fraction and getattr(self, name) is not None:
                raise ValueError(
                    f"val_fraction and {name} cannot be combined: {name} has splits; omit one"
                )
        return self

    def missing_paths(self) -> list[str]:
        """One line for each path that is not there."""
        missing = []
        for name in ("images", "masks", "records"):
            path = getattr(self, name)
            if path is not None and not Path(path).is_dir():
                missing.append(f"data.{name}: {path}: no such folder")
        if self.manifest is not None and not Path(self.manifest).is_file():
            missing.append(f"data.manifest: {self.manifest}: no such file")
        return missing


class TrainingConfig(Section):
    """The optimization."""

    steps: PositiveInt = Field(
        description="optimizer steps in total, those of resumed runs included"
    )
    batch_size: Annotated[int, Field(gt=0, le=4096)] = Field(
        4, description="faces in one forward pass"
    )
    gradient_accumulation: PositiveInt = Field(
        1,
        description="batches whose gradients are averaged for one step (all counts of steps "
        "are of such steps)",
    )
    clip_norm: Rate | None = Field(
        None, description="largest global norm of one network's gradient; null: no clipping"
    )
    steps_per_epoch: PositiveInt = Field(
        500, description="steps between log lines, validations and image grids"
    )
    lr: Rate = Field(2e-4, description="learning rate of the face parsing network")
    lr_g: Rate = Field(1e-4, description="learning rate of the generator")
    lr_d: Rate = Field(4e-4, description="learning rate of the discriminator")
    lr_schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="`linear` and `cosine` fall to 1% of the rate at the last step"
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="steps in which the rate rises from 0"
    )
    strategy: Literal["default", "mirrored", "multi_worker"] = Field(
        "default",
        description="one device, all devices of this machine, or [all workers](distributed.md) of "
        "TF_CONFIG",
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="Keras' dtype policy, see [precision](#precision)"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        0, description="of the data pipeline and of new weights; a resumed run keeps its own"
    )
    deterministic: bool = Field(
        False, description="bit-equal results on one machine, at some cost in speed"
    )
    ema_half_life: Annotated[float, Field(ge=0)] = Field(
        10000.0, description="half-life of the weight average in images; 0 keeps no average"
    )
    init: str | None = Field(
        None, description="shipped weights, model folder or run folder to start from"
    )
    fine_tune: bool = Field(
        False,
        description="`init` is a finished model: keep its networks and "
        "[both its operating points](finetuning.md#both-operating-points)",
    )
    parsing_weights: str | None = Field(
        None,
        description="shipped weights, model folder, run folder or `.weights.h5` of the face "
        "parsing network",
    )

    @model_validator(mode="after")
    def _check_warmup(self):
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps must be below steps ({self.steps}), got {self.warmup_steps}"
            )
        if self.fine_tune and self.init is None:
            raise ValueError("fine_tune needs init: shipped weights or a model folder")
        return self


class LossConfig(Section):
    """Terms of the loss; a weight that is omitted takes the value of `form`."""

    form: Literal["paper", "release"] = Field(
        "paper", description="see [paper and release](paper_vs_release.md)"
    )
    pixel: Literal["l1", "l2", "psnr"] | None = Field(
        None, description="kind of the pixel loss; `psnr` counts each image in dB"
    )
    pixel_weight: Weight | None = Field(None, description="pixel loss")
    chroma_weight: Weight = Field(
        0.0, description="color differences R - Y and B - Y ([below](#the-texture-loss))"
    )
    feature_matching_weight: Weight | None = Field(
        None, description="difference of the discriminator's features"
    )
    adversarial_weight: Weight = Field(1.0, description="0 trains without a discriminator")
    style_weight: Weight | None = Field(None, description="semantic-aware style loss")
    style_features: str = Field(
        "vgg",
        description="`vgg`, `fpn` (the face parsing network), `none`, or "
        "[a Keras file](#pretrained-networks-as-files) `FILE.keras`",
    )
    style_layers: list[str] = Field(
        default_factory=list, description="layers of `FILE.keras` whose features are compared"
    )
    perceptual_weight: Weight = Field(
        0.0, description="distance of the features of `style_features`; not in the paper"
    )
    identity_weight: Weight = Field(
        0.0, description="distance of face descriptors by `identity_network`; not in the paper"
    )
    identity_network: str | None = Field(
        None, description="Keras file of a face recognition network"
    )
    vgg_weights: str | None = Field(
        None, description="VGG19 file (`.h5` or `.pth`), or `imagenet` to download it"
    )
    texture_weight: Weight = Field(
        0.0, description="[statistics of the pixels](#the-texture-loss) in each face region"
    )
    parsing_weight: Weight = Field(1.0, description="cross entropy of the face parsing network")

    @model_validator(mode="after")
    def _fill_in(self):
        paper = self.form == "paper"
        defaults = {
            "pixel": "l2" if paper else "l1",
            "pixel_weight": 10.0,
            "feature_matching_weight": 10.0 if self.adversarial_weight else 0.0,
            "style_weight": 0.0 if self.style_features == "none" else (100.0 if paper else 1000.0),
        }
        for name, value in defaults.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        if self.feature_matching_weight and not self.adversarial_weight:
            raise ValueError(
                "feature_matching_weight needs a discriminator: set adversarial_weight above 0"
            )
        features = self.style_features
        if features not in ("vgg", "fpn", "none") and not features.endswith(".keras"):
            raise ValueError(
                f"style_features must be vgg, fpn, none or a .keras file, got {features!r}"
            )
        if self.needs_features and features == "none":
            raise ValueError(
                "style_weight and perceptual_weight need style_features: vgg, fpn or a .keras file"
            )
        if features.endswith(".keras") and not self.style_layers:
            raise ValueError(
                "style_features: a .keras file needs style_layers, names of its layers"
            )
        if self.identity_weight and not self.identity_network:
            raise ValueError("identity_weight needs identity_network: a .keras file")
        return self

    @property
    def needs_features(self) -> bool:
        return bool(self.style_weight or self.perceptual_weight)


class CheckpointConfig(Section):
    """When the state of a run is written."""

    every: PositiveInt = Field(500, description="steps between checkpoints")
    keep: PositiveInt = Field(2, description="checkpoints kept")
