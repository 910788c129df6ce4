"""Intersection over union against values worked out by hand."""

import math

import numpy as np
import pytest

from psfr_tf.metrics import ParsingIoU


def test_by_hand():
    iou = ParsingIoU(num_classes=4)
    #                   reference        predicted
    # class 0: 3 px, 3 predicted, 2 shared -> 2 / 4
    # class 1: 3 px, 2 predicted, 2 shared -> 2 / 3
    # class 2: absent from the reference, 1 predicted -> 0; class 3: in neither
    iou.update(
        predicted=np.array([[0, 0, 1], [0, 2, 1]]),
        reference=np.array([[0, 0, 1], [1, 0, 1]]),
    )
    np.testing.assert_allclose(iou.per_class(), [2 / 4, 2 / 3, 0.0, math.nan])
    np.testing.assert_array_equal(iou.present(), [True, True, False, False])
    assert iou.mean() == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert iou.pixel_accuracy() == pytest.approx(4 / 6)


def test_pixels_are_summed_over_images():
    iou = ParsingIoU(num_classes=2)
    iou.update(np.zeros((1, 9), np.uint8), np.zeros((1, 9), np.uint8))
    iou.update(np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8))
    # 9 of 10 pixels, not the mean 1/2 of the two images' values.
    np.testing.assert_allclose(iou.per_class(), [0.9, 0.0])
    np.testing.assert_array_equal(iou.matrix, [[9, 0], [1, 0]])


def test_high_labels_of_uint8_maps_do_not_overflow():
    labels = np.full((8, 8), 18, np.uint8)
    iou = ParsingIoU()
    iou.update(labels, labels)
    assert iou.per_class()[18] == 1.0
    assert iou.matrix.sum() == iou.matrix[18, 18] == 64


def test_nothing_seen_is_nan():
    assert math.isnan(ParsingIoU().mean())
    assert math.isnan(ParsingIoU().pixel_accuracy())


def test_wrong_maps_are_named():
    iou = ParsingIoU()
    with pytest.raises(ValueError, match="same shape"):
        iou.update(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"`reference` must be in 0\.\.18.*to 19"):
        iou.update(np.zeros((1, 2), np.uint8), np.array([[0, 19]], np.uint8))
