"""The signature `restore_photo_bytes`: photo files in, restored photo files and faces out."""

import tensorflow as tf

from psfr_tf.data.decoding import asserted
from psfr_tf.export.photo_graph import codec
from psfr_tf.export.photo_graph.restore import Restore, photo_restorer
from psfr_tf.faces.detect import DEFAULT_MIN_SCORE

NAME = "restore_photo_bytes"

# Of a request: one photo after the other is restored, and all answers travel together.
MAX_PHOTOS = 16
MAX_REQUEST_PIXELS = 100_000_000


def photo_signature(restore: Restore, size: int) -> tf.types.experimental.PolymorphicFunction:
    """The signature, on the networks of the others.

    Inputs:
        photo_bytes: string [B], JPEG or PNG files.
        strength: float32, how much of the change is applied, 0..1; one for all, or [B].
        min_score: float32, least confidence of the detector, 0..1; one for all, or [B].
        format: string, one of `codec.FORMATS`; one for all, or [B].

        All but the first have defaults, which the SavedModel stores.

    Outputs, with N the most faces of a photo; what is beyond a photo's own is 0:
        restored_bytes: string [B], files; the file itself where no face was found.
        count: int32 [B], the number of faces.
        boxes: float32 [B, N, 4], (x, y, width, height) in pixels of the upright photo.
        scores: float32 [B, N].
        landmarks: float32 [B, N, 5, 2], see `psfr_tf.faces.detect.Face`.

    Args:
        restore, size: as for `photo_restorer`.
    """
    restore_photo = photo_restorer(restore, size)

    def one(item):
        contents, strength, min_score, format = item
        rgb, alpha, gray = codec.decode_photo(contents)
        rgb = tf.ensure_shape(rgb, [None, None, 3])
        image, faces = restore_photo(rgb, strength, tf.cast(min_score, tf.float64))
        count = tf.shape(faces.scores)[0]
        restored = tf.cond(
            tf.equal(count, 0) & codec.is_of_format(contents, format),
            lambda: contents,
            lambda: codec.encode_photo(image, alpha, gray, contents, format),
        )
        rows = tf.concat(
            [
                tf.cast(faces.boxes, tf.float32),
                tf.cast(faces.scores, tf.float32)[:, tf.newaxis],
                tf.reshape(faces.landmarks, [-1, 10]),
            ],
            axis=1,
        )
        return restored, count, tf.reshape(rows, [-1])

    whole, usual = tf.constant(1.0), tf.constant(DEFAULT_MIN_SCORE, tf.float32)
    automatic = tf.constant("auto")

    def restore_photo_bytes(
        photo_bytes,
        strength=whole,
        min_score=usual,
        format=automatic,
    ):
        photo_bytes, strength, min_score, format = _checked(
            photo_bytes, strength, min_score, format
        )
        restored, count, rows = tf.map_fn(
            one,
            (photo_bytes, strength, min_score, format),
            fn_output_signature=(
                tf.TensorSpec([], tf.string),
                tf.TensorSpec([], tf.int32),
                tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0),
            ),
            parallel_iterations=1,  # each photo needs memory of its own
        )
        padded = tf.reshape(rows.to_tensor(), [tf.size(count), -1, 15])
        return {
            "restored_bytes": restored,
            "count": count,
            "boxes": padded[..., :4],
            "scores": padded[..., 4],
            "landmarks": tf.reshape(padded[..., 5:], [tf.size(count), -1, 5, 2]),
        }

    specs = [
        tf.TensorSpec([None], tf.string, "photo_bytes"),
        tf.TensorSpec(None, tf.float32, "strength"),
        tf.TensorSpec(None, tf.float32, "min_score"),
        tf.TensorSpec(None, tf.string, "format"),
    ]
    return tf.function(restore_photo_bytes, input_signature=specs, autograph=False)


def _checked(photo_bytes, strength, min_score, format):
    count = tf.size(photo_bytes)
    told = [f"photo_bytes: a request has 1 to {MAX_PHOTOS} photos, not", count]
    checks = [((count > 0) & (count <= MAX_PHOTOS), told)]
    options = {"strength": strength, "min_score": min_score, "format": format}
    for name, value in options.items():
        fits = tf.equal(tf.size(value), 1) | tf.equal(tf.size(value), count)
        told = [f"{name}: one value, or one for each photo, not", tf.size(value)]
        checks.append((fits, told))
    for name in ("strength", "min_score"):  # written so that NaN fails
        value = options[name]
        in_range = tf.reduce_all((value >= 0) & (value <= 1))
        checks.append((in_range, [f"{name}: 0 to 1, not", value]))
    known = tf.reduce_any(tf.equal(tf.reshape(format, [-1, 1]), list(codec.FORMATS)), axis=1)
    told = [f"format: {', '.join(codec.FORMATS)}, not", format]
    photo_bytes = asserted(photo_bytes, *checks, (tf.reduce_all(known), told))
    pixels = tf.map_fn(
        codec.checked_size, photo_bytes, fn_output_signature=tf.TensorSpec([], tf.int64)
    )
    total = tf.reduce_sum(pixels)
    told = [f"photo_bytes: at most {MAX_REQUEST_PIXELS} pixels in a request, not", total]
    photo_bytes = asserted(photo_bytes, (total <= MAX_REQUEST_PIXELS, told))
    with tf.control_dependencies([photo_bytes]):  # what does not fit has an error of its own
        spread = [tf.broadcast_to(tf.reshape(value, [-1]), [count]) for value in options.values()]
    return photo_bytes, *spread
