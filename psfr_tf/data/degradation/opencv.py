"""The same stages with OpenCV and NumPy: what the benchmark compares with.

Augmentation libraries, imgaug among them, call these functions image by image. All take and
return uint8 `[H, W, 3]` RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from psfr_tf.data.degradation.pipeline import BLURS

_INTERPOLATION = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


def degrade(hq: np.ndarray, p: dict, motion_kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All stages with the choices of one `DegradationParameters`, as a dict of numbers.

    Args:
        hq: uint8 `[S, S, 3]` RGB.
        p: the choices, with "median_k" instead of an index.
        motion_kernel: float32 `[k, k]`.

    Returns:
        `(lq, hq)`, uint8 `[S, S, 3]`.
    """
    image = blur(hq, BLURS[p["blur"]], p, motion_kernel) if p["blurred"] else hq
    image = reduce(image, p)
    image = noise(image, p) if p["noisy"] else image
    image = jpeg(image, p) if p["compressed"] else image
    lq = enlarge(image, hq.shape[0])
    return (grey(lq), grey(hq)) if p["grey"] else (lq, hq)


def blur(image: np.ndarray, kind: str, p: dict, motion_kernel: np.ndarray) -> np.ndarray:
    if kind == "gaussian":
        return cv2.GaussianBlur(image, (0, 0), p["gaussian_sigma"])
    if kind == "average":
        return cv2.blur(image, (p["average_k"], p["average_k"]))
    if kind == "median":
        return cv2.medianBlur(image, p["median_k"])
    return cv2.filter2D(image, -1, motion_kernel)


def reduce(image: np.ndarray, p: dict) -> np.ndarray:
    method = tuple(_INTERPOLATION.values())[p["interpolation"]]
    return cv2.resize(image, (p["low_size"], p["low_size"]), interpolation=method)


def noise(image: np.ndarray, p: dict) -> np.ndarray:
    height, width, channels = image.shape
    shape = (height, width, channels if p["noise_per_channel"] else 1)
    rng = np.random.default_rng(abs(p["noise_seed"][0]))
    values = rng.standard_normal(shape, np.float32) * np.float32(p["noise_sigma"])
    return np.clip(np.rint(image + values), 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, p: dict) -> np.ndarray:
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, p["jpeg_quality"]])
    return cv2.imdecode(file, cv2.IMREAD_COLOR)


def enlarge(image: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)


def grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
