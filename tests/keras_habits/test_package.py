"""The names of the package, and Keras' other backends."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import psfr_tf
from psfr_tf import registration
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator

SCRIPT = Path(__file__).with_name("backend_script.py")


def test_public_names():
    assert {"PSFRGAN", "FaceRestorer", "models", "losses", "layers", "data"} <= set(dir(psfr_tf))
    for name in dir(psfr_tf):
        assert getattr(psfr_tf, name) is not None
    for name in dir(psfr_tf.data):
        assert getattr(psfr_tf.data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        psfr_tf.data.Nothing  # noqa: B018


def test_every_registered_class_is_known_from_the_import_on():
    folder = Path(psfr_tf.__file__).parent
    registered = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
            if any(mark.startswith("keras.saving.register") for mark in marks):
                place = path.relative_to(folder).with_suffix("")
                registered[node.name] = ".".join(place.parts)
    assert registered == registration.CLASSES


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    """Inputs and weights, and what TensorFlow makes of them."""
    folder = tmp_path_factory.mktemp("backends")
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    light = Generator(
        64, {16: 8, 32: 8}, 4, subpixel=2, add_input=True, soft_parsing=True, noise=True,
        spectral_norm=False, light_normalization=True, damage_gate=True,
    )  # fmt: skip
    light.to_rgb.kernel.assign(rng.normal(0, 0.1, light.to_rgb.kernel.shape))
    networks = {"light": light}
    kinds = (("generator", Generator), ("parsing", FaceParsingNetwork))
    for name, kind in (*kinds, ("discriminator", MultiScaleDiscriminator)):
        networks[name] = kind.from_preset("psfr-test-64", load_weights=False)
    for name, network in networks.items():
        network.save_weights(folder / f"{name}.weights.h5")
    lq, hq = rng.uniform(-1, 1, (2, 2, 64, 64, 3)).astype("float32")
    labels = rng.integers(0, 19, (2, 64, 64)).astype("int32")
    np.savez(folder / "inputs.npz", lq=lq, hq=hq, labels=labels)
    return folder, _run("tensorflow", folder)


def _run(backend, folder):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, str(SCRIPT), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return np.load(folder / f"{backend}.npz")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_networks_losses_and_inference_run_on(backend, on_tensorflow):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; it is not among the requirements")
    folder, expected = on_tensorflow
    found = _run(backend, folder)
    for name in expected.files:
        assert np.isfinite(found[name]).all(), name
        scale = max(1.0, float(np.abs(expected[name]).max()))
        tolerance = 1e-3 if name.startswith("gradient") else 1e-4
        assert np.abs(found[name] - expected[name]).max() < tolerance * scale, name
    assert f"training needs Keras on TensorFlow, and KERAS_BACKEND or Keras' configuration says {backend}" in str(found["refusal"])  # fmt: skip # noqa: E501


def test_the_command_line_needs_tensorflow():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "psfr_tf.cli.main", "restore", "x.png", "--output", "out"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("psfr: error: psfr needs Keras on TensorFlow")
    assert result.stderr.count("\n") == 1
