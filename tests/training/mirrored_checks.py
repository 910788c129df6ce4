"""Two replicas against one device, run by test_distribution.py in a process of its own.

TensorFlow splits the CPU into two logical devices only before it does anything else.
"""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.data.datasets import FaceFolder, training_dataset
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.presets import PRESETS
from psfr_tf.training import run
from psfr_tf.training.adam import Adam
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.parsing_trainer import FaceParsingTrainer
from psfr_tf.training.psfrgan import PSFRGAN
from psfr_tf.training.trainer import Trainer, prepared, scale

PRESET = "psfr-test-64"
SIZE = 32
BATCH = 4
STEPS = 4

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

# In this process the preset is as small as each part of a step allows: the point is the replicas,
# and tracing is what takes the time.
PRESETS[PRESET] = {
    "size": SIZE,
    "generator": {"image_size": SIZE, "channels": {16: 8, 32: 8}, "style_hidden": 8},
    "parsing": {"image_size": SIZE, "encoder_channels": [8, 8], "num_residual_blocks": 1},
    "discriminator": {"image_size": SIZE, "channels": [8, 8], "num_scales": 2},
}


@pytest.fixture(scope="module")
def mirrored():
    strategy = tf.distribute.MirroredStrategy()
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture(scope="module")
def batches():
    """Global batches of different faces, as arrays."""
    faces = [draw_face(seed, SIZE) for seed in range(BATCH * STEPS)]
    hq = np.stack([rgb for rgb, _ in faces]).astype("float32") / 127.5 - 1.0
    lq = tf.image.resize(tf.image.resize(hq, (8, 8), "area"), (SIZE, SIZE), "bicubic").numpy()
    return {"lq": lq, "hq": hq, "parsing": np.stack([labels for _, labels in faces])}


def adam(**options):
    # The true gradient of a bias before a normalization is zero; with a small epsilon Adam turns
    # its rounding noise into whole steps.
    return Adam(1e-2, epsilon=1e-2, **options)


def psfrgan():
    keras.utils.set_random_seed(1)
    parsing = FaceParsingNetwork.from_preset(PRESET, load_weights=False)
    model = PSFRGAN(
        Generator.from_preset(PRESET, load_weights=False),
        MultiScaleDiscriminator.from_preset(PRESET, load_weights=False),
        parsing,
        parsing.encode,
        form="release",
        adversarial_weight=0.1,
        style_weight=10.0,
        ema_half_life=10.0,
    )
    options = {"beta_1": 0.5, "global_clipnorm": 0.05, "gradient_accumulation_steps": 2}
    model.compile(adam(**options), adam(**options))
    return model


def face_parsing():
    keras.utils.set_random_seed(1)
    model = FaceParsingTrainer(
        FaceParsingNetwork.from_preset(PRESET, load_weights=False), ema_half_life=10.0
    )
    model.compile(adam())
    return model


def fit(build, batches, strategy):
    """The model after `STEPS` steps, and its history."""
    with strategy.scope():
        model = build()

    whole = tf.data.Dataset.from_tensor_slices(batches)
    dataset = strategy.distribute_datasets_from_function(
        lambda part: whole.batch(part.get_per_replica_batch_size(BATCH)).repeat()
    )
    history = model.fit(dataset, steps_per_epoch=STEPS, shuffle=False, verbose=0)
    return model, history.history


def values(variable, strategy):
    return [copy.numpy() for copy in strategy.experimental_local_results(variable.value)]


def assert_same_weights(one, two, strategy, before):
    """Both replicas hold equal weights, which are those of the single device."""
    for ours, theirs, start in zip(one.weights, two.weights, before, strict=True):
        first, second = values(theirs, strategy)
        np.testing.assert_array_equal(first, second, err_msg=ours.path)
        moved = np.abs(ours.numpy() - start).max()
        np.testing.assert_allclose(
            first, ours.numpy(), rtol=1e-5, atol=1e-5 + 0.01 * moved, err_msg=ours.path
        )


def assert_same_history(one, two):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_psfrgan_equals_one_device_with_clipping_and_accumulation(batches, mirrored, tmp_path):
    """The norm that is clipped, and the sum that is accumulated, are those of the whole batch."""
    start = psfrgan()
    one, expected = fit(psfrgan, batches, tf.distribute.get_strategy())
    two, history = fit(psfrgan, batches, mirrored)
    assert_same_history(expected, history)
    assert {"loss_g", "gradient_norm_d", "score_fake_0"} <= set(history)
    assert two.images_seen.numpy() == BATCH * STEPS
    for name in ("generator", "discriminator"):
        before = getattr(start, name).get_weights()
        assert_same_weights(getattr(one, name), getattr(two, name), mirrored, before)
    before = start.generator.get_weights()
    assert_same_weights(one.ema_generator, two.ema_generator, mirrored, before)

    # A checkpoint of two devices is complete on one.
    with mirrored.scope():
        RunState(two, tmp_path).save()
    RunState(start, tmp_path).restore()
    for name in ("generator", "discriminator", "ema_generator", "optimizer", "d_optimizer"):
        saved, restored = (getattr(model, name).variables for model in (two, start))
        for theirs, ours in zip(saved, restored, strict=True):
            np.testing.assert_array_equal(values(theirs, mirrored)[0], ours, err_msg=ours.path)


def test_face_parsing_equals_one_device(batches, mirrored):
    """Batch normalization takes its statistics over the batches of both replicas."""
    start = face_parsing()
    one, expected = fit(face_parsing, batches, tf.distribute.get_strategy())
    two, history = fit(face_parsing, batches, mirrored)
    assert_same_history(expected, history)
    assert {"loss", "miou", "accuracy", "gradient_norm"} <= set(history)
    before = start.parsing_network.get_weights()
    assert_same_weights(one.parsing_network, two.parsing_network, mirrored, before)
    assert_same_weights(one.ema_parsing_network, two.ema_parsing_network, mirrored, before)


def test_run_on_two_devices_continues_on_one(write_config, tmp_path, monkeypatch, mirrored):
    """Loss curves and validation of both; checkpoints fit either."""
    # The collective operations of two strategies in one process would meet.
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: mirrored)
    path = write_config(model="fpn")

    def train(folder, strategy, steps):
        options = [f"training.strategy={strategy}", f"training.steps={steps}"]
        run.train(load_config(path, options), tmp_path / folder, print)
        lines = (tmp_path / folder / "stats.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    expected = train("one", "default", 4)
    train("two", "mirrored", 2)
    assert (tmp_path / "two" / "checkpoints" / "ckpt-2.index").is_file()
    assert (tmp_path / "two" / "grids" / "step_000002.png").is_file()
    records = train("two", "default", 4)
    for one, two in zip(expected, records, strict=True):
        assert one.keys() == two.keys()
        assert one["images"] == two["images"]
        for name in one.keys() - {"images_per_second"}:
            assert two[name] == pytest.approx(one[name], rel=0.01, abs=1e-3), name


class Slope(Trainer):
    """The mean of x, weighted; infinite x is an overflow."""

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = scale(tf.reduce_mean(self.network(data)), self.optimizer)
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self._descend(gradients, self.network, self.optimizer, "gradient_norm")
        return {}


def test_overflow_in_one_replica_skips_the_step_in_both(mirrored):
    with mirrored.scope():
        network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
        model = Slope(network, 0)
        model.network = network
        model._means("gradient_norm")
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        model.compile(prepared(Adam(0.5), network))
        keras.config.set_dtype_policy(policy)
    loss_scale = model.optimizer.dynamic_scale
    (kernel,) = network.weights
    begun = kernel.numpy()

    def step(*inputs):
        data = tf.data.Dataset.from_tensor_slices(np.array(inputs, "float32")[:, None, None])
        dataset = mirrored.distribute_datasets_from_function(lambda part: data.repeat())
        model.fit(dataset, steps_per_epoch=1, shuffle=False, verbose=0)
        return values(kernel, mirrored), values(loss_scale, mirrored)

    for overflow in ((1.0, np.inf), (np.inf, 1.0)):
        before = values(loss_scale, mirrored)[0]
        kernels, scales = step(*overflow)
        assert kernels[0] == kernels[1] == begun
        assert scales[0] == scales[1] == before / 2
    kernels, scales = step(1.0, 3.0)
    assert kernels[0] == kernels[1] == pytest.approx(begun - 0.5, rel=1e-3)
    assert scales[0] == scales[1] == before / 2


def test_batch_must_be_divisible(write_config, tmp_path):
    config = load_config(write_config(), ["training.strategy=mirrored", "training.batch_size=3"])
    with pytest.raises(UserError, match="batch_size: 3 faces cannot be divided among 2 replicas"):
        run.train(config, tmp_path / "run", print)
    assert not (tmp_path / "run").exists()


def test_replicas_get_the_batch_of_one_device_in_order(toy_data, mirrored):
    faces = FaceFolder(toy_data / "images", toy_data / "masks")
    whole = iter(training_dataset(faces, SIZE, 4, seed=2, start_index=3))
    parts = iter(
        mirrored.distribute_datasets_from_function(
            lambda part: training_dataset(faces, SIZE, 4, seed=2, start_index=3, part=part)
        )
    )
    for _ in range(3):
        pieces = mirrored.experimental_local_results(next(parts)["lq"])
        np.testing.assert_array_equal(tf.concat(pieces, 0), next(whole)["lq"])
