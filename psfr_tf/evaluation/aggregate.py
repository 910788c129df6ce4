"""Means over the images of an evaluation."""

from collections.abc import Iterable, Sequence

import numpy as np

from psfr_tf.metrics.metric import ImageMetric, describe

RESAMPLES = 2000


class MetricSummary:
    """Means, deviations and extremes of one metric for several versions of the same images.

    An image counts only if the metric is finite for every version of it, so that all means are
    over the same images: a face that is found in the restored picture but not in the input, or an
    image equal to its reference (infinite PSNR), is left out of both means and counted instead. A
    version whose every image is equal to its reference is named, and does not leave others out.

    Args:
        metric: the metric summarized.
        versions: names of the versions, for instance ("input", "restored"); the others are
            compared with the first.
        values: float64 [images, versions].

    Attributes:
        perfect: versions whose every image is equal to its reference.
        counted: float64 [images counted, versions that are not perfect].
    """

    def __init__(self, metric: ImageMetric, versions: Sequence[str], values: np.ndarray):
        self.metric, self.versions, self.values = metric, list(versions), values
        self._judged: np.ndarray = np.logical_or(~np.isposinf(values).all(axis=0), len(values) == 0)
        self.perfect = [v for v, judged in zip(versions, self._judged, strict=True) if not judged]
        finite = np.isfinite(values[:, self._judged]).all(axis=1) & self._judged.any()
        self._counted = values[finite]
        self.counted = self._counted[:, self._judged]

    def result(self) -> dict:
        """The summary as JSON-ready values; a mean over no image is None."""
        count = len(self.counted)
        sign = 1 if self.metric.higher_is_better else -1
        better = sign * self._counted > sign * self._counted[:, :1]
        mean = self._of_judged(self.counted.mean(axis=0) if count else ())
        spread = self._of_judged(self.counted.std(axis=0, ddof=1) if count > 1 else ())
        first = mean[0]
        change = [None if value is None or first is None else value - first for value in mean]
        return {
            **describe(self.metric),
            "images": count,
            "not_finite": self._named(np.sum(~np.isfinite(self.values), axis=0).tolist()),
            "perfect": self.perfect,
            "mean": self._named(mean),
            "standard_deviation": self._named(spread),
            "difference": self._named(change, 1),
            "difference_interval": self._intervals(),
            "images_improved": self._named(np.sum(better & self._judged, axis=0).tolist(), 1),
        }

    def _intervals(self) -> dict[str, list[float] | None]:
        """95 % interval of each difference from the first version: paired bootstrap over images.

        The images are drawn again with replacement, the same ones for all versions, and the
        interval is between the percentiles of the mean differences (Efron 1979).
        """
        judged = bool(self._judged[0]) and len(self._counted) > 1
        if not judged:
            return dict.fromkeys(self.versions[1:])
        differences = self._counted[:, 1:] - self._counted[:, :1]
        differences = np.where(self._judged[1:], differences, 0.0)  # a perfect one is infinite
        ends = np.percentile(_resampled_means(differences), (2.5, 97.5), axis=0).T.tolist()
        known = zip(self.versions[1:], self._judged[1:], ends, strict=True)
        return {version: both if judged else None for version, judged, both in known}

    def _of_judged(self, values: Iterable[float]) -> list[float | None]:
        """A value for each version; None for a perfect one, or where there is none."""
        values = iter(values)
        return [
            float(value) if judged and (value := next(values, None)) is not None else None
            for judged in self._judged
        ]

    def _named(self, values: Sequence, start: int = 0) -> dict:
        return dict(zip(self.versions[start:], values[start:], strict=True))


def _resampled_means(values: np.ndarray) -> np.ndarray:
    """Means float64 [RESAMPLES, versions] of rows [images, versions] drawn with replacement."""
    rng, count = np.random.default_rng(0), len(values)
    means = np.empty((RESAMPLES, values.shape[1]))
    for k in range(RESAMPLES):
        # How often each image was drawn: no copy of the values.
        means[k] = np.bincount(rng.integers(0, count, count), minlength=count) @ values / count
    return means
