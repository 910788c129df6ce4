"""Means over the images of an evaluation, in constant memory."""

import math
from collections.abc import Mapping, Sequence

from psfr_tf.metrics import ImageMetric


class MetricSummary:
    """Running mean, deviation and extremes of one metric for several versions of the same images.

    An image counts only if the metric is finite for every version of it, so that all means are
    over the same images: a face that is found in the restored picture but not in the input, or an
    image equal to its reference (infinite PSNR), is left out of both means and counted instead.

    Args:
        metric: the metric summarised.
        versions: names of the versions, for instance ("input", "restored"); the others are
            compared with the first.
    """

    def __init__(self, metric: ImageMetric, versions: Sequence[str]):
        self.metric = metric
        self.images = 0
        self._mean = dict.fromkeys(versions, 0.0)
        self._scatter = dict.fromkeys(versions, 0.0)
        self._not_finite = dict.fromkeys(versions, 0)
        self._better = dict.fromkeys(versions[1:], 0)
        self.low, self.high = math.inf, -math.inf

    def update(self, values: Mapping[str, float]) -> None:
        """Adds one image: its value for each version."""
        finite = {version: math.isfinite(value) for version, value in values.items()}
        for version, is_finite in finite.items():
            self._not_finite[version] += not is_finite
        if not all(finite.values()):
            return
        self.images += 1
        first = next(iter(values.values()))
        for version, value in values.items():
            step = value - self._mean[version]
            self._mean[version] += step / self.images
            self._scatter[version] += step * (value - self._mean[version])
            if version in self._better:
                higher = self.metric.higher_is_better
                self._better[version] += value > first if higher else value < first
        self.low = min([self.low, *values.values()])
        self.high = max([self.high, *values.values()])

    def result(self) -> dict:
        """The summary as JSON-ready values; a mean over no image is None."""
        count = self.images
        mean = {version: value if count else None for version, value in self._mean.items()}
        first = next(iter(mean.values()))
        return {
            "label": self.metric.label,
            "unit": self.metric.unit,
            "higher_is_better": self.metric.higher_is_better,
            "source": self.metric.source,
            "images": count,
            "not_finite": dict(self._not_finite),
            "mean": mean,
            "standard_deviation": {
                version: math.sqrt(value / (count - 1)) if count > 1 else None
                for version, value in self._scatter.items()
            },
            "difference": {
                version: mean[version] - first if count else None for version in self._better
            },
            "images_improved": dict(self._better),
        }
