import keras
import numpy as np
import pytest

from psfr_tf.losses import chroma_loss, feature_matching_loss, pixel_loss


def test_pixel_loss_kinds():
    prediction, target = np.array([0.0, 1.0, 3.0]), np.array([0.0, -1.0, 3.0])
    assert float(pixel_loss(prediction, target, "l1")) == pytest.approx(2 / 3)
    assert float(pixel_loss(prediction, target, "l2")) == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="kind='l3'"):
        pixel_loss(prediction, target, "l3")


def test_psnr_loss_counts_each_image_in_decibels():
    target = np.zeros((2, 8, 8, 3), "float32")
    prediction = target + np.float32([0.02, 0.2]).reshape(2, 1, 1, 1)
    # 40 and 20 dB of [-1, 1] images; 6.99 and 26.03 dB short of a floor that bends near 46 dB.
    assert float(pixel_loss(prediction, target, "psnr")) == pytest.approx(
        (6.9897 + 26.0314) / 2, 1e-4
    )
    assert float(pixel_loss(target, target, "psnr")) == 0


def test_chroma_loss_counts_color_and_not_brightness():
    gray = np.full((1, 2, 2, 3), 0.25, "float32")
    assert float(chroma_loss(gray, gray - 0.5)) == pytest.approx(0.0, abs=1e-6)
    # R alone differs by 1: Y by 0.299, R - Y by 0.701, B - Y by -0.299.
    red = gray + np.array([1.0, 0.0, 0.0], "float32")
    assert float(chroma_loss(red, gray)) == pytest.approx((0.701 + 0.299) / 2)


def features(value, scales=2, layers=5):
    return [[np.full((1, 2, 2, 3), value, "float32")] * layers for _ in range(scales)]


def test_paper_matches_four_layers_and_sums_over_scales():
    assert float(feature_matching_loss(features(3.0), features(1.0), "paper")) == 2 * 4 * 4.0


def test_release_matches_all_layers_and_averages_over_scales():
    assert float(feature_matching_loss(features(3.0), features(1.0), "release")) == 5 * 4.0


def test_layers_must_agree():
    with pytest.raises(ValueError, match="5 and 4"):
        feature_matching_loss(features(0.0), features(0.0, layers=4))


def test_no_gradient_into_the_features_of_hq():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow here")
    fake, real = tf.Variable([[1.0, 2.0]]), tf.Variable([[0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = feature_matching_loss([[fake]], [[real]])
    of_fake, of_real = tape.gradient(loss, [fake, real])
    np.testing.assert_allclose(of_fake, [[1.0, 2.0]])
    assert of_real is None
