"""An exported model, and a server that runs it."""

import functools
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

SIZE = 64


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """`psfr-test-64`, random weights."""
    from psfr_tf.model_folder import load_model_folder, save_model_folder
    from psfr_tf.models import FaceParsingNetwork, Generator

    keras.utils.set_random_seed(5)
    folder = save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
    )
    return load_model_folder(folder)


@pytest.fixture(scope="session")
def models(model_folder, tmp_path_factory):
    """The base folder that a server serves: models/face/7/."""
    from psfr_tf.export.saved_model import export

    base = tmp_path_factory.mktemp("models")
    export(model_folder, base, "face", 7)
    return base


@pytest.fixture(scope="session")
def loaded(models):
    pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")
    from prediction_server import LoadedModel

    return LoadedModel(models / "face" / "7", "face", 7)


@pytest.fixture
def server(loaded):
    from prediction_server import PredictionServer

    server = PredictionServer(loaded)
    yield server
    server.stop()
    loaded.delay, loaded.failures = 0.0, []


@pytest.fixture(params=["grpc", "rest"])
def protocol(request):
    return request.param


@pytest.fixture
def connect(server, protocol):
    """A predictor for the server, in each protocol."""
    return functools.partial(_connect, server, protocol)


def _connect(server, protocol, model="face", version=None, deadline=30):
    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor
    from psfr_tf.export.serving.rest_predictor import RestPredictor

    predictor = {"grpc": GrpcPredictor, "rest": RestPredictor}[protocol]
    return predictor(server.address(protocol), model, version, deadline)


@pytest.fixture
def faces():
    """uint8 [3, S, S, 3]."""
    return np.random.default_rng(2).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
