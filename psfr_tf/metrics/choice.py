"""Metrics by the names of the command line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from psfr_tf.errors import UserError
from psfr_tf.metric_names import NAMES, OF_ALIGNED
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
from psfr_tf.metrics.face_region import FacePSNR, FaceRegion, FaceSharpness, FaceSSIM
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
_INSIDE_FACE = {metric.name: metric for metric in (FacePSNR, FaceSSIM, FaceSharpness)}
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
    region: Callable[[], FaceRegion] | None = None


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


def choose(
    names: Iterable[str],
    folder: Path,
    pristine: Callable[[], PristineModel],
    networks: Networks | None = None,
) -> Choice:
    """Make metrics; one whose file is missing is named and left out.

    Args:
        names: of `NAMES`, in any order; those of the result have the order of `NAMES`.
        folder: where the files of networks lie.
        pristine: gives NIQE's model; called only if NIQE is asked for.
        networks: of the metrics of aligned faces.
    """
    choice = Choice()
    networks = networks or Networks()
    wanted = set(names)
    for name in NAMES:
        if name not in wanted:
            continue
        try:
            if name == "fid":
                choice.fid = FID(folder)
            else:
                choice.metrics.append(_make(name, folder, pristine, networks))
        except UserError as error:
            choice.left_out[name] = str(error)
    return choice


def _make(
    name: str, folder: Path, pristine: Callable[[], PristineModel], networks: Networks
) -> ImageMetric:
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
    if name in _INSIDE_FACE:
        if networks.region is None:
            raise UserError("needs a parsing network for the region of the face")
        return _INSIDE_FACE[name](networks.region())
    if name in ("identity_distance", "perceptual_distance"):
        from psfr_tf.metrics import feature_distance as distance

        if name == "identity_distance":
            return distance.IdentityDistance(networks.identity or folder / distance.IDENTITY_FILE)
        return distance.PerceptualDistance(
            networks.perceptual or folder / distance.FEATURES_FILE,
            networks.perceptual_layers or distance.LAYERS,
        )
    from psfr_tf.metrics.lpips import LPIPSVGG, LPIPSAlex

    return {"lpips_alex": LPIPSAlex, "lpips_vgg": LPIPSVGG}[name](folder)
