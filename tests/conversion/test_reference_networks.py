"""The networks against numbers computed with the authors' PyTorch networks."""

import numpy as np
import pytest

from psfr_tf.conversion import load_state, read_checkpoint
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator

pytest.importorskip("torch", reason="reading .pth files needs the [torch] extra")
pytestmark = pytest.mark.reference

FILE_FORMATS = ["", "_legacy"]


def nhwc(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def loaded(network, path):
    load_state(network, read_checkpoint(path), str(path))
    return network


@pytest.mark.parametrize("file_format", FILE_FORMATS)
def test_generator(reference, file_format):
    generator = loaded(
        Generator(64, {16: 32, 32: 16, 64: 8}), reference / f"generator_tiny{file_format}.pth"
    )
    numbers = np.load(reference / "generator_tiny.npz")
    output = generator([nhwc(numbers["lq"]), nhwc(numbers["parsing"])], training=False)
    np.testing.assert_allclose(output, nhwc(numbers["output"]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("file_format", FILE_FORMATS)
def test_face_parsing_network(reference, file_format):
    network = loaded(
        FaceParsingNetwork(64, [8, 16, 32], 2), reference / f"parsenet_tiny{file_format}.pth"
    )
    numbers = np.load(reference / "parsenet_tiny.npz")
    outputs = network(nhwc(numbers["lq"]), training=False)
    for name, output in outputs.items():
        expected = nhwc(numbers[name])
        error = np.abs(np.asarray(output) - expected).max() / expected.std()
        assert error < 1e-4, name


@pytest.mark.parametrize("file_format", FILE_FORMATS)
def test_discriminator(reference, file_format):
    discriminator = loaded(
        MultiScaleDiscriminator(64, [8, 16, 32], 3),
        reference / f"discriminator_tiny{file_format}.pth",
    )
    numbers = np.load(reference / "discriminator_tiny.npz")
    outputs = discriminator(nhwc(numbers["input"]), training=False)
    for scale, output in enumerate(outputs):
        np.testing.assert_allclose(
            output["score"], nhwc(numbers[f"score_{scale}"]), atol=1e-4, rtol=0
        )
        for layer, feature in enumerate(output["features"]):
            np.testing.assert_allclose(
                feature, nhwc(numbers[f"feature_{scale}_{layer}"]), atol=1e-4, rtol=0
            )
