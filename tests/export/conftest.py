import keras
import numpy as np
import pytest

from psfr_tf.export import litert_export
from psfr_tf.export.variants import VARIANTS
from psfr_tf.model_folder import save_model_folder


@pytest.fixture(scope="session")
def small_model(random_networks, tmp_path_factory):
    """A model folder of `psfr-test-64`."""
    generator, parsing = random_networks("psfr-test-64")
    for layer in parsing._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D) and layer.filters == 19:
            layer.kernel.assign(
                30 * np.asarray(layer.kernel)
            )  # Labels as clear as a trained one's.
    return save_model_folder(tmp_path_factory.mktemp("model"), generator, parsing)


@pytest.fixture(scope="session")
def exported(small_model, tmp_path_factory):
    """(folder, report) of an export of `small_model` in every precision, its speed not measured."""
    output = tmp_path_factory.mktemp("litert")
    speed = {"threads": 1, "runs": 5, "median_ms": 1.0, "min_ms": 1.0, "cpu_ms": 1.0}
    with pytest.MonkeyPatch.context() as patch:
        measured = lambda path, threads: {**speed, "threads": threads, "peak_memory_mb": 1.0}  # noqa: E731
        patch.setattr(litert_export, "measure", measured)
        report = litert_export.export_litert(
            small_model, output, list(VARIANTS), allow_degraded=True, licence="CC0"
        )
    return output, report
