"""Options of the optimization: accumulation, clipping, schedules, the stop at a NaN, ablations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.errors import UserError
from psfr_tf.models import Generator
from psfr_tf.training import run
from psfr_tf.training.adam import Adam
from psfr_tf.training.build import build_model
from psfr_tf.training.callbacks import StopOnNonFinite, spectral_norms
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.psfrgan import PSFRGAN
from psfr_tf.training.schedule import LearningRate


def parsing_network(lq, training):
    """Every pixel is skin; instead of a network with batch statistics."""
    return {"logits": tf.one_hot(tf.ones(tf.shape(lq)[:3], "int32"), 19)}


def pixel_trainer(**optimizer):
    """Without spectral norm, whose power iterations count forward passes."""
    keras.utils.set_random_seed(1)
    generator = Generator.from_preset("psfr-test-64", load_weights=False, spectral_norm=False)
    model = PSFRGAN(
        generator, None, parsing_network, adversarial_weight=0.0, feature_matching_weight=0.0
    )
    model.compile(Adam(1e-3, beta_1=0.5, **optimizer))
    return model


@pytest.fixture(scope="module")
def batch():
    generator = np.random.default_rng(0)
    faces = generator.uniform(-1, 1, (2, 4, 64, 64, 3)).astype("float32")
    return {"lq": tf.constant(faces[0]), "hq": tf.constant(faces[1])}


def part(batch, first, last):
    return {name: images[first:last] for name, images in batch.items()}


def test_accumulated_batches_equal_one_large_batch(batch):
    large, accumulated = pixel_trainer(), pixel_trainer(gradient_accumulation_steps=2)
    before = accumulated.generator.get_weights()
    large.train_step({**batch, "parsing": tf.ones((4, 64, 64), "uint8")})
    for first in (0, 2):
        assert all(
            np.array_equal(old, new)
            for old, new in zip(before, accumulated.generator.get_weights(), strict=True)
        )
        accumulated.train_step(part(batch, first, first + 2))
    assert int(accumulated.optimizer.iterations) == 1 and int(accumulated.images_seen) == 4
    means = zip(large.optimizer._momentums, accumulated.optimizer._momentums, strict=True)
    for one, other in means:  # Adam's first moment is the gradient
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_clipping_bounds_the_gradient_and_the_report_is_of_the_gradient_itself(batch):
    free, clipped = pixel_trainer(), pixel_trainer(global_clipnorm=0.01)
    norm = float(free.train_step(batch)["gradient_norm_g"])
    assert float(clipped.train_step(batch)["gradient_norm_g"]) == pytest.approx(norm, rel=1e-4)
    moments = [np.asarray(moment) / 0.5 for moment in clipped.optimizer._momentums]
    assert norm > 0.02
    assert np.sqrt(sum(np.sum(m**2) for m in moments)) == pytest.approx(0.01, rel=1e-3)


def test_schedules():
    rates = LearningRate(2.0, 100, "cosine", warmup_steps=10)
    assert float(rates(0)) == pytest.approx(2.0 / 11)
    assert float(rates(10)) == pytest.approx(2.0)
    assert float(rates(55)) == pytest.approx(1.01)
    assert float(rates(100)) == float(rates(500)) == pytest.approx(0.02)
    assert float(LearningRate(2.0, 100, "linear")(50)) == pytest.approx(1.01)
    assert float(LearningRate(2.0, 100)(99)) == pytest.approx(2.0)
    again = LearningRate.from_config(rates.get_config())
    assert float(again(30)) == float(rates(30))
    with pytest.raises(ValueError, match="warmup_steps=100"):
        LearningRate(2.0, 100, warmup_steps=100)


def test_a_loss_that_is_not_finite_ends_the_run(write_config, tmp_path):
    config = load_config(
        write_config(
            data={"val_images": 0},
            training={"steps": 6, "lr_g": 1e30},  # no update is finite
            losses={"adversarial_weight": 0, "style_weight": 0},
            checkpoint={"every": 1},
        )
    )
    with pytest.raises(UserError) as caught:
        run.train(config, tmp_path, lambda line: None)
    assert "step 2: not finite: " in str(caught.value)
    (kept,) = (tmp_path / "checkpoints").glob("ckpt-*.index")
    assert f"Last good checkpoint: {kept.with_suffix('')}" in str(caught.value)


def test_every_term_that_is_not_finite_is_named(tmp_path):
    callback = StopOnNonFinite(RunState(pixel_trainer(), tmp_path))
    callback.on_train_batch_end(0, {"loss_g": 1.0, "pixel": 0.5, "style": 0.5})
    with pytest.raises(UserError, match="step 0: not finite: loss_g, style; "):
        callback.on_train_batch_end(0, {"loss_g": np.nan, "pixel": 0.5, "style": np.inf})


def test_sigma_is_the_largest_singular_value():
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    layer = generator.to_rgb
    for _ in range(50):
        layer(np.zeros((1, 4, 4, 8), "float32"), training=True)
    values = np.linalg.svd(np.reshape(layer.kernel, (-1, layer.filters)), compute_uv=False)
    assert spectral_norms(generator)[layer.path] == pytest.approx(values[0], rel=1e-3)
    assert spectral_norms(None) == {}


def test_a_soft_generator_trains_with_probabilities():
    logits = tf.random.stateless_normal((1, 64, 64, 19), (0, 2))

    def unsure(lq, training):
        return {"logits": logits}

    off = {"adversarial_weight": 0.0, "feature_matching_weight": 0.0}
    hard, soft = (
        PSFRGAN(
            Generator.from_preset("psfr-test-64", load_weights=False, soft_parsing=soft_parsing),
            None,
            unsure,
            **off,
        ).predict_parsing(tf.zeros((1, 64, 64, 3)))
        for soft_parsing in (False, True)
    )
    np.testing.assert_allclose(soft, tf.nn.softmax(logits))
    np.testing.assert_array_equal(hard, tf.one_hot(tf.argmax(logits, -1), 19))


def test_generator_without_parsing_input_ignores_the_map(write_config):
    model = build_model(load_config(write_config(), ["parsing_input=false"]))
    lq = tf.random.stateless_uniform((1, 64, 64, 3), (0, 1), -1.0, 1.0)
    maps = [tf.one_hot(tf.fill((1, 64, 64), label), 19) for label in (0, 5)]
    one, other = (model.generator([lq, parsing], training=False) for parsing in maps)
    assert np.array_equal(one, other)
    again = Generator.from_config(model.generator.get_config())
    assert again.count_params() == model.generator.count_params()
