"""Frechet inception distance (FID), Heusel et al. 2017."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.files import atomic_path
from psfr_tf.metrics.network_files import FID_INCEPTION, find
from psfr_tf.npz_file import read_arrays

_MOST_NUMBERS = 2**26  # of a covariance: 8192 features, Inception has 2048


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean and covariance of the features of a set of pictures.

    Attributes:
        mean: float64 [D].
        covariance: float64 [D, D], divided by the number of pictures minus one.
        images: number of pictures, 0 if not known.
    """

    mean: np.ndarray
    covariance: np.ndarray
    images: int = 0

    def save(self, path: Path) -> None:
        """Write a .npz with the arrays `mu` and `sigma` of pytorch-fid, and `images`."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, mu=self.mean, sigma=self.covariance, images=self.images)

    @classmethod
    def load(cls, path: Path) -> "FeatureStatistics":
        """Read a .npz that `save` or pytorch-fid wrote.

        Raises:
            UserError: if it cannot be read.
        """
        try:
            arrays = read_arrays(path, ("mu", "sigma", "images"), _MOST_NUMBERS)
            mean = arrays["mu"].astype(np.float64)
            covariance = arrays["sigma"].astype(np.float64)
            images = int(arrays.get("images", 0))
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise UserError(f"{path}: not statistics of FID, a .npz with mu and sigma") from error
        if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
            raise UserError(
                f"{path}: mu {mean.shape} and sigma {covariance.shape} do not fit together"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise UserError(f"{path}: holds values that are not finite")
        return cls(mean, covariance, images)


class RunningStatistics:
    """Mean and covariance of features that come in parts, in float64 and constant memory.

    Parts are merged by the rule of Chan, Golub and LeVeque (1983), which does not subtract large
    sums from each other.
    """

    def __init__(self) -> None:
        self.images = 0
        self._mean: np.ndarray = np.zeros(())
        self._scatter: np.ndarray = np.zeros(())

    def update(self, features: np.ndarray) -> None:
        """Adds features [N, D]."""
        count = len(features)
        if not count:
            return
        features = features.astype(np.float64)
        mean = features.mean(axis=0)
        centered = features - mean
        step = mean - self._mean
        total = self.images + count
        self._scatter = self._scatter + centered.T @ centered
        self._scatter += np.outer(step, step) * (self.images * count / total)
        self._mean = self._mean + step * (count / total)
        self.images = total

    def result(self) -> FeatureStatistics:
        """Raises ValueError if there are fewer than two pictures."""
        if self.images < 2:
            raise ValueError(f"A covariance needs two pictures. Received: {self.images}")
        return FeatureStatistics(self._mean, self._scatter / (self.images - 1), self.images)


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982), in float64.

    |mu_a - mu_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2)). With C = L L^T, the last trace is
    the sum of the singular values of L_a^T L_b. Unlike a matrix root of the product, that stays
    exact with singular covariances (fewer pictures than features), and needs neither complex
    numbers nor the 1e-6 that pytorch-fid then adds to the diagonals.

    Returns:
        The distance, at least 0.

    Raises:
        ValueError: if the numbers of features differ.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"Features must have one length. Received: {a.mean.shape} and {b.mean.shape}"
        )
    cross = np.linalg.svd(_factor(a.covariance).T @ _factor(b.covariance), compute_uv=False).sum()
    step = a.mean - b.mean
    distance = step @ step + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross
    return max(0.0, float(distance))


def _factor(covariance: np.ndarray) -> np.ndarray:
    """L with L L^T = C, without the directions in which C is zero but for rounding."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


class FID:
    """Frechet inception distance of two sets of pictures.

    It is biased: the fewer pictures, the larger. Compare only values over the same number of
    pictures; below some 2,000 they say little.

    `pytorch-fid` and `torch-fidelity` need torch and torchvision; so the network is Keras, and
    reads the published file (which needs the extra `psfr_tf[torch]`).

    Args:
        folder: where the file of the network lies, under its published name.

    Raises:
        UserError: if it is missing or of another layout.
    """

    name, label, unit = "fid", "FID", ""
    higher_is_better = False
    source = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017"

    def __init__(self, folder: Path):
        path = find(FID_INCEPTION, folder)
        from psfr_tf.metrics.inception import FEATURES, FIDInception

        self.length = FEATURES
        self._network = FIDInception(path)

    def features(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [N, 2048] of N uint8 RGB pictures [H, W, 3] of one shape."""
        return self._network(np.stack(images))
