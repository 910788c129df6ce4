"""`FaceRestorer.restore` as one TensorFlow graph."""

import functools
from collections.abc import Callable

import tensorflow as tf

from psfr_tf.export.photo_graph.align import align_face, face_transform
from psfr_tf.export.photo_graph.believe import Answers, believable
from psfr_tf.export.photo_graph.changes import difference_and_mask
from psfr_tf.export.photo_graph.detect import SPECS, Faces, detector
from psfr_tf.export.photo_graph.loops import concat_of, stored_once
from psfr_tf.export.photo_graph.masks import nose_and_mouth
from psfr_tf.export.photo_graph.mtcnn import find_faces
from psfr_tf.export.photo_graph.networks import mtcnn_network
from psfr_tf.export.photo_graph.paste import paste_faces
from psfr_tf.faces.detect import DEFAULT_MIN_FACE
from psfr_tf.pictures import denormalize, normalize

# As of `FaceRestorer`.
_BATCH = 8

Restore = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def photo_restorer(restore: Restore, size: int):
    """Restores a photo.

    Args:
        restore: float32 [B, S, S, 3] in [-1, 1] to the restored faces, clipped, and the parsing
            maps, uint8 [B, S, S].
        size: S.

    Returns:
        A function of a photo, uint8 [H, W, 3], `strength` (float32) and `min_score` (f64) that
        returns the restored photo and its faces (`Answers`).
    """
    networks = [mtcnn_network(name) for name in ("pnet", "rnet", "onet")]
    detect = detector(functools.partial(find_faces, *networks))
    min_face = tf.constant(DEFAULT_MIN_FACE, tf.float64)

    @stored_once((tf.uint8, [None, None, 3]), *((dtype, [None, *shape]) for dtype, shape in SPECS))
    def answer_to(photo, boxes, scores, landmarks):
        faces = Faces(boxes, scores, landmarks)

        def batch(index):
            points = faces.landmarks[index * _BATCH : (index + 1) * _BATCH]
            matrices = tf.map_fn(
                lambda five: face_transform(five, size),
                points,
                fn_output_signature=tf.TensorSpec([2, 3], tf.float64),
            )
            lq = tf.map_fn(
                lambda matrix: align_face(photo, matrix, size),
                matrices,
                fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
                parallel_iterations=2,
            )
            restored, parsing = restore(normalize(lq))
            changes, support = tf.map_fn(
                lambda face: (difference_and_mask(*face), tf.reduce_sum(nose_and_mouth(face[2]))),
                (lq, denormalize(restored), tf.ensure_shape(parsing, [None, size, size])),
                fn_output_signature=(
                    tf.TensorSpec([size, size, 4], tf.float32),
                    tf.TensorSpec([], tf.float64),
                ),
                parallel_iterations=2,
            )
            return matrices, changes, support

        specs = (tf.float64, [2, 3]), (tf.float32, [size, size, 4]), (tf.float64, [])
        batches = -(-tf.shape(faces.scores)[0] // _BATCH)
        return Answers(*faces, *concat_of(batches, batch, *specs))

    def answer(photo: tf.Tensor, faces: Faces) -> Answers:
        return Answers(*answer_to(photo, *faces))

    @stored_once((tf.uint8, [None, None, 3]), (tf.float32, []), (tf.float64, []))
    def restore_photo(photo, strength, min_score):
        faces = believable(photo, detect, answer, min_score, min_face)
        return paste_faces(photo, faces, strength), faces

    return restore_photo
