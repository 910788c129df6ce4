"""Batches of `fit`, `evaluate` and `predict` as Keras users write them."""

from typing import Any

import keras
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES

FORMS = 'a dict with "lq" and "hq" (and "parsing"), or a tuple (lq, hq) or (lq, hq, parsing)'


def lq_of(data: Any, size: int) -> tf.Tensor:
    """LQ of a batch, or of LQ alone, float32 [B, S, S, 3]."""
    if isinstance(data, dict):
        data = data.get("lq")
    flat = keras.tree.flatten(data)
    if not flat or flat[0] is None:
        raise ValueError('A batch to restore is lq, or a dict with "lq".')
    return _images(flat[0], "lq", size)


def batch_of(data: Any, size: int) -> dict[str, tf.Tensor]:
    """A batch as the training step takes it.

    Args:
        data: see `FORMS`; what else a dict has is kept.
        size: side S of the generator's images in px.

    Returns:
        "lq" and "hq" float32 [B, S, S, 3], and "parsing" int32 [B, S, S] if it was given.

    Raises:
        ValueError: another form, shape or type.
    """
    if not isinstance(data, dict):
        flat = keras.tree.flatten(data) if isinstance(data, tuple | list) else [data]
        if len(flat) not in (2, 3):
            raise ValueError(f"A batch is {FORMS}. Received: {len(flat)} array(s)")
        data = dict(zip(("lq", "hq", "parsing"), flat, strict=False))
    missing = [name for name in ("lq", "hq") if name not in data]
    if missing:
        raise ValueError(
            f"The batch has no {missing[0]!r}: it is {FORMS}. Received: {', '.join(data)}"
        )
    batch = {**data, **{name: _images(data[name], name, size) for name in ("lq", "hq")}}
    if batch.get("parsing") is None:
        batch.pop("parsing", None)
        return batch
    return {**batch, "parsing": _labels(batch["parsing"], size)}


def _images(images: Any, name: str, size: int) -> tf.Tensor:
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise ValueError(
            f"`{name}` must be floats in [-1, 1]; psfr_tf.data.normalize brings 0..255 there. "
            f"Received: {images.dtype.name}"
        )
    if not images.shape.is_compatible_with((None, size, size, 3)):
        raise ValueError(
            f"`{name}` must have the shape [batch, {size}, {size}, 3]. Received: {images.shape}"
        )
    # Sizes that a pipeline of the user's leaves open are checked when the step runs.
    return tf.ensure_shape(tf.cast(images, "float32"), (None, size, size, 3))


def _labels(parsing: Any, size: int) -> tf.Tensor:
    labels = tf.convert_to_tensor(parsing)
    if labels.shape.rank == 4 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not (labels.dtype.is_integer and labels.shape.is_compatible_with((None, size, size))):
        raise ValueError(
            f"`parsing` must be labels 0..{NUM_CLASSES - 1}, integers [batch, {size}, {size}]. "
            f"Received: {labels.dtype.name} {labels.shape}"
        )
    return tf.ensure_shape(tf.cast(labels, "int32"), (None, size, size))
