"""Image quality metrics of restored faces.

Every metric is a class with a name, a direction and the paper that defines it: metrics of one
picture have `compare` (see `psfr_tf.metrics.metric`), FID is of a set. The ones with a closed
formula also exist as a function. Their conventions are in docs/metrics.md. Metrics that need a
network are in modules of their own (`lpips`, `fid`, `identity`), which import Keras or LiteRT.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psfr_tf.metrics.landmark_distance import LandmarkDistance
    from psfr_tf.metrics.metric import ImageMetric
    from psfr_tf.metrics.ms_ssim import MSSSIM, MSSSIMY, ms_ssim
    from psfr_tf.metrics.parsing_iou import ParsingIoU
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
    "ParsingIoU",
    "ms_ssim",
    "psnr",
    "ssim",
]

_MODULES = {
    "LandmarkDistance": "landmark_distance",
    "ImageMetric": "metric",
    "MSSSIM": "ms_ssim",
    "MSSSIMY": "ms_ssim",
    "ms_ssim": "ms_ssim",
    "ParsingIoU": "parsing_iou",
    "PSNR": "psnr",
    "PSNRY": "psnr",
    "psnr": "psnr",
    "SSIM": "ssim",
    "SSIMY": "ssim",
    "ssim": "ssim",
}


def __getattr__(name: str):
    # On first use: SciPy is slow to import, and the command line needs only the names of metrics.
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
