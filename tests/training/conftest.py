"""Toy faces on disk and a config for the test preset."""

import functools

import keras
import pytest
import yaml
from PIL import Image

from psfr_tf.data.toy_faces import draw_face
from psfr_tf.models import FaceParsingNetwork


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory):
    """Six drawn faces with maps, a manifest, and weights of a face parsing network."""
    folder = tmp_path_factory.mktemp("toy_faces")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    rows = ["name,split"]
    for seed in range(6):
        rgb, labels = draw_face(seed, 64)
        Image.fromarray(rgb).save(folder / "images" / f"face{seed}.png")
        Image.fromarray(labels).save(folder / "masks" / f"face{seed}.png")
        rows.append(f"face{seed},{'train' if seed < 4 else 'val'}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    keras.utils.set_random_seed(0)
    FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False).save_weights(
        folder / "parsing.weights.h5"
    )
    return folder


@pytest.fixture(scope="session")
def config_writer(toy_data):
    """Write a YAML config to a path; keyword arguments are sections merged into the default."""

    def write(path, **sections):
        values = {
            "model": "psfrgan",
            "preset": "psfr-test-64",
            "data": {
                "images": str(toy_data / "images"),
                "masks": str(toy_data / "masks"),
                "manifest": str(toy_data / "manifest.csv"),
            },
            "training": {
                "steps": 2,
                "batch_size": 2,
                "steps_per_epoch": 2,
                "ema_half_life": 100,
                "parsing_weights": str(toy_data / "parsing.weights.h5"),
            },
            "losses": {"form": "release", "style_features": "fpn", "style_weight": 10},
        }
        for name, section in sections.items():
            if isinstance(section, dict):
                values.setdefault(name, {}).update(section)
            else:
                values[name] = section
        path.write_text(yaml.safe_dump(values))
        return path

    return write


@pytest.fixture
def write_config(config_writer, tmp_path):
    """`config_writer` for the test's own folder."""
    return functools.partial(config_writer, tmp_path / "config.yaml")
