"""What Keras users do with a model: compile, fit, predict, save."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf import PSFRGAN
from psfr_tf.errors import UserError

RNG = np.random.default_rng(0)
LQ, HQ = RNG.uniform(-1, 1, (2, 2, 64, 64, 3)).astype("float32")
LABELS = RNG.integers(0, 19, (2, 64, 64)).astype("uint8")


@keras.saving.register_keras_serializable(package="keras_habits")
def brightness(restored, hq, batch):
    assert set(batch) >= {"lq", "hq", "parsing"}
    return keras.ops.mean(keras.ops.abs(restored - hq))


def build(**arguments):
    return PSFRGAN.from_preset("psfr-test-64", load_weights=False, **arguments)


@pytest.fixture(scope="module")
def model():
    made = build(extra_losses={"brightness": (brightness, 2.0)}, ema_half_life=20.0)
    made.compile(optimizer="adam", d_optimizer="adam", metrics=["mae"], run_eagerly=True)
    return made


def test_fit_predict_evaluate_summary(model):
    history = model.fit(LQ, HQ, validation_data=(LQ, HQ), verbose=0).history
    assert {"brightness", "mean_absolute_error", "val_mean_absolute_error", "val_psnr"} <= set(
        history
    )
    expected = 2 * history["mean_absolute_error"][0]
    assert history["brightness"][0] == pytest.approx(expected, rel=1e-4)
    restored = model.predict(LQ, verbose=0)
    np.testing.assert_allclose(model(LQ), restored, atol=1e-5)
    lq = tf.constant(LQ)
    expected = model.ema_generator([lq, model.predict_parsing(lq)])
    np.testing.assert_allclose(expected, restored, atol=1e-5)
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert "Generator" in "".join(lines)


@pytest.mark.parametrize(
    "data",
    [
        {"lq": LQ, "hq": HQ},
        (LQ, HQ),
        (LQ, HQ, LABELS),
        {"lq": LQ.astype("float64"), "hq": HQ, "parsing": LABELS[..., None]},
    ],
)
def test_the_step_takes_dicts_and_tuples(model, data):
    assert np.isfinite(float(model.train_step(data)["loss_g"]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((LQ,), 'is a dict with "lq" and "hq"'),
        ({"x": LQ, "hq": HQ}, "has no 'lq'"),
        ((LQ.astype("uint8"), HQ), "`lq` must be floats in"),
        ((LQ, HQ[:, :32, :32]), r"`hq` must have the shape \[batch, 64, 64, 3\]"),
        ((LQ, HQ, LABELS.astype("float32")), r"`parsing` must be labels 0\.\.18"),
    ],
)
def test_wrong_batches_are_one_line(model, data, message):
    with pytest.raises(ValueError, match=message) as caught:
        model.train_step(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, "takes no `loss` in compile"),
        ({"loss_weights": [1]}, "takes no `loss_weights`"),
        ({"weighted_metrics": ["mae"]}, "give `metrics`"),
        ({"momentum": 0.9}, "has no argument `momentum`"),
        ({"metrics": "mae"}, "must be a list"),
        ({"metrics": [keras.metrics.Mean(name="psnr")]}, "'psnr' is in the logs already"),
        ({"d_optimizer": None}, "needs a `d_optimizer`"),
        ({"optimizer": None}, "needs an `optimizer`"),
        ({"g_optimizer": "sgd"}, "give one of them"),
    ],
)
def test_compile_refuses_what_it_does_not_use(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.compile(**{"optimizer": "adam", "d_optimizer": "adam", **arguments})


def test_one_optimizer_is_not_for_two_networks(model):
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="an optimizer of its own"):
        model.compile(adam, adam)
    alone = build(adversarial_weight=0)
    with pytest.raises(ValueError, match="no discriminator for a `d_optimizer`"):
        alone.compile("adam", "adam")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"extra_losses": {"x": brightness}}, r"must be \(function, weight\)"),
        ({"extra_losses": {"pixel": (brightness, 1)}}, "name of another term"),
        ({"extra_losses": {"x": (brightness, -1)}}, "at least 0"),
        ({"soft_parsing": True}, "made for soft_parsing=False"),
        ({"color": 1}, "has no argument 'color'"),
        ({"pixel_weight": -1}, "pixel_weight"),
        ({"style_features": "vgg"}, "give vgg_weights=FILE"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message):
    with pytest.raises((ValueError, TypeError, UserError), match=message) as caught:
        build(**arguments)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_is_named():
    model = build(extra_losses={"x": (lambda restored, hq, batch: restored, 1.0)})
    model.compile()
    with pytest.raises(ValueError, match="'x' must return one number"):
        model.train_step((LQ, HQ))
    with pytest.raises(ValueError, match="`extra_losses\\['x'\\]` is a plain function"):
        model.get_config()


def test_callbacks_of_the_rate_say_what_they_steer(model, capsys):
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    model.fit(LQ, HQ, verbose=0, callbacks=[callback])
    assert "LearningRateScheduler steers the generator's optimizer" in capsys.readouterr().out


def test_the_losses_come_with_the_folder(model, tmp_path):
    model.save_to_preset(tmp_path)
    loaded = PSFRGAN.from_preset(tmp_path)
    assert (loaded.form, loaded.style_weight) == (model.form, model.style_weight)
    np.testing.assert_allclose(loaded(LQ), model(LQ), atol=1e-6)
    shipped = PSFRGAN.from_preset("psfr-mobile-256")
    assert (shipped.texture_weight, shipped.discriminator) == (20.0, None)


LOADED = """
import psfr_tf, sys
assert "keras" not in sys.modules
import keras, numpy as np
@keras.saving.register_keras_serializable(package="keras_habits")
def brightness(restored, hq, batch):
    return keras.ops.mean(keras.ops.abs(restored - hq))
model = keras.saving.load_model("model.keras")
data = np.load("data.npz")
print("difference", abs(np.asarray(model(data["lq"])) - data["restored"]).max())
print("state", int(model.images_seen), int(model.d_optimizer.iterations))
model.train_step((data["lq"], data["lq"]))
"""


def test_save_export_and_load_in_a_fresh_process(model, tmp_path):
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", lq=LQ, restored=np.asarray(model(LQ)))
    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(saved.serve(LQ), model(LQ), atol=1e-5)
    result = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert float(re.search(r"difference (\S+)", result.stdout)[1]) < 1e-6
    steps = int(model.d_optimizer.iterations)
    assert f"state {int(model.images_seen)} {steps}" in result.stdout
