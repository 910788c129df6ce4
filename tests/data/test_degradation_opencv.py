"""The degradation with OpenCV against the one in TensorFlow ops."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.data.degradation import Degradation, opencv
from psfr_tf.data.degradation.pipeline import BLURS
from psfr_tf.data.degradation.resampling import METHODS, resize
from psfr_tf.data.toy_faces import draw_face

SIZE = 64


def smooth_face(size: int) -> tf.Tensor:
    """Without hard edges, which turn a rounding difference of one filter into large ones."""
    face = tf.constant(draw_face(0, size)[0], tf.float32)
    return tf.round(resize(resize(face, size // 4, size // 4, "area"), size, size, "bilinear"))


@pytest.mark.parametrize("form", ["paper", "release"])
def test_the_same_pictures_but_for_roundings(form):
    degradation = Degradation(form, SIZE)
    face = smooth_face(SIZE)

    @tf.function
    def both(seed, compressed):
        p = degradation.draw(seed)
        p = p._replace(compressed=p.compressed & compressed)
        return degradation.apply(face, p), opencv.apply(degradation, face, p)

    blurs, methods = set(), set()
    for index in range(40):
        seed = tf.constant([1, index])
        p = degradation.draw(seed)
        blurs.add(BLURS[int(p.blur)] if p.blurred else None)
        methods.add(METHODS[int(p.interpolation)])
        for compressed in (False, True):
            (expected, expected_hq), (lq, hq) = both(seed, tf.constant(compressed))
            assert lq.shape == expected.shape and lq.dtype == expected.dtype
            np.testing.assert_array_equal(hq, expected_hq)
            np.testing.assert_array_equal(lq, np.clip(np.round(lq), 0, 255))
            difference = np.abs(lq - expected)
            if compressed:  # JPEG may put a coefficient on the other side of a rounding
                assert difference.mean() < 2.0
            else:
                assert difference.max() <= 3 and difference.mean() < 0.6
    assert set(BLURS) <= blurs and set(METHODS) == methods


def test_the_same_seed_gives_the_same_picture():
    degradation = Degradation("paper", SIZE)
    face = smooth_face(SIZE)
    one, other, again = (
        opencv.degrade(degradation, face, tf.constant([1, seed]))[0] for seed in (0, 1, 0)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("low", [32, 43, 50, 64])
def test_reduction_keeps_the_place(method, low):
    face = smooth_face(SIZE)
    p = Degradation("paper", SIZE).draw(tf.constant([0, 0]))
    p = p._replace(interpolation=METHODS.index(method), low_size=low)
    expected = np.round(resize(face, low, low, method))
    reduced = opencv.reduce(face.numpy().astype(np.uint8), p)
    assert np.abs(reduced - expected).max() <= 1


def test_the_program_ends_while_tensorflow_works_ahead():
    program = f"""
import tensorflow as tf
from psfr_tf.data.degradation import Degradation, opencv
degradation = Degradation("paper", {SIZE})
dataset = tf.data.Dataset.range(10**6).map(
    lambda i: opencv.degrade(
        degradation, tf.zeros([{SIZE}, {SIZE}, 3]), tf.stack([0, tf.cast(i, tf.int32)])
    ),
    num_parallel_calls=4,
).prefetch(50)
iterator = iter(dataset)
next(iterator)
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
