"""Model folders: writing, reading, and what a damaged one says."""

import json

import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator


@pytest.fixture
def folder(tmp_path):
    return save_model_folder(
        tmp_path / "model",
        Generator.from_preset("psfr-test-64"),
        FaceParsingNetwork.from_preset("psfr-test-64"),
        MultiScaleDiscriminator.from_preset("psfr-test-64"),
        preset="psfr-test-64",
        provenance={"source": "random weights"},
    )


def test_round_trip(tmp_path):
    generator = Generator(32, {16: 8, 32: 4}, style_hidden=4)
    parsing = FaceParsingNetwork(32, [4, 8], 1)
    save_model_folder(tmp_path, generator, parsing)
    loaded = load_model_folder(tmp_path)
    assert loaded.size == 32
    for ours, theirs in ((generator, loaded.generator), (parsing, loaded.parsing_network)):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(UserError, match=r"no discriminator\.weights\.h5"):
        loaded.load_discriminator()


def test_files_and_discriminator(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "discriminator.weights.h5",
        "generator.weights.h5",
        "parsing.weights.h5",
    ]
    loaded = load_model_folder(folder)
    assert loaded.load_discriminator().num_scales == 2
    assert loaded.config["provenance"]["source"] == "random weights"


def test_unknown_names_and_empty_folders_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="nowhere: neither a model folder nor shipped weights"):
        load_model_folder("nowhere")
    with pytest.raises(UserError, match=r"it has no config\.json"):
        load_model_folder(tmp_path)


def test_damage_is_named(folder):
    weights = folder / "parsing.weights.h5"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(UserError, match=r"parsing\.weights\.h5: cannot be loaded"):
        load_model_folder(folder)
    weights.unlink()
    with pytest.raises(UserError, match=r"has no parsing\.weights\.h5"):
        load_model_folder(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": 99, "size": 1}'])
def test_a_bad_config_is_named(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        load_model_folder(folder)


def test_a_newer_format_asks_for_an_upgrade(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format_version": 99}))
    with pytest.raises(UserError, match="upgrade psfr_tf"):
        load_model_folder(folder)
