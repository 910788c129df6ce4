"""Metrics inside the face alone: what lies around it is neither damaged nor mended as it is."""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from psfr_tf.labels import LABELS
from psfr_tf.metrics.luma import channels
from psfr_tf.metrics.metric import ImageMetric
from psfr_tf.metrics.psnr import psnr
from psfr_tf.metrics.ssim import WINDOW, similarity

# Skin of the face and what lies in it; neither ears nor hair nor neck.
_INSIDE = "skin nose eye_g l_eye r_eye l_brow r_brow mouth u_lip l_lip"
INSIDE = tuple(LABELS.index(label) for label in _INSIDE.split())
# Less than this share of the picture is no face.
_LEAST = 0.01

# Takes a uint8 RGB picture [H, W, 3], returns integer labels [H, W] (`psfr_tf.labels`).
Parser = Callable[[np.ndarray], np.ndarray]


class FaceRegion:
    """Which pixels of an original are inside its face, by a parsing network.

    The last answer is kept, so that several metrics of one picture parse it once.

    Args:
        parse: draws the parsing map of a picture.
    """

    def __init__(self, parse: Parser):
        self._parse = parse
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def labels(self, original: np.ndarray) -> np.ndarray:
        """Parsing map [H, W] of uint8 RGB [H, W, 3]."""
        if self._last is None or self._last[0] is not original:
            self._last = original, self._parse(original)
        return self._last[1]

    def __call__(self, original: np.ndarray) -> np.ndarray | None:
        """bool [H, W] for uint8 RGB [H, W, 3]; None where there is no face."""
        inside = np.isin(self.labels(original), INSIDE)
        return inside if inside.mean() >= _LEAST else None


class _InsideFace(ImageMetric):
    """A metric of the pixels inside the reference's face; NaN where it has none.

    Args:
        region: as `FaceRegion`, may be shared.
    """

    def __init__(self, region: Callable[[np.ndarray], np.ndarray | None]):
        self._region = region

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        inside = self._region(reference)
        if inside is None:
            return [math.nan] * len(images)
        return [self._inside(image, reference, inside) for image in images]

    def _inside(self, image: np.ndarray, reference: np.ndarray, inside: np.ndarray) -> float:
        raise NotImplementedError


class FacePSNR(_InsideFace):
    """Peak signal-to-noise ratio over RGB inside the face."""

    name, label, unit = "psnr_face", "PSNR inside the face", "dB"
    higher_is_better = True
    source = "10 log10(255^2 / MSE), MSE over the pixels of the face"

    def _inside(self, image: np.ndarray, reference: np.ndarray, inside: np.ndarray) -> float:
        return psnr(image[inside][None], reference[inside][None])


class FaceSSIM(_InsideFace):
    """Structural similarity over RGB, its map averaged inside the face; see `metrics.ssim`."""

    name, label = "ssim_face", "SSIM inside the face"
    higher_is_better = True
    minimum_side = WINDOW
    source = "Wang et al., Image Quality Assessment, IEEE TIP 2004; mean over the face"

    def _inside(self, image: np.ndarray, reference: np.ndarray, inside: np.ndarray) -> float:
        return float(similarity(image, reference, "rgb")[1][inside].mean())


class FaceSharpness(_InsideFace):
    """Sharpness inside the face, as a multiple of the original's: 1 is as sharp.

    Variance of the Laplacian of the luma. Noise and blocks count as sharpness, so a damaged input
    may lie above 1.
    """

    name, label = "sharpness_face", "Sharpness ratio"
    higher_is_better = True
    source = "Pech-Pacheco et al., Diatom autofocusing, ICPR 2000: variance of the Laplacian"

    def _inside(self, image: np.ndarray, reference: np.ndarray, inside: np.ndarray) -> float:
        of_image, of_reference = (
            cv2.Laplacian(channels(picture, "y"), cv2.CV_64F)[inside].var()
            for picture in (image, reference)
        )
        return float(of_image / of_reference) if of_reference else math.nan
