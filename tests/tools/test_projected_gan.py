"""A discriminator of heads on frozen features: tools/projected_gan.py."""

import keras
import numpy as np
import projected_gan
import pytest
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.training.adam import Adam
from psfr_tf.training.psfrgan import PSFRGAN


@pytest.fixture(scope="module")
def features():
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    fine = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    coarse = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(fine)
    model = keras.Model(image, [fine, coarse])
    model.trainable = False
    return model


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    hq = rng.uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    return {"lq": 0.5 * hq, "hq": hq, "parsing": rng.integers(0, NUM_CLASSES, (2, 64, 64))}


def test_a_step_trains_the_heads_and_the_generator_only(features, batch):
    parsing = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    discriminator = projected_gan.ProjectedDiscriminator(features, batch["hq"])
    weights = dict.fromkeys(("pixel_weight", "feature_matching_weight"), 0.0)
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    model = PSFRGAN(generator, discriminator, parsing, **weights)
    model.compile(Adam(1e-3), Adam(1e-3))
    networks = (model.generator, discriminator, features)
    before = [network.get_weights() for network in networks]
    logs = model.train_step(batch)
    assert {"score_real_0", "score_fake_1"} <= set(logs)
    assert float(logs["gradient_norm_g"]) > 0  # of the scores alone
    changed = [
        sum(not np.array_equal(a, b) for a, b in zip(old, network.get_weights(), strict=True))
        for old, network in zip(before, networks, strict=True)
    ]
    assert changed[0] > 0 and changed[1] > 10 and changed[2] == 0
    assert not {id(w) for w in features.weights} & {id(w) for w in discriminator.weights}


def test_picture_and_map_move_together(batch):
    tf.random.set_seed(1)
    rows = np.broadcast_to(np.linspace(-1, 1, 64, dtype="float32")[:, None, None], (64, 64, 3))
    x = tf.constant(np.stack([np.concatenate([rows, rows[..., :1]], -1)] * 2))
    image, place = tf.split(projected_gan.augmented(x), [3, 1], -1)
    for one, at in zip(image.numpy(), place.numpy(), strict=True):
        inside = (one != 0).any(-1)
        assert 0.5 < inside.mean() < 1  # a hole
        np.testing.assert_array_equal(at[~inside], 0)
        # What is left of light is one gain and one offset for the whole picture.
        assert np.corrcoef(one[inside][:, 0], at[inside][:, 0])[0, 1] > 0.999
