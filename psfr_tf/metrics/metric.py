"""What every metric of a single picture has in common."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np


class ImageMetric:
    """A number per image, computed from the image and, for most, its undamaged reference.

    Attributes:
        name: key in reports and on the command line.
        label: heading in tables.
        unit: unit of the value, empty for a plain number.
        higher_is_better: direction.
        minimum_side: shortest side, in pixels, for which the metric is defined.
        source: where the metric is defined.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool] = False
    minimum_side: ClassVar[int] = 1
    source: ClassVar[str]

    def compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        """Compares several versions of one picture with its reference.

        Args:
            images: uint8 RGB arrays [H, W, 3].
            reference: uint8 RGB array of the same shape.

        Returns:
            One value per image, in the same order; NaN where the metric is not defined for it.

        Raises:
            ValueError: if an image is not uint8 RGB or differs from the reference in shape.
        """
        for image in images:
            check_pair(image, reference)
        if min(reference.shape[:2]) < self.minimum_side:
            return [math.nan] * len(images)
        return self._compare(images, reference)

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        """`compare` for arguments that are checked already."""
        return [self._value(image, reference) for image in images]

    def _value(self, image: np.ndarray, reference: np.ndarray) -> float:
        """`_compare` of one picture, for metrics that gain nothing by several at once."""
        raise NotImplementedError


def describe(metric) -> dict:
    """What a reader of a report must know about a metric's values, JSON-ready."""
    return {key: getattr(metric, key) for key in ("label", "unit", "higher_is_better", "source")}


def check_pair(image: np.ndarray, reference: np.ndarray) -> None:
    """Raises ValueError unless both are uint8 RGB arrays [H, W, 3] of one shape."""
    for role, array in (("image", image), ("reference", reference)):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3:
            raise ValueError(
                f"`{role}` must be a uint8 array of shape [H, W, 3]. "
                f"Received: dtype={array.dtype}, shape={array.shape}"
            )
    if image.shape != reference.shape:
        raise ValueError(
            "`image` and `reference` must have the same shape. "
            f"Received: {image.shape} and {reference.shape}"
        )
