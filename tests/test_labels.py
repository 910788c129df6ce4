"""The label table: the published order and colors, and the flip."""

import json

import numpy as np
import pytest

from psfr_tf.labels import COLORS, FLIP_PERMUTATION, LABELS, colorize


@pytest.mark.reference
def test_labels_and_colors_are_the_published_ones(reference):
    published = json.loads((reference / "parsing_labels.json").read_text())
    assert list(LABELS) == published["labels"]
    assert COLORS.tolist() == published["colormap"]


def test_a_flip_swaps_left_and_right_and_twice_is_nothing():
    flipped = {LABELS[a]: LABELS[b] for a, b in enumerate(FLIP_PERMUTATION)}
    assert {name for name in LABELS if flipped[name] != name} == {
        *("l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear")
    }
    assert flipped["l_eye"] == "r_eye"
    np.testing.assert_array_equal(FLIP_PERMUTATION[FLIP_PERMUTATION], np.arange(19))


def test_colorize():
    labels = np.array([[0, 13], [1, 18]])
    np.testing.assert_array_equal(
        colorize(labels), [[[0, 0, 0], [0, 0, 204]], [[204, 0, 0], [0, 204, 0]]]
    )
