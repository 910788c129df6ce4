"""Sharp faces and their parsing maps, read inside a `tf.data` graph."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from psfr_tf.data.decoding import asserted, checked_shape, decode_rgb
from psfr_tf.data.face_folder import MAX_SIDE, FaceFolder
from psfr_tf.data.face_records import FaceRecords
from psfr_tf.data.parsing_map import nearest_places, read_mask
from psfr_tf.errors import UserError, cause

# Decoded faces up to this many bytes are kept in memory; beyond it, files are read as needed.
MEMORY_LIMIT = 2 * 1024**3
# Masks and pictures read so far, by size and whether pictures are kept: a run that was resumed
# makes its dataset twice.
_READ: weakref.WeakKeyDictionary[FaceFolder, dict] = weakref.WeakKeyDictionary()


def face_loader(
    faces: FaceFolder | FaceRecords, size: int, keep: bool
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Function from the index of a face to (hq float32 `[S, S, 3]` in [0, 255], labels).

    With `keep`, pictures of a folder stay in memory if they are within `MEMORY_LIMIT`.
    """
    if isinstance(faces, FaceRecords):
        return _record_loader(faces, size)
    return _folder_loader(faces, size, keep)


def find_damage(faces: FaceFolder | FaceRecords) -> None:
    """Read every face until one cannot be used: an error from a `tf.data` graph names no file.

    Raises:
        UserError: names the first damaged file.
    """
    if isinstance(faces, FaceRecords):
        return faces.find_damage()
    for path in faces.image_paths:
        try:
            _read_image(tf.constant(str(path)), 1)
        except tf.errors.OpError as error:
            raise _undecodable(path, error) from error


def _record_loader(
    faces: FaceRecords, size: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    names = tf.constant(faces.names)

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, mask = faces.read(index)
        hq = _decode_image(image, names[index], size)
        parsing = tf.zeros([size, size], tf.uint8)
        if faces.has_masks:
            with tf.control_dependencies([checked_shape(mask, MAX_SIDE, "a parsing map")]):
                labels = tf.io.decode_png(tf.identity(mask), channels=1)[:, :, 0]
            # tf.image.resize rounds where a center falls between two pixels; folders do not.
            places = nearest_places(tf.range(size), size, tf.shape(labels)[0])
            parsing = tf.gather(tf.gather(labels, places), places, axis=1)
        return tf.cast(hq, tf.float32), parsing

    return load


def _folder_loader(
    faces: FaceFolder, size: int, keep: bool
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    paths = tf.constant([str(path.absolute()) for path in faces.image_paths])
    in_memory = keep and len(faces) * size * size * 3 <= MEMORY_LIMIT
    read = _READ.setdefault(faces, {})
    if (size, in_memory) not in read:
        images = _read_images(faces, paths, size) if in_memory else None
        read[size, in_memory] = _read_masks(faces, size), images
    masks, images = read[size, in_memory]

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hq = tf.gather(images, index) if in_memory else _read_image(paths[index], size)
        if masks is None:
            parsing = tf.zeros([size, size], tf.uint8)
        else:
            parsing = tf.io.decode_png(masks[index], channels=1)[:, :, 0]
            parsing = tf.ensure_shape(parsing, [size, size])
        return tf.cast(hq, tf.float32), parsing

    return load


def _read_masks(faces: FaceFolder, size: int) -> tf.Tensor | None:
    """Parsing maps at `size` pixels, packed as gray PNG (a few kB each), which TF decodes."""
    if faces.mask_paths is None:
        return None
    # OpenCV packs five times as fast as `tf.io.encode_png`, and this is waited for.
    packed = [cv2.imencode(".png", read_mask(path, size))[1].tobytes() for path in faces.mask_paths]
    return tf.constant(packed)


def _read_images(faces: FaceFolder, paths: tf.Tensor, size: int) -> tf.Tensor:
    """All pictures as one uint8 tensor `[N, S, S, 3]` in host memory."""
    dataset = tf.data.Dataset.from_tensor_slices(paths).map(
        lambda path: _read_image(path, size), num_parallel_calls=tf.data.AUTOTUNE
    )
    images = np.empty([len(faces), size, size, 3], np.uint8)
    iterator = iter(dataset)
    for index, path in enumerate(faces.image_paths):
        try:
            images[index] = next(iterator).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise _undecodable(path, error) from error
    with tf.device("CPU:0"):
        return tf.constant(images)


def _undecodable(path: Path, error: tf.errors.OpError) -> UserError:
    return UserError(f"{path}: cannot decode the picture ({cause(error)})")


def _read_image(path: tf.Tensor, size: int) -> tf.Tensor:
    return _decode_image(tf.io.read_file(path), path, size)


def _decode_image(contents: tf.Tensor, name: tf.Tensor, size: int) -> tf.Tensor:
    """Decode a square JPEG or PNG picture to uint8 `[size, size, 3]`; errors name it."""
    with tf.control_dependencies([checked_shape(contents, MAX_SIDE)]):
        image = decode_rgb(tf.identity(contents))
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    told = ["faces must be square:", name, height, width]
    image = asserted(image, (tf.equal(height, width), told))

    def resized(method: str) -> tf.Tensor:
        pixels = tf.image.resize(tf.cast(image, tf.float32), [size, size], method=method)
        return tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)

    image = tf.case(
        [(height > size, lambda: resized("area")), (height < size, lambda: resized("bicubic"))],
        default=lambda: image,
    )
    return tf.ensure_shape(image, [size, size, 3])
