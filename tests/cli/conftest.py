"""A small model with random weights, loaded once for the tests of a file."""

import keras
import pytest

from psfr_tf.model_folder import save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.restorer import FaceRestorer


@pytest.fixture(scope="session")
def model_64(tmp_path_factory):
    keras.utils.set_random_seed(1)
    return save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
        preset="psfr-test-64",
    )


@pytest.fixture(scope="module")
def loaded_once(model_64):
    """The same restorer for every command: loading and tracing take most of the time."""
    restorer = FaceRestorer.from_pretrained(model_64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            FaceRestorer,
            "from_pretrained",
            classmethod(lambda *_, **__: restorer),
        )
        yield restorer
