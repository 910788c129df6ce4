"""Metrics by the names of the command line."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psfr_tf.errors import UserError
from psfr_tf.metric_names import CLASSES, NAMES, OF_ALIGNED
from psfr_tf.metrics.metric import ImageMetric

if TYPE_CHECKING:
    from psfr_tf.metrics.face_region import FaceRegion
    from psfr_tf.metrics.fid import FID
    from psfr_tf.metrics.niqe import PristineModel

# What the table of several kinds of damage shows; the first three parse the original.
OF_DAMAGE = (
    *("psnr_face", "ssim_face", "identity_distance", "perceptual_distance", "niqe"),
    *("landmark_distance", "sharpness_face"),
)
# Measured unless others are asked for.
DEFAULT = tuple(name for name in NAMES if name not in OF_ALIGNED)


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
    region: Callable[[], "FaceRegion"] | None = None,
    networks: Mapping[str, Any] | None = None,
) -> Choice:
    """Make metrics; one whose file is missing is named and left out.

    Args:
        names: of `NAMES`, in any order; those of the result have the order of `NAMES`.
        folder: where the files of networks lie.
        pristine: gives NIQE's model; called only if NIQE is asked for.
        region: makes what finds the pixels inside a face; called only if it is needed.
        networks: of the metrics of aligned faces: the files `identity` and `perceptual`, and
            `perceptual_layers`, the layers compared. Without one, the file in `folder` is taken.
    """
    choice, wanted = Choice(), set(names)
    for name in NAMES:
        if name not in wanted:
            continue
        try:
            metric = _make(name, folder, pristine, region, networks or {})
        except UserError as error:
            choice.left_out[name] = str(error)
            continue
        if name == "fid":
            choice.fid = metric
        else:
            choice.metrics.append(metric)
    return choice


def _make(
    name: str,
    folder: Path,
    pristine: Callable | None,
    region: Callable | None,
    networks: Mapping[str, Any],
):
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
        if region is None:
            raise UserError("needs a parsing network for the region of the face")
        arguments = (region(),)
    elif name == "identity_distance":
        arguments = (Path(networks.get("identity") or folder / module.IDENTITY_FILE),)
    elif name == "perceptual_distance":
        file = Path(networks.get("perceptual") or folder / module.FEATURES_FILE)
        arguments = (file, networks.get("perceptual_layers") or module.LAYERS)
    return getattr(module, kind)(*arguments)
