"""Fixtures for data that is not part of the repository; tests that need it skip without it."""

import gc
import os
import signal
from pathlib import Path

import pytest

# Before TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Tracing makes millions of small objects that live on; to look through them for cycles every 700 is
# a tenth of the time of a test that traces.
gc.set_threshold(100_000, 20, 20)

# A shell starts background jobs with SIGINT ignored, and so would be the commands under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).parents[1] / ".." / "shared"


def pytest_collection_modifyitems(items):
    """The longest files first, so that two test processes end at about the same time."""
    items.sort(key=lambda item: "training" not in item.path.parts)


def _folder(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, SHARED / name)).resolve()
    if not path.is_dir():
        pytest.skip(f"{path} is not there; set {variable} to the folder")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers computed with the authors' PyTorch networks."""
    return _folder("PSFR_REFERENCE", "reference")


@pytest.fixture(scope="session")
def faces_dir() -> Path:
    """Aligned faces: images/, masks/, manifest.csv."""
    return _folder("PSFR_FACES", "faces")


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """Whole photos with faces."""
    return _folder("PSFR_PHOTOS", "photos")


@pytest.fixture(scope="session")
def random_networks():
    """`random_networks(preset)`: generator and parsing network without weights at special values.

    Fresh networks have zero biases and batch norms that do nothing, which would hide mistakes.
    """
    import keras
    import numpy as np

    from psfr_tf.models import FaceParsingNetwork, Generator

    def make(preset):
        keras.utils.set_random_seed(5)
        rng = np.random.default_rng(5)
        networks = (
            Generator.from_preset(preset, load_weights=False),
            FaceParsingNetwork.from_preset(preset, load_weights=False),
        )
        for layer in networks[0]._flatten_layers() + networks[1]._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                for weight, mean in zip(layer.weights, (1, 0, 0, 1), strict=True):
                    weight.assign(mean + rng.uniform(-0.3, 0.3, weight.shape))
            elif getattr(layer, "bias", None) is not None:
                layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
        return networks

    return make


@pytest.fixture(scope="session")
def small_model(random_networks, tmp_path_factory):
    """A model folder of `psfr-test-64`."""
    import keras
    import numpy as np

    from psfr_tf.model_folder import save_model_folder

    generator, parsing = random_networks("psfr-test-64")
    for layer in parsing._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D) and layer.filters == 19:
            layer.kernel.assign(
                30 * np.asarray(layer.kernel)
            )  # Labels as clear as a trained one's.
    return save_model_folder(tmp_path_factory.mktemp("model"), generator, parsing)


@pytest.fixture(scope="session")
def exported(small_model, tmp_path_factory):
    """(folder, report) of an export of `small_model` in every precision."""
    from psfr_tf.export.file_export import export_files
    from psfr_tf.export.formats import LiteRTFormat
    from psfr_tf.export.variants import VARIANTS

    output = tmp_path_factory.mktemp("litert")
    options = {"allow_degraded": True, "license": "CC0"}
    report = export_files(LiteRTFormat, small_model, output, list(VARIANTS), **options)
    return output, report
