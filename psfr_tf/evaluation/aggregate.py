"""Means over the images of an evaluation, in constant memory."""

import math
from collections.abc import Collection, Mapping, Sequence

from psfr_tf.metrics import ImageMetric


class MetricSummary:
    """Running mean, deviation and extremes of one metric for several versions of the same images.

    An image counts only if the metric is finite for every version of it, so that all means are
    over the same images: a face that is found in the restored picture but not in the input, or an
    image equal to its reference (infinite PSNR), is left out of both means and counted instead. A
    version whose every image is equal to its reference is named, and does not leave others out.

    Args:
        metric: the metric summarised.
        versions: names of the versions, for instance ("input", "restored"); the others are
            compared with the first.
        perfect: those of them that have no finite value, since all their images are equal to
            the references.
    """

    def __init__(self, metric: ImageMetric, versions: Sequence[str], perfect: Collection[str] = ()):
        self.metric = metric
        self.perfect = [version for version in versions if version in perfect]
        self.images = 0
        self._mean = dict.fromkeys(versions, 0.0)
        self._scatter = dict.fromkeys(versions, 0.0)
        self._not_finite = dict.fromkeys(versions, 0)
        self._better = dict.fromkeys(versions[1:], 0)
        self.low, self.high = math.inf, -math.inf

    def update(self, values: Mapping[str, float]) -> None:
        """Adds one image: its value for each version."""
        for version, value in values.items():
            self._not_finite[version] += not math.isfinite(value)
        if not self.counts(values):
            return
        self.images += 1
        first = next(iter(values.values()))
        for version, value in values.items():
            if version in self.perfect:
                continue
            step = value - self._mean[version]
            self._mean[version] += step / self.images
            self._scatter[version] += step * (value - self._mean[version])
            if version in self._better:
                higher = self.metric.higher_is_better
                self._better[version] += value > first if higher else value < first
            self.low, self.high = min(self.low, value), max(self.high, value)

    def counts(self, values: Mapping[str, float]) -> bool:
        """Whether an image is one of those that the means are over."""
        return len(values) > len(self.perfect) and all(
            math.isfinite(value) for version, value in values.items() if version not in self.perfect
        )

    def result(self) -> dict:
        """The summary as JSON-ready values; a mean over no image is None."""
        count = self.images
        mean = {
            version: value if count and version not in self.perfect else None
            for version, value in self._mean.items()
        }
        first = next(iter(mean.values()))
        return {
            "label": self.metric.label,
            "unit": self.metric.unit,
            "higher_is_better": self.metric.higher_is_better,
            "source": self.metric.source,
            "images": count,
            "not_finite": dict(self._not_finite),
            "perfect": self.perfect,
            "mean": mean,
            "standard_deviation": {
                version: math.sqrt(value / (count - 1)) if count > 1 else None
                for version, value in self._scatter.items()
            },
            "difference": {
                version: None if None in (mean[version], first) else mean[version] - first
                for version in self._better
            },
            "images_improved": dict(self._better),
        }
