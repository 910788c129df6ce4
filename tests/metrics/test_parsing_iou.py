"""Intersection over union against values worked out by hand."""

import numpy as np
import pytest

from psfr_tf.labels import LABELS
from psfr_tf.metrics.parsing_iou import confusion, parsing_result


def test_by_hand():
    #                   reference        predicted
    # class 0: 3 px, 3 predicted, 2 shared -> 2 / 4
    # class 1: 3 px, 2 predicted, 2 shared -> 2 / 3
    # class 2: absent from the reference, 1 predicted -> 0; others: in neither
    matrix = confusion(
        predicted=np.array([[0, 0, 1], [0, 2, 1]]),
        reference=np.array([[0, 0, 1], [1, 0, 1]]),
    )
    result = parsing_result(matrix, 1)
    iou = [result["per_class"][label]["iou"] for label in LABELS]
    assert iou == pytest.approx([2 / 4, 2 / 3, 0.0, *[None] * 16])
    assert result["per_class"][LABELS[2]]["predicted_pixels"] == 1
    assert result["per_class"][LABELS[1]]["reference_share"] == 0.5
    assert (result["classes_present"], result["images"]) == (2, 1)
    assert result["mean_iou"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert result["pixel_accuracy"] == pytest.approx(4 / 6)


def test_pixels_are_summed_over_images():
    right = confusion(np.zeros((1, 9), np.uint8), np.zeros((1, 9), np.uint8))
    wrong = confusion(np.ones((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
    assert (wrong[0, 1], wrong[1, 0]) == (1, 0)  # rows are the reference's
    # 9 of 10 pixels, not the mean 1/2 of the two images' values.
    assert parsing_result(right + wrong, 2)["mean_iou"] == pytest.approx(0.9)


def test_high_labels_of_uint8_maps_do_not_overflow():
    labels = np.full((8, 8), 18, np.uint8)
    matrix = confusion(labels, labels)
    assert matrix.sum() == matrix[18, 18] == 64


def test_maps_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        confusion(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
