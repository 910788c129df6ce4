"""Means over the images of an evaluation, in constant memory."""

import math
from collections.abc import Mapping, Sequence

from psfr_tf.metrics import ImageMetric


class MetricSummary:
    """Running mean of one metric for several versions of the same images.

    An image counts only if the metric is finite for every version of it, so that all means are
    over the same images: a face that is found in the restored picture but not in the input, or an
    image equal to its reference (infinite PSNR), is left out of both means and counted instead.

    Args:
        metric: the metric summarised.
        versions: names of the versions, for instance ("input", "restored").
    """

    def __init__(self, metric: ImageMetric, versions: Sequence[str]):
        self.metric = metric
        self.images = 0
        self._sums = dict.fromkeys(versions, 0.0)
        self._not_finite = dict.fromkeys(versions, 0)
        self._better = 0

    def update(self, values: Mapping[str, float]) -> None:
        """Adds one image: its value for each version."""
        finite = {version: math.isfinite(value) for version, value in values.items()}
        for version, is_finite in finite.items():
            self._not_finite[version] += not is_finite
        if not all(finite.values()):
            return
        self.images += 1
        for version, value in values.items():
            self._sums[version] += value
        if len(values) == 2:
            before, after = values.values()
            self._better += after > before if self.metric.higher_is_better else after < before

    def result(self) -> dict:
        """The summary as JSON-ready values; a mean over no image is None."""
        count = self.images
        mean = {version: total / count if count else None for version, total in self._sums.items()}
        summary = {
            "label": self.metric.label,
            "unit": self.metric.unit,
            "higher_is_better": self.metric.higher_is_better,
            "source": self.metric.source,
            "images": count,
            "not_finite": dict(self._not_finite),
            "mean": mean,
        }
        if len(mean) == 2:
            before, after = mean.values()
            summary["difference"] = after - before if count else None
            summary["images_improved"] = self._better
        return summary
