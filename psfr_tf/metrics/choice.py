"""Metrics by the names of the command line."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from psfr_tf.errors import UserError
from psfr_tf.metric_names import CLASSES, NAMES, OF_ALIGNED
from psfr_tf.metrics.metric import ImageMetric

if TYPE_CHECKING:
    from psfr_tf.metrics.face_region import FaceRegion
    from psfr_tf.metrics.fid import FID
    from psfr_tf.metrics.niqe import PristineModel

# What the table of several kinds of damage shows; the first three parse the original.
OF_DAMAGE = (
    "psnr_face",
    "ssim_face",
    "identity_distance",
    "perceptual_distance",
    "niqe",
    "landmark_distance",
    "sharpness_face",
)
# Measured unless others are asked for.
DEFAULT = tuple(name for name in NAMES if name not in OF_ALIGNED)


@dataclass(frozen=True)
class Networks:
    """Networks of the metrics of aligned faces; None takes the file in the metrics' folder.

    Attributes:
        identity, perceptual: Keras files, see `psfr_tf.metrics.feature_distance`.
        perceptual_layers: names of the layers compared.
        region: makes what finds the pixels inside a face; called only if it is needed.
    """

    identity: Path | None = None
    perceptual: Path | None = None
    perceptual_layers: tuple[str, ...] | None = None
    region: Callable[[], "FaceRegion"] | None = None


@dataclass
class Choice:
    """The metrics of an evaluation.

    Attributes:
        metrics: those of single pictures.
        fid: the one of sets, or None.
        left_out: one line for each metric that cannot be computed, by its name.
    """

    metrics: list[ImageMetric] = field(default_factory=list)
    fid: "FID | None" = None
    left_out: dict[str, str] = field(default_factory=dict)


def choose(
    names: Iterable[str],
    folder: Path,
    pristine: Callable[[], "PristineModel"] | None = None,
    networks: Networks | None = None,
) -> Choice:
    """Make metrics; one whose file is missing is named and left out.

    Args:
        names: of `NAMES`, in any order; those of the result have the order of `NAMES`.
        folder: where the files of networks lie.
        pristine: gives NIQE's model; called only if NIQE is asked for.
        networks: of the metrics of aligned faces.
    """
    choice, wanted = Choice(), set(names)
    for name in NAMES:
        if name not in wanted:
            continue
        try:
            metric = _make(name, folder, pristine, networks or Networks())
        except UserError as error:
            choice.left_out[name] = str(error)
            continue
        if name == "fid":
            choice.fid = metric
        else:
            choice.metrics.append(metric)
    return choice


def _make(name: str, folder: Path, pristine: Callable | None, networks: Networks):
    place, _, kind = CLASSES[name].partition(".")
    module = importlib.import_module(f"psfr_tf.metrics.{place}")
    arguments: tuple = ()
    if place in ("lpips", "fid"):
        arguments = (folder,)
    elif place == "niqe":
        if pristine is None:
            raise UserError("needs a model of undamaged pictures")
        arguments = (pristine(),)
    elif place == "face_mesh":
        arguments = (folder / module.FILE,)
    elif place == "identity":
        arguments = (module.find_file(folder),)
    elif place == "face_region":
        if networks.region is None:
            raise UserError("needs a parsing network for the region of the face")
        arguments = (networks.region(),)
    elif name == "identity_distance":
        arguments = (networks.identity or folder / module.IDENTITY_FILE,)
    elif name == "perceptual_distance":
        file = networks.perceptual or folder / module.FEATURES_FILE
        arguments = (file, networks.perceptual_layers or module.LAYERS)
    return getattr(module, kind)(*arguments)
