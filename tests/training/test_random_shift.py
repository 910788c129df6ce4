import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.training.random_shift import random_shift


@pytest.fixture
def coordinates():
    """[1, 16, 16, 2]: each pixel holds its row and its column."""
    return tf.constant(np.stack(np.indices((16, 16)), -1)[None].astype(np.float32))


def shift_of(moved):
    inner = np.asarray(moved)[0, 6:10, 6:10] - np.stack(np.indices((16, 16)), -1)[6:10, 6:10]
    (shift,) = np.unique(inner.reshape(-1, 2), axis=0)
    return tuple(shift)


def test_all_shifts_come_and_none_beyond_the_largest(coordinates):
    shifts = {shift_of(random_shift(coordinates, 1, step)) for step in range(60)}
    assert shifts == {(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)}
    assert np.ptp([shift_of(random_shift(coordinates, 5, step)) for step in range(60)]) == 10


def test_edges_are_mirrored(coordinates):
    moved = next(
        moved
        for moved in (random_shift(coordinates, 2, step) for step in range(100))
        if shift_of(moved) == (-2, 2)
    )
    assert moved[0, :4, 0, 0].numpy().tolist() == [1, 0, 0, 1]
    assert moved[0, 0, -4:, 1].numpy().tolist() == [14, 15, 15, 14]


def test_the_step_alone_decides(coordinates):
    step = tf.Variable(3, dtype="int64")
    traced = tf.function(random_shift)(coordinates, 5, step)
    np.testing.assert_array_equal(traced, random_shift(coordinates, 5, step))
    assert traced.shape == coordinates.shape
    assert random_shift(coordinates, 0, step) is coordinates
