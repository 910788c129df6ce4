"""Image quality metrics of restored faces.

Every metric is a class with a name, a direction and the paper that defines it: metrics of one
picture have `compare` (see `psfr_tf.metrics.metric`), FID is of a set. The ones with a closed
formula also exist as a function. Their conventions are in docs/metrics.md. Metrics that need a
network are in modules of their own (`lpips`, `fid`, `identity`), which import Keras or LiteRT.
"""

from psfr_tf.metrics.landmark_distance import LandmarkDistance
from psfr_tf.metrics.metric import ImageMetric
from psfr_tf.metrics.ms_ssim import MSSSIM, MSSSIMY, ms_ssim
from psfr_tf.metrics.psnr import PSNR, PSNRY, psnr
from psfr_tf.metrics.ssim import SSIM, SSIMY, ssim

__all__ = [
    "MSSSIM",
    "MSSSIMY",
    "PSNR",
    "PSNRY",
    "SSIM",
    "SSIMY",
    "ImageMetric",
    "LandmarkDistance",
    "ms_ssim",
    "psnr",
    "ssim",
]
