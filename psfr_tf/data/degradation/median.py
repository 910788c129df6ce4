"""Separable median blur from element-wise minima and maxima.

The exact median of k x k pixels needs a sorting network of thousands of ops for each k; the median
of the columns' medians (P. M. Narendra, "A separable median filter for image noise smoothing",
1981) needs a few dozen and is as good a model of damage. Sorted runs of 1, 2, 4 and 8 pixels are
shared by all windows that contain them and merged by K. E. Batcher's odd-even network (1968).
"""

from __future__ import annotations

import functools

import tensorflow as tf

from psfr_tf.data.degradation.blur import require_odd


def median_blur(image: tf.Tensor, k: int) -> tf.Tensor:
    """Median of each row of the medians of the columns in the `k` x `k` neighborhood of a pixel.

    The border is replicated, as `cv2.medianBlur(image, k)` does; docs/degradation.md says how far
    the two differ.

    Args:
        image: uint8 `[H, W, C]`; height and width known when traced.
        k: odd side of the window in pixels, a Python number (the network depends on it).

    Returns:
        uint8 `[H, W, C]`, values of the image.

    Raises:
        ValueError: `k` is even or below 1.
    """
    require_odd("k", k)
    if k == 1:
        return image
    # One trace serves both directions of a square image.
    down = tf.function(functools.partial(_median_down, k=k), autograph=False)
    columns = tf.transpose(down(image), [1, 0, 2])
    return tf.transpose(down(columns), [1, 0, 2])


def _median_down(image: tf.Tensor, k: int) -> tf.Tensor:
    """Median of the `k` pixels above, at and below each pixel."""
    height = image.shape[0]
    places = tf.clip_by_value(tf.range(height + k - 1) - k // 2, 0, height - 1)
    runs = {1: [tf.gather(image, places)]}  # sorted pixels from each row on, by their number

    def sorted_run(length: int) -> list[tf.Tensor]:
        if length not in runs:
            first = 2 ** ((length - 1).bit_length() - 1)  # the greatest power of 2 below
            runs[length] = _merge(*cut(first, length - first))
        return runs[length]

    def cut(first: int, second: int) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        # Constants that all slices share: they would be three quarters of the graph.
        upper, lower = tf.constant([0, 0, 0]), tf.constant([first, 0, 0])
        size = tf.constant([height + k - first - second, -1, -1])
        return (
            [tf.slice(run, upper, size) for run in sorted_run(first)],
            [tf.slice(run, lower, size) for run in sorted_run(second)],
        )

    first = 2 ** (k.bit_length() - 1)
    return _select(*cut(first, k - first), k // 2)


def _merge(a: list[tf.Tensor], b: list[tf.Tensor]) -> list[tf.Tensor]:
    """Odd-even merge of two sorted lists of any lengths."""
    if not a or not b:
        return a or b
    if len(a) == len(b) == 1:
        return [tf.minimum(a[0], b[0]), tf.maximum(a[0], b[0])]
    first = _merge(a[0::2], b[0::2])
    second = _merge(a[1::2], b[1::2])
    merged = [first[0]]
    for low, high in zip(second, first[1:], strict=False):
        merged += [tf.minimum(low, high), tf.maximum(low, high)]
    paired = min(len(second), len(first) - 1)
    return merged + second[paired:] + first[paired + 1 :]


def _select(a: list[tf.Tensor], b: list[tf.Tensor], below: int) -> tf.Tensor:
    """The value of two sorted lists that has `below` others below it.

    It is the greatest, over all ways to take `below` values from the starts of the two, of the
    least value left.
    """
    ways = range(max(0, below - len(b)), min(len(a), below) + 1)
    left = [[*a[i : i + 1], *b[below - i : below - i + 1]] for i in ways]
    return functools.reduce(tf.maximum, [functools.reduce(tf.minimum, least) for least in left])
