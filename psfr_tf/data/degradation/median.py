"""Exact median blur from element-wise minima and maxima.

The window of k x k pixels is sorted by merging: each column of k pixels is sorted once, then
sorted columns are merged with their neighbours to windows of 2, 4, 8 ... columns. A merged pair is
computed once per image and read at several shifts, so the work per pixel grows about as
k^2 rather than k^2 log k. The median comes from the last two sorted lists without merging them.
Every step is `tf.minimum` or `tf.maximum` on whole uint8 images. Merging networks: K. E. Batcher,
"Sorting networks and their applications", 1968 (odd-even merge, any lengths).
"""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.degradation.blur import require_odd


def median_blur(image: tf.Tensor, k: int) -> tf.Tensor:
    """Median of the `k` x `k` neighbourhood of each pixel, as `cv2.medianBlur(image, k)`.

    The border is replicated, as OpenCV does.

    Args:
        image: uint8 `[H, W, C]`; height and width known when traced.
        k: odd side of the window in pixels, a Python number (the network depends on it).

    Returns:
        uint8 `[H, W, C]`, equal to OpenCV's result bit for bit.

    Raises:
        ValueError: `k` is even or below 1.
    """
    require_odd("k", k)
    if k == 1:
        return image
    height, width, _ = image.shape
    padded = _replicate_border(image, k // 2)
    column = _sort([padded[i : i + height] for i in range(k)])
    # Columns first: shifts along the first axis are slices without a copy.
    windows = [tf.transpose(values, [1, 0, 2]) for values in column]

    pieces = []  # sorted lists that together cover the k columns, narrow ones first
    covered, columns = 0, 1
    while True:
        if k & columns:
            pieces.append([values[covered : covered + width] for values in windows])
            covered += columns
        if covered == k:
            break
        length = windows[0].shape[0] - columns
        windows = _merge(
            [values[:length] for values in windows],
            [values[columns : columns + length] for values in windows],
        )
        columns *= 2
    widest, rest = pieces.pop(), pieces.pop(0)
    for piece in pieces:
        rest = _merge(rest, piece)
    median = _select(widest, rest, rank=(k * k + 1) // 2)
    return tf.transpose(median, [1, 0, 2])


def _replicate_border(image: tf.Tensor, border: int) -> tf.Tensor:
    height, width, _ = image.shape
    rows = tf.clip_by_value(tf.range(-border, height + border), 0, height - 1)
    columns = tf.clip_by_value(tf.range(-border, width + border), 0, width - 1)
    return tf.gather(tf.gather(image, rows, axis=0), columns, axis=1)


def _sort(values: list[tf.Tensor]) -> list[tf.Tensor]:
    if len(values) == 1:
        return values
    half = len(values) // 2
    return _merge(_sort(values[:half]), _sort(values[half:]))


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


def _select(a: list[tf.Tensor], b: list[tf.Tensor], rank: int) -> tf.Tensor:
    """The `rank`-th smallest (from 1) of two sorted lists.

    It is the least, over all ways to take i values from `a` and rank - i from `b`, of the
    greatest value taken.
    """
    candidates = []
    for i in range(max(0, rank - len(b)), min(len(a), rank) + 1):
        taken = [a[i - 1]] if i else []
        taken += [b[rank - i - 1]] if rank - i else []
        candidates.append(tf.maximum(*taken) if len(taken) == 2 else taken[0])
    smallest = candidates[0]
    for candidate in candidates[1:]:
        smallest = tf.minimum(smallest, candidate)
    return smallest
