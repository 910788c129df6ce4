"""Exact median blur from element-wise minima and maxima, shared between neighbouring pixels.

The windows of a tile of neighbouring pixels have most of their pixels in common. Those are sorted
once for the tile, only the ranks that can still become a median are kept, and the tile is halved:
each half merges in the sorted rows or columns that only its own windows have, until a half is one
pixel. Sorted columns are shared along a row of tiles as well. Every step is a minimum or a
maximum of uint8 arrays with one element per tile. Merging networks: K. E. Batcher, "Sorting
networks and their applications", 1968 (odd-even merge, any lengths). Sharing between tiles:
A. Adams, "Fast median filters using separable sorting networks", SIGGRAPH 2021.
"""

from __future__ import annotations

import functools

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
    return _TiledMedian(image, k).blurred()


def _tiling(k: int) -> tuple[int, int, str]:
    """Height and width of a tile, and the axis that is halved at each step.

    The fastest of those measured: larger tiles need fewer operations per pixel, but on arrays so
    small that starting an operation takes as long as the work.
    """
    if k == 3:
        return 1, 2, "x"
    return (2, 4, "xyx") if k < 11 else (4, 4, "yxxy")


class _TiledMedian:
    """The network for one image.

    Pixels are addressed by their offset (u, v) from the upper left pixel of the first window of a
    tile: the window of the pixel at (y, x) of the tile covers u in y..y+k-1 and v in x..x+k-1.
    Arrays are uint8 `[tiles across, tiles down, C]`: reading one tile further right is a slice
    along the first axis, which is not copied.
    """

    def __init__(self, image: tf.Tensor, k: int):
        self.k = k
        self.rank = (k * k + 1) // 2
        self.shape = image.shape
        self.tile_height, self.tile_width, self.steps = _tiling(k)
        height, width, _ = image.shape
        self.down = -(-height // self.tile_height)
        self.across = -(-width // self.tile_width)
        self._phases = self._split(image)
        self._column = functools.lru_cache(None)(self._sorted_column)
        self._row = functools.lru_cache(None)(self._sorted_row)
        self._medians: dict[tuple[int, int], tf.Tensor] = {}

    def blurred(self) -> tf.Tensor:
        shared = _merge_all(
            [
                self.column(v, self.tile_height - 1, self.k)
                for v in range(self.tile_width - 1, self.k)
            ]
        )
        lowest, kept = self._prune(shared, 1, len(shared))
        self._halve(kept, lowest, len(shared), 0, 0, self.tile_height, self.tile_width, self.steps)
        rows = [
            tf.stack([self._medians[y, x] for x in range(self.tile_width)], axis=1)
            for y in range(self.tile_height)
        ]  # each [across, tile width, down, C]
        image = tf.stack(rows, axis=3)  # [across, tile width, down, tile height, C]
        height, width, channels = self.shape
        image = tf.transpose(image, [2, 3, 0, 1, 4])
        image = tf.reshape(
            image, [self.down * self.tile_height, self.across * self.tile_width, channels]
        )
        return image[:height, :width]

    def _split(self, image: tf.Tensor) -> tf.Tensor:
        """Pad and split: `[u % tile height, v % tile width, across + extra, down + extra, C]`."""
        height, width, channels = self.shape
        down = self.down + (self.k - 1) // self.tile_height + 1
        across = self.across + (self.k - 1) // self.tile_width + 1
        radius = self.k // 2
        rows = tf.clip_by_value(tf.range(down * self.tile_height) - radius, 0, height - 1)
        columns = tf.clip_by_value(tf.range(across * self.tile_width) - radius, 0, width - 1)
        padded = tf.gather(tf.gather(image, rows, axis=0), columns, axis=1)
        tiles = tf.reshape(padded, [down, self.tile_height, across, self.tile_width, channels])
        return tf.transpose(tiles, [1, 3, 2, 0, 4])

    def column(self, v: int, begin: int, end: int) -> list[tf.Tensor]:
        """Sorted pixels of rows `begin..end - 1` in column v, for each tile."""
        shift = v // self.tile_width
        values = self._column(v % self.tile_width, begin, end)
        return [value[shift : shift + self.across] for value in values]

    def _sorted_column(self, v: int, begin: int, end: int) -> list[tf.Tensor]:
        core = range(self.tile_height - 1, self.k)  # in the windows of the whole tile
        inside = range(begin, end) == core
        outer = [u for u in range(begin, end) if inside or u not in core]
        values = _sort([self._pixels(u, v) for u in outer])
        return values if inside else _merge(values, self._column(v, core.start, core.stop))

    def _sorted_row(self, u: int, begin: int, end: int) -> list[tf.Tensor]:
        """Sorted pixels of columns `begin..end - 1` in row u."""
        core = range(self.tile_width - 1, self.k)
        inside = range(begin, end) == core
        outer = [v for v in range(begin, end) if inside or v not in core]
        values = _sort(
            [
                self._pixels(u, v % self.tile_width, v // self.tile_width)[: self.across]
                for v in outer
            ]
        )
        return values if inside else _merge(values, self._row(u, core.start, core.stop))

    @functools.lru_cache(None)  # noqa: B019 the object lives as long as one trace
    def _pixels(self, u: int, v: int, across: int = 0) -> tf.Tensor:
        down = u // self.tile_height
        return self._phases[u % self.tile_height, v, across:, down : down + self.down]

    def _prune(self, values: list, lowest: int, count: int) -> tuple[int, list]:
        """Keep the ranks that can be the median once the other pixels of a window are known.

        Args:
            values: sorted; the first has rank `lowest` among `count` pixels.
            lowest: 1 or more.
            count: pixels seen so far, of k^2.

        Returns:
            The rank of the first value kept, and the values.
        """
        first = max(lowest, self.rank - (self.k**2 - count))
        last = min(count, self.rank)
        return first, values[first - lowest : last - lowest + 1]

    def _halve(self, values, lowest, count, y, x, height, width, steps) -> None:
        """Halve the part of the tile at (y, x), of which `values` are known, and finish both."""
        k, inner = self.k, []
        if steps[0] == "x":
            half = width // 2
            begin, end = y + height - 1, y + k
            for left, extra in (
                (x, range(x + half - 1, x + width - 1)),
                (x + half, range(x + k, x + half + k)),
            ):
                inner.append((y, left, height, half, [self.column(v, begin, end) for v in extra]))
        else:
            half = height // 2
            begin, end = x + width - 1, x + k
            for top, extra in (
                (y, range(y + half - 1, y + height - 1)),
                (y + half, range(y + k, y + half + k)),
            ):
                inner.append((top, x, half, width, [self._row(u, begin, end) for u in extra]))
        for top, left, part_height, part_width, lists in inner:
            added = _merge_all(lists)
            if len(steps) == 1:
                self._medians[top, left] = _select(values, added, self.rank - lowest + 1)
                continue
            total = count + len(added)
            first, kept = self._prune(_merge(values, added), lowest, total)
            self._halve(kept, first, total, top, left, part_height, part_width, steps[1:])


def _sort(values: list[tf.Tensor]) -> list[tf.Tensor]:
    if len(values) == 1:
        return values
    half = len(values) // 2
    return _merge(_sort(values[:half]), _sort(values[half:]))


def _merge_all(lists: list[list[tf.Tensor]]) -> list[tf.Tensor]:
    """Merge sorted lists, the two shortest first."""
    lists = list(lists)
    while len(lists) > 1:
        lists.sort(key=len)
        lists = [_merge(lists[0], lists[1]), *lists[2:]]
    return lists[0]


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

    It is the greatest, over all ways to leave i values of `a` and rank - 1 - i of `b` below it,
    of the least value above. The Clip op takes a minimum and a maximum in one pass.
    """
    median = None
    for i in range(max(0, rank - 1 - len(b)), min(len(a), rank - 1) + 1):
        j = rank - 1 - i
        above = ([a[i]] if i < len(a) else []) + ([b[j]] if j < len(b) else [])
        if median is None:
            median = tf.minimum(*above) if len(above) == 2 else above[0]
        elif len(above) == 2:
            median = tf.raw_ops.ClipByValue(
                t=above[0], clip_value_min=median, clip_value_max=above[1]
            )
        else:
            median = tf.maximum(median, above[0])
    return median
