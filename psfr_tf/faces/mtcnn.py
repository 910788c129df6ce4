"""MTCNN: faces and five landmarks by three networks, each of which looks closer than the last.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks",
IEEE Signal Processing Letters 2016, arXiv 1604.02878. P-Net slides over the photo at many scales,
R-Net judges what it proposes, O-Net judges that again and finds the landmarks. The weights are
those of the package `mtcnn`, converted by tools/convert_mtcnn.py (`mtcnn_networks/LICENSE`); boxes,
scores and landmarks are that package's, which needs TensorFlow and is several times as slow.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from psfr_tf.engines.litert import allocate, open_file
from psfr_tf.engines.pool import InterpreterPool
from psfr_tf.machine import available_cores

_FOLDER = Path(__file__).parent / "mtcnn_networks"

# What P-Net sees at once, and the pixels from one of its answers to the next.
_CELL = 12
_STRIDE = 2
# The shorter side of the smallest face, in pixels of the photo, and the step of the pyramid: about
# half of the area.
_MIN_FACE = 20
_STEP = 0.709
# Least scores of P-Net and R-Net; O-Net's is the caller's.
_PROPOSED = 0.6
_REFINED = 0.7
# Greatest overlap with a box of a better score: within a scale, and afterwards.
_OVERLAP_IN_SCALE = 0.5
_OVERLAP = 0.7

# Each set of interpreters is one caller's; see `LiteRTEngine`.
_MOST_SETS = 4
# Patches at once, and boxes compared at once with all others: they bound the memory.
_BATCH = 128
_BLOCK = 64


class MTCNN:
    """Finds faces of 20 px and more.

    Safe to share by threads: each caller has interpreters for itself. Not to be shared with a
    forked process.

    Raises:
        ImportError: no LiteRT runtime is installed.
    """

    def __init__(self) -> None:
        threads, sets = available_cores(), min(_MOST_SETS, available_cores())
        make = functools.partial(_open_networks, threads // sets)
        self._pool = InterpreterPool(_open_networks(threads), make, sets)

    def __call__(
        self, photo: np.ndarray, min_score: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Search a photo.

        Args:
            photo: uint8 RGB [H, W, 3].
            min_score: faces of a greater score are returned, 0..1.

        Returns:
            Boxes [N, 4] as x0, y0, x1, y1 in the photo, scores [N], both sides of which fall from
            face to face, and landmarks [N, 5, 2] as of `psfr_tf.faces.detect.Face`, which may lie
            outside the photo. float64.
        """
        height, width = photo.shape[:2]
        pixels = (photo - np.float32(127.5)) * np.float32(1 / 128)
        with self._pool.interpreter() as (pnet, rnet, onet):
            boxes = _squares(_propose(pnet, pixels))
            outputs = _judge(rnet, pixels, boxes, 24)
            boxes, scores, _ = _select(boxes, outputs, _REFINED)
            boxes = _squares(boxes[_kept(boxes, scores, _OVERLAP)])
            outputs = _judge(onet, pixels, boxes, 48)
        boxes, scores, landmarks = _select(boxes, outputs, min_score)
        kept = _kept(boxes, scores, _OVERLAP, of_smaller=True)
        last = [width - 1, height - 1]
        return np.clip(boxes[kept], 0, last * 2), scores[kept], landmarks[kept]


class _Network:
    """A LiteRT file that takes any number of patches, or a picture of any size."""

    def __init__(self, name: str, threads: int) -> None:
        self._interpreter = open_file(_FOLDER / f"{name}.tflite", threads)
        self._input = self._interpreter.get_input_details()[0]["index"]
        # By channels: 2 is not a face, and a face; 4 moves of a box; 10 landmarks.
        outputs = self._interpreter.get_output_details()
        self._outputs = {int(output["shape"][-1]): output["index"] for output in outputs}
        self._shape: tuple[int, ...] = ()

    def __call__(self, pixels: np.ndarray) -> dict[int, np.ndarray]:
        """float32 [B, H, W, 3] in [-1, 1] to outputs by channels."""
        if pixels.shape != self._shape:
            self._shape = ()  # if it fails
            self._interpreter.resize_tensor_input(self._input, pixels.shape)
            allocate(self._interpreter)
            self._shape = pixels.shape
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        return {size: self._interpreter.get_tensor(at) for size, at in self._outputs.items()}


def _open_networks(threads: int) -> tuple[_Network, _Network, _Network]:
    return _Network("pnet", threads), _Network("rnet", threads), _Network("onet", threads)


def _pyramid(pixels: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """Scale, and the photo at that scale as [1, h, w, 3]."""
    height, width = pixels.shape[:2]
    steps = round(np.log(min(height, width) / _CELL) / -np.log(_STEP) - 1)
    for step in range(steps):
        scale = _CELL / _MIN_FACE * _STEP**step
        size = (int(width * scale), int(height * scale))
        yield scale, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)[None]


def _propose(pnet: _Network, pixels: np.ndarray) -> np.ndarray:
    """Boxes [N, 4] from all scales."""
    found = [(np.empty((0, 4)), np.empty(0, np.float32))]
    for scale, level in _pyramid(pixels):
        output = pnet(level)
        score = output[2][0, ..., 1]
        y, x = np.nonzero(score > _PROPOSED)
        # Corners are pixels counted from 1, as in the authors' MATLAB; so a cell's side is 11.
        cells = _STRIDE * np.stack([x, y, x, y], axis=1) + [1, 1, _CELL, _CELL]
        boxes = (cells + output[4][0, y, x].astype(np.float64) * (_CELL - 1)) / scale
        kept = _kept(boxes, score[y, x], _OVERLAP_IN_SCALE)
        found.append((boxes[kept], score[y, x][kept]))
    boxes, scores = map(np.concatenate, zip(*found, strict=True))
    return boxes[_kept(boxes, scores, _OVERLAP)]


def _judge(network: _Network, pixels: np.ndarray, boxes: np.ndarray, side: int) -> list[dict]:
    return [
        network(_patches(pixels, boxes[start : start + _BATCH], side))
        for start in range(0, len(boxes), _BATCH)
    ]


def _select(boxes: np.ndarray, outputs: list[dict], min_score: float):
    """The boxes of a greater score, moved as the network says, their scores and landmarks."""
    if not outputs:
        return np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2))
    output = {size: np.concatenate([each[size] for each in outputs]) for size in outputs[0]}
    chosen = np.nonzero(output[2][:, 1] > min_score)[0]
    output = {size: values[chosen].astype(np.float64) for size, values in output.items()}
    boxes = boxes[chosen]
    corner, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + 1
    landmarks = output.get(10, np.zeros((len(boxes), 10))).reshape(-1, 2, 5).swapaxes(1, 2)
    landmarks = corner[:, None] - 1 + sides[:, None] * landmarks
    return boxes + output[4] * np.tile(sides, 2), output[2][:, 1], landmarks


def _kept(
    boxes: np.ndarray, scores: np.ndarray, greatest: float, of_smaller: bool = False
) -> np.ndarray:
    """Indices, best score first, of boxes that no box of a better score overlaps by more.

    Also a box that is itself dropped drops others, unlike in greedy suppression. The overlap is a
    share of the two boxes' union, or of the smaller box.
    """
    # Stable: of equal scores, the same one is the better on every machine.
    order = np.argsort(scores, kind="stable")[::-1]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    x0, y0, x1, y1 = boxes.T
    areas = (x1 - x0) * (y1 - y0)
    kept = np.ones(len(order), bool)
    downwards = np.argsort(y0)
    for start in range(0, len(order), _BLOCK):
        block = downwards[start : start + _BLOCK]
        # Only what is at the block's height can overlap it.
        near = np.nonzero((y0 < y1[block].max()) & (y1 > y0[block].min()))[0]
        block = block[:, None]
        width = np.minimum(x1[block], x1[near]) - np.maximum(x0[block], x0[near])
        height = np.minimum(y1[block], y1[near]) - np.maximum(y0[block], y0[near])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        if of_smaller:
            whole = np.minimum(areas[block], areas[near])
        else:
            whole = areas[block] + areas[near] - shared
        with np.errstate(divide="ignore", invalid="ignore"):  # boxes without area
            dropped = (shared / whole > greatest) & (rank[near] < rank[block])
        kept[block[:, 0]] = ~dropped.any(axis=1)
    return order[kept[order]]


def _squares(boxes: np.ndarray) -> np.ndarray:
    """Boxes made as wide as high, about their centers."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + (sides - side) / 2
    return np.concatenate([corner, corner + side], axis=1)


def _patches(pixels: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """float32 [N, side, side, 3], sampled linearly as `tf.image.crop_and_resize` does.

    The first and last pixels lie on the box's corners, as shares of the photo's sides; what is
    outside the photo is 0, mid-gray.
    """
    height, width = pixels.shape[:2]
    x, inside_x = _samples(boxes[:, 0::2], width, side)
    y, inside_y = _samples(boxes[:, 1::2], height, side)
    left, top = np.floor(x), np.floor(y)
    share_x, share_y = (x - left)[:, None, :, None], (y - top)[:, :, None, None]
    columns = [each.astype(np.intp)[:, None, :] for each in (left, np.ceil(x))]
    flat = pixels.reshape(-1, 3)

    def row(at: np.ndarray) -> np.ndarray:
        at = at.astype(np.intp)[:, :, None] * width
        # Not `pixels[y, x]`, which takes twice the time.
        start, end = (flat.take(at + column, axis=0, mode="clip") for column in columns)
        end -= start
        end *= share_x
        end += start
        return end

    above, patches = row(top), row(np.ceil(y))
    patches -= above
    patches *= share_y
    patches += above
    patches *= (inside_y[:, :, None] & inside_x[:, None, :])[..., None]
    return patches


def _samples(ends: np.ndarray, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates [N, count] between the ends [N, 2], and whether they are in the photo."""
    first, last = (ends / size).astype(np.float32).T[..., None] * np.float32(size - 1)
    step = (last - first) / np.float32(count - 1)
    at = first + np.arange(count, dtype=np.float32) * step
    return np.clip(at, 0, size - 1), (at >= 0) & (at <= size - 1)
