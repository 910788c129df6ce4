"""Degradation of a sharp face to the low-quality input of training, in TensorFlow ops."""

from psfr_tf.data.degradation.blur import average_blur, gaussian_blur, motion_blur, motion_kernel
from psfr_tf.data.degradation.jpeg import jpeg
from psfr_tf.data.degradation.median import median_blur
from psfr_tf.data.degradation.noise import add_noise
from psfr_tf.data.degradation.pipeline import Degradation, DegradationParameters
from psfr_tf.data.degradation.resampling import resize

__all__ = [
    "Degradation",
    "DegradationParameters",
    "add_noise",
    "average_blur",
    "gaussian_blur",
    "jpeg",
    "median_blur",
    "motion_blur",
    "motion_kernel",
    "resize",
]
