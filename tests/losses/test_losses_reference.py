"""Losses against the authors' PyTorch code (reference/losses.npz), release form."""

import numpy as np
import pytest

from psfr_tf import losses

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def npz(reference):
    return np.load(reference / "losses.npz")


def nhwc(array):
    return array.transpose(0, 2, 3, 1)


def test_semantic_style_loss(npz):
    fake = [nhwc(npz[f"x_{layer}"]) for layer in (2, 3, 4)]
    real = [nhwc(npz[f"y_{layer}"]) for layer in (2, 3, 4)]
    labels = npz["mask"].argmax(1).astype("uint8")
    loss = losses.semantic_style_loss(fake, real, labels, "release", npz["mask"].shape[1])
    assert float(loss) == pytest.approx(float(npz["region_style_loss"]), rel=1e-5)


def test_feature_matching_loss(npz):
    fake = [nhwc(npz[f"x_{layer}"]) for layer in range(5)]
    real = [nhwc(npz[f"y_{layer}"]) for layer in range(5)]
    loss = losses.feature_matching_loss([fake], [real], "release")
    assert float(loss) == pytest.approx(float(npz["feature_matching"]), rel=1e-5)


def test_hinge_terms_per_scale(npz, reference):
    scores = np.load(reference / "discriminator_tiny.npz")
    far = np.full((1, 2, 2, 1), 9.0, "float32")  # beyond the hinge: that term is zero
    for scale in range(len(npz["gan_g"])):
        score = nhwc(scores[f"score_{scale}"])
        real = losses.discriminator_hinge_loss([score], [-far], "paper")
        fake = losses.discriminator_hinge_loss([far], [score], "paper")
        generator = losses.generator_hinge_loss([score], "paper")
        assert float(real) == pytest.approx(float(npz["gan_d_real"][scale]), rel=1e-5)
        assert float(fake) == pytest.approx(float(npz["gan_d_fake"][scale]), rel=1e-5)
        assert float(generator) == pytest.approx(float(npz["gan_g"][scale]), rel=1e-5)
