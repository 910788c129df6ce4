"""One whole GAN step against the authors' PyTorch networks (reference/train_step.npz)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.conversion import load_state
from psfr_tf.conversion.layout import network_layout
from psfr_tf.models import Generator, MultiScaleDiscriminator
from psfr_tf.training.adam import Adam
from psfr_tf.training.psfrgan import PSFRGAN

pytestmark = pytest.mark.reference


def nhwc(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def state(npz, prefix):
    return {name[len(prefix) :]: npz[name] for name in npz.files if name.startswith(prefix)}


def tiny_networks(before_g, before_d, size):
    """Networks whose widths are those of the stored tensors."""
    start = before_g["const_input"].shape[2]
    stages = sum(name.endswith(".1.weight_orig") and "body" in name for name in before_g)
    channels = {start: before_g["head.0.bias"].shape[0]}
    for index in range(stages):
        channels[start * 2 ** (index + 1)] = before_g[f"body.{index}.1.bias"].shape[0]
    generator = Generator(
        image_size=size,
        channels=channels,
        style_hidden=before_g["head.1.norm_0.conv1.0.bias"].shape[0],
    )
    scales = len({name.split(".")[1] for name in before_d})
    layers = sum(name.startswith("D_pool.0.model.") and "bias" in name for name in before_d)
    discriminator = MultiScaleDiscriminator(
        image_size=size,
        channels=[before_d[f"D_pool.0.model.{i}.conv2d.bias"].shape[0] for i in range(layers)],
        num_scales=scales,
    )
    load_state(generator, before_g, "train_step.npz")
    load_state(discriminator, before_d, "train_step.npz")
    return generator, discriminator


@pytest.fixture(scope="module")
def step(reference):
    """The reference, the model after one step, its logs and the gradients it applied."""
    npz = np.load(reference / "train_step.npz")
    size = npz["hq"].shape[-1]
    generator, discriminator = tiny_networks(state(npz, "before/G/"), state(npz, "before/D/"), size)
    parsing_lq = nhwc(npz["parsing_lq"])
    model = PSFRGAN(
        generator,
        discriminator,
        lambda lq, training: {"logits": parsing_lq},
        form="release",
        pixel="l1",
        pixel_weight=10.0,
        feature_matching_weight=10.0,
        adversarial_weight=1.0,
    )
    model.compile(Adam(1e-4, beta_1=0.5), Adam(4e-4, beta_1=0.5))
    gradients = {}
    for optimizer in (model.optimizer, model.d_optimizer):
        spy_on(optimizer, gradients)
    labels = npz["parsing_hq"].argmax(1).astype("uint8")
    batch = {"lq": nhwc(npz["lq"]), "hq": nhwc(npz["hq"]), "parsing": labels}
    batch = {name: tf.constant(value) for name, value in batch.items()}
    logs = model.train_step(batch)
    return npz, model, logs, gradients


def spy_on(optimizer, gradients):
    apply = optimizer.apply

    def record(grads, variables):
        gradients.update(
            {variable.path: np.asarray(g) for g, variable in zip(grads, variables, strict=True)}
        )
        return apply(grads, variables)

    optimizer.apply = record


@pytest.mark.parametrize("name", ["pixel", "feature_matching", "adversarial_g", "adversarial_d"])
def test_losses(step, name):
    npz, _, logs, _ = step
    assert float(logs[name]) == pytest.approx(float(npz[f"loss/{name}"]), rel=1e-4)


def network_of(model, letter):
    return model.generator if letter == "G" else model.discriminator


@pytest.mark.parametrize("letter", ["G", "D"])
def test_gradients(step, letter):
    """Relative to each tensor's norm; biases before an instance norm have a true gradient of
    zero, so there only rounding is left and the scale is the whole network's gradient."""
    npz, model, _, gradients = step
    targets = network_layout(network_of(model, letter))
    expected = state(npz, f"grad/{letter}/")
    assert len(expected) == len(network_of(model, letter).trainable_variables)
    whole = np.sqrt(sum(np.sum(np.square(value)) for value in expected.values()))
    for name, value in expected.items():
        value = targets[name].to_keras(value)
        error = np.linalg.norm(gradients[targets[name].variable.path] - value)
        assert error <= 1e-3 * np.linalg.norm(value) + 1e-5 * whole, name


@pytest.mark.parametrize("letter", ["G", "D"])
def test_weights_after(step, letter):
    """Adam's first step is close to lr * sign(gradient): entries whose gradient is rounding
    noise may go either way, all others agree."""
    npz, model, _, _ = step
    targets = network_layout(network_of(model, letter))
    after, gradients = state(npz, f"after/{letter}/"), state(npz, f"grad/{letter}/")
    assert set(after) == set(targets)
    compared = total = 0
    for name, value in after.items():
        error = np.abs(np.asarray(targets[name].variable) - targets[name].to_keras(value))
        if name in gradients:
            size = np.abs(targets[name].to_keras(gradients[name]))
            clear = (size > 1e-6) & (size > 1e-4 * size.max())
            compared, total = compared + clear.sum(), total + clear.size
            error = error[clear]
        assert error.max(initial=0.0) <= 1e-5, name
    assert compared >= 0.98 * total


@pytest.mark.parametrize("letter", ["G", "D"])
def test_adam_on_the_reference_gradients(step, letter):
    """The optimizer alone, given the same gradients: every entry agrees."""
    npz = step[0]
    before, after = state(npz, f"before/{letter}/"), state(npz, f"after/{letter}/")
    for name, gradient in state(npz, f"grad/{letter}/").items():
        variable = keras.Variable(before[name])
        optimizer = Adam(1e-4 if letter == "G" else 4e-4, beta_1=0.5)
        optimizer.apply([tf.constant(gradient)], [variable])
        np.testing.assert_allclose(np.asarray(variable), after[name], rtol=0, atol=1e-6)
