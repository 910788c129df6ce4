import numpy as np
import pytest

from psfr_tf.losses.semantic_style import (
    _block_size,
    _gather_blocks,
    nearest_resize_labels,
    region_gram,
    semantic_style_loss,
)

rng = np.random.default_rng(0)


def naive_gram(features, labels, regions):
    """19 masked copies, float64: what region_gram avoids."""
    masks = np.eye(regions + 1)[np.minimum(labels, regions)][..., :regions]
    features = features.astype("float64")
    return np.einsum("bhwr,bhwc,bhwd->brcd", masks, features, features)


@pytest.mark.parametrize("size", [4, 9, 32])
@pytest.mark.parametrize("regions", [1, 5, 19])
def test_gram_equals_masked_copies(size, regions):
    features = rng.normal(size=(2, size, size, 6)).astype("float32")
    labels = rng.integers(0, regions, (2, size, size)).astype("uint8")
    expected = naive_gram(features, labels, regions)
    np.testing.assert_allclose(
        region_gram(features, labels, regions), expected, atol=1e-5 * np.abs(expected).max()
    )


def test_gram_of_one_region_that_covers_everything():
    features = rng.normal(size=(1, 48, 48, 3)).astype("float32")
    labels = np.full((1, 48, 48), 18, "uint8")
    gram = np.asarray(region_gram(features, labels))
    assert np.all(gram[:, :18] == 0.0)
    np.testing.assert_allclose(gram, naive_gram(features, labels, 19), rtol=1e-4, atol=1e-3)


def test_unknown_labels_are_left_out():
    features = rng.normal(size=(1, 8, 8, 3)).astype("float32")
    labels = rng.integers(0, 4, (1, 8, 8)).astype("uint8")
    expected = naive_gram(features, labels, 3)
    np.testing.assert_allclose(region_gram(features, labels, 3), expected, atol=1e-4)


def test_memory_is_one_copy_and_padding():
    """Slots for the gathered pixels: far fewer than 19 masked copies."""
    pixels, regions = 64 * 64, 19
    labels = rng.integers(0, regions, (1, pixels)).astype("int32")
    pixel, valid, _, counts = _gather_blocks(labels, regions, _block_size(pixels, regions))
    assert pixel.shape[1] <= 2.5 * pixels
    assert float(np.sum(valid)) == pixels == int(np.sum(counts))
    used = np.asarray(pixel)[np.asarray(valid) > 0]
    assert sorted(used) == list(range(pixels))  # every pixel once


@pytest.mark.parametrize("size", [7, 24, 64, 100])
def test_nearest_resize_is_torch_nearest(size):
    torch = pytest.importorskip("torch")
    labels = rng.integers(0, 19, (1, 64, 48)).astype("uint8")
    expected = torch.nn.functional.interpolate(torch.tensor(labels)[None].float(), (size, size))
    np.testing.assert_array_equal(nearest_resize_labels(labels, size, size), expected[0])


@pytest.mark.parametrize("form", ["paper", "release"])
def test_loss_is_the_formula(form):
    fake = rng.normal(size=(2, 16, 16, 4)).astype("float32")
    real = rng.normal(size=(2, 16, 16, 4)).astype("float32")
    labels = rng.integers(0, 12, (2, 32, 32)).astype("uint8")  # regions 12..18 are empty
    small = labels[:, ::2, ::2]
    pixels = np.eye(19)[small].sum((1, 2))[:, :, None, None] + 1e-8
    difference = (naive_gram(fake, small, 19) - naive_gram(real, small, 19)) / pixels
    if form == "paper":
        expected = np.sum(np.mean(difference**2, axis=(0, 2, 3)))
    else:
        expected = np.mean((difference / 4) ** 2)
    loss = semantic_style_loss([fake, fake], [real, real], labels, form)
    assert float(loss) == pytest.approx(2 * expected, rel=1e-5)


def test_gradient_equals_that_of_masked_copies():
    tf = pytest.importorskip("tensorflow")
    fake = tf.Variable(rng.normal(size=(2, 16, 16, 4)).astype("float32"))
    real = rng.normal(size=(2, 16, 16, 4)).astype("float32")
    labels = rng.integers(0, 19, (2, 16, 16))
    masks = tf.one_hot(labels, 19)
    pixels = tf.reduce_sum(masks, (1, 2))[:, :, None, None] + 1e-8

    def gram(features):
        return tf.einsum("bhwr,bhwc,bhwd->brcd", masks, features, features) / pixels

    with tf.GradientTape(persistent=True) as tape:
        loss = semantic_style_loss([fake], [real], labels)
        naive = 19 * tf.reduce_mean(tf.square(gram(fake) - gram(tf.constant(real))))
    ours, expected = tape.gradient(loss, fake), tape.gradient(naive, fake)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())
