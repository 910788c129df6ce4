import numpy as np
import pytest

from psfr_tf.losses import discriminator_hinge_loss, generator_hinge_loss

REAL = [np.array([[2.0, 0.5]]), np.array([[-1.0]])]  # hinge terms 0.25 and 2
FAKE = [np.array([[-3.0, 0.0]]), np.array([[1.0]])]  # hinge terms 0.5 and 2


def test_paper_sums_over_scales():
    assert float(discriminator_hinge_loss(REAL, FAKE, "paper")) == pytest.approx(4.75)
    assert float(generator_hinge_loss(FAKE, "paper")) == pytest.approx(1.5 - 1.0)


def test_release_averages_over_scales_and_halves():
    assert float(discriminator_hinge_loss(REAL, FAKE, "release")) == pytest.approx(4.75 / 4)
    assert float(generator_hinge_loss(FAKE, "release")) == pytest.approx(0.25)


def test_unknown_form_is_named():
    with pytest.raises(ValueError, match="form='both'"):
        generator_hinge_loss(FAKE, "both")


def test_half_precision_scores_are_summed_in_float32():
    scores = [np.full((1, 64, 64, 1), 100.0, "float16")]  # the sum overflows float16
    assert float(generator_hinge_loss(scores)) == pytest.approx(-100.0)
