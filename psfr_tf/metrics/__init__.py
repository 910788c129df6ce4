"""Image quality metrics of restored faces.

Every metric is a class with a ``name``, a direction and a method ``compare`` (see
:mod:`psfr_tf.metrics.metric`); the ones with a closed formula also exist as a function. Their
conventions are in docs/evaluation.md.
"""

from psfr_tf.metrics.landmark_distance import LandmarkDistance
from psfr_tf.metrics.metric import FullReferenceMetric
from psfr_tf.metrics.ms_ssim import MSSSIM, ms_ssim
from psfr_tf.metrics.parsing_iou import ParsingIoU
from psfr_tf.metrics.psnr import PSNR, psnr
from psfr_tf.metrics.ssim import SSIM, ssim

FULL_REFERENCE_METRICS: dict[str, type[FullReferenceMetric]] = {
    metric.name: metric for metric in (PSNR, SSIM, MSSSIM, LandmarkDistance)
}

__all__ = [
    "FULL_REFERENCE_METRICS",
    "MSSSIM",
    "PSNR",
    "SSIM",
    "FullReferenceMetric",
    "LandmarkDistance",
    "ParsingIoU",
    "ms_ssim",
    "psnr",
    "ssim",
]
