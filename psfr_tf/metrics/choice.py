"""Metrics by the names of the command line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from psfr_tf.errors import UserError
from psfr_tf.metrics import (
    MSSSIM,
    MSSSIMY,
    PSNR,
    PSNRY,
    SSIM,
    SSIMY,
    ImageMetric,
    LandmarkDistance,
)
from psfr_tf.metrics.color_difference import (
    ColorDifference,
    ColorDifferenceDark,
    ColorDifferenceLight,
    ColorDifferenceMedium,
)
from psfr_tf.metrics.fid import FID
from psfr_tf.metrics.niqe import NIQE, PristineModel

_PLAIN = {
    metric.name: metric
    for metric in (
        PSNR,
        SSIM,
        MSSSIM,
        PSNRY,
        SSIMY,
        MSSSIMY,
        LandmarkDistance,
        ColorDifference,
        ColorDifferenceDark,
        ColorDifferenceMedium,
        ColorDifferenceLight,
    )
}
NAMES = (
    "psnr",
    "ssim",
    "ms_ssim",
    "psnr_y",
    "ssim_y",
    "ms_ssim_y",
    "lpips_alex",
    "lpips_vgg",
    "fid",
    "niqe",
    "landmark_distance",
    "face_mesh",
    "identity",
    "color_difference",
    "color_difference_dark",
    "color_difference_medium",
    "color_difference_light",
)


@dataclass
class Choice:
    """The metrics of an evaluation.

    Attributes:
        metrics: those of single pictures.
        fid: the one of sets, or None.
        left_out: one line for each metric that cannot be computed, by its name.
    """

    metrics: list[ImageMetric] = field(default_factory=list)
    fid: FID | None = None
    left_out: dict[str, str] = field(default_factory=dict)


def choose(names: Iterable[str], folder: Path, pristine: Callable[[], PristineModel]) -> Choice:
    """Make metrics; one whose file is missing is named and left out.

    Args:
        names: of `NAMES`, in any order; those of the result have the order of `NAMES`.
        folder: where the files of networks lie.
        pristine: gives NIQE's model; called only if NIQE is asked for.
    """
    choice = Choice()
    wanted = set(names)
    for name in NAMES:
        if name not in wanted:
            continue
        try:
            if name == "fid":
                choice.fid = FID(folder)
            else:
                choice.metrics.append(_make(name, folder, pristine))
        except UserError as error:
            choice.left_out[name] = str(error)
    return choice


def _make(name: str, folder: Path, pristine: Callable[[], PristineModel]) -> ImageMetric:
    if name in _PLAIN:
        return _PLAIN[name]()
    if name == "niqe":
        return NIQE(pristine())
    if name == "face_mesh":
        from psfr_tf.metrics.face_mesh import FILE, FaceMeshDistance

        return FaceMeshDistance(folder / FILE)
    if name == "identity":
        from psfr_tf.metrics.identity import FILE, IdentitySimilarity

        return IdentitySimilarity(folder / FILE)
    from psfr_tf.metrics.lpips import LPIPSVGG, LPIPSAlex

    return {"lpips_alex": LPIPSAlex, "lpips_vgg": LPIPSVGG}[name](folder)
