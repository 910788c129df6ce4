"""Natural image quality evaluator (NIQE), Mittal, Soundararajan and Bovik 2013."""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.files import atomic_path, read_bounded
from psfr_tf.metrics.metric import ImageMetric
from psfr_tf.metrics.natural_scene_statistics import BLOCK, FEATURES, block_features
from psfr_tf.npz_file import read_arrays

# The authors' file, in https://live.ece.utexas.edu/research/Quality/niqe_release.zip
PUBLISHED_FILE = "modelparameters.mat"
SHARPNESS_SHARE = 0.75


@dataclass(frozen=True)
class PristineModel:
    """Multivariate Gaussian of the features of undamaged pictures.

    Attributes:
        mean: float64 [36].
        covariance: float64 [36, 36].
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def fit(cls, images: Iterable[np.ndarray]) -> "PristineModel":
        """The Gaussian of the sharp blocks of pristine pictures (section II-C).

        A block is taken if its sharpness is above 0.75 of the sharpest block of its picture. The
        published model comes from 125 photographs of many subjects; one fitted to other pictures,
        faces for instance, measures the distance to those, so its values compare with each other
        and with nothing published.

        Args:
            images: uint8 RGB [H, W, 3]; memory does not grow with their number.

        Raises:
            UserError: if they have fewer than 37 sharp blocks in all, too few for a covariance of
                36 features.
        """
        taken = []
        for image in images:
            features, sharpness = block_features(image)
            chosen = features[sharpness > SHARPNESS_SHARE * sharpness.max()]
            taken.append(chosen[~np.isnan(chosen).any(axis=1)])
        blocks = np.concatenate(taken) if taken else np.empty((0, FEATURES))
        if len(blocks) <= FEATURES:
            raise UserError(
                f"NIQE: {len(blocks)} sharp blocks of {BLOCK}x{BLOCK} pixels in the pristine "
                f"pictures, {FEATURES + 1} are needed: give more or larger pictures, or "
                f"{PUBLISHED_FILE} of the authors"
            )
        return cls(blocks.mean(axis=0), np.cov(blocks, rowvar=False))

    @classmethod
    def load(cls, path: Path) -> "PristineModel":
        """Read the authors' .mat, or the .npz of `save`.

        Raises:
            UserError: if it is neither.
        """
        from scipy.io import loadmat, whosmat

        names = ("mu_prisparam", "cov_prisparam")
        try:
            if path.suffix == ".npz":
                values = read_arrays(path, names, FEATURES**2)
            else:
                file = io.BytesIO(read_bounded(path, 2**20))
                for name, shape, _ in whosmat(file):
                    if name in names and math.prod(shape) > FEATURES**2:
                        raise ValueError(f"{name} {shape}")
                values = loadmat(file, variable_names=names)
            mean = np.asarray(values["mu_prisparam"], np.float64).ravel()
            covariance = np.asarray(values["cov_prisparam"], np.float64)
        except Exception as error:  # SciPy raises many kinds for a damaged file
            raise UserError(
                f"{path}: not a model of NIQE, a .mat or .npz with mu_prisparam and cov_prisparam"
            ) from error
        if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES):
            raise UserError(
                f"{path}: mu_prisparam {mean.shape} and cov_prisparam {covariance.shape} should "
                f"have {FEATURES} features"
            )
        return cls(mean, covariance)

    def save(self, path: Path) -> None:
        """Write a .npz with the names that the authors' file has."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, mu_prisparam=self.mean, cov_prisparam=self.covariance)


def niqe(image: np.ndarray, pristine: PristineModel) -> float:
    """Distance of a picture's block features from those of pristine pictures (eq. 10).

    sqrt((m - m_p)^T ((C + C_p) / 2)^+ (m - m_p)), with mean m and covariance C over all blocks of
    the picture, + the pseudo-inverse, float64.

    Args:
        image: uint8 RGB [H, W, 3], at least 192x96.
        pristine: the model to compare with.

    Returns:
        The distance, at least 0; NaN if fewer than two blocks have a structure.
    """
    features, _ = block_features(image)
    complete = features[~np.isnan(features).any(axis=1)]
    if len(complete) < 2:
        return math.nan
    step = np.nanmean(features, axis=0) - pristine.mean
    covariance = (np.cov(complete, rowvar=False) + pristine.covariance) / 2.0
    return float(np.sqrt(max(0.0, step @ np.linalg.pinv(covariance) @ step)))


class NIQE(ImageMetric):
    """Natural image quality evaluator; needs no reference. See :func:`niqe`.

    A picture of 256x256 pixels has 4 blocks, one of 512x512 has 25: on small pictures the value
    depends much on what is where.

    Args:
        pristine: the authors' model or one fitted to undamaged pictures.
    """

    name, label = "niqe", "NIQE"
    minimum_side = 2 * BLOCK
    source = "Mittal et al., Making a Completely Blind Image Quality Analyzer, IEEE SPL 2013"

    def __init__(self, pristine: PristineModel):
        self._pristine = pristine

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        return niqe(image, self._pristine)
