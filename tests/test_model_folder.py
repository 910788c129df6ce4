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
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
        MultiScaleDiscriminator.from_preset("psfr-test-64", load_weights=False),
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
        MultiScaleDiscriminator.from_preset(tmp_path)


def test_files_and_discriminator(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "discriminator.weights.h5",
        "generator.weights.h5",
        "parsing.weights.h5",
    ]
    loaded = load_model_folder(folder)
    assert MultiScaleDiscriminator.from_preset(folder).num_scales == 2
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


@pytest.fixture
def two_points(tmp_path):
    perceptual, faithful = (Generator(32, {16: 8, 32: 4}, style_hidden=4) for _ in range(2))
    parsing = FaceParsingNetwork(32, [4, 8], 1)
    folder = save_model_folder(
        tmp_path, perceptual, parsing, faithful_generator=faithful, default_fidelity=0.25
    )
    return folder, perceptual.get_weights(), faithful.get_weights()


@pytest.mark.parametrize(("asked", "share"), [(0.0, 0.0), (1.0, 1.0), (0.6, 0.6), (None, 0.25)])
def test_fidelity_is_between_two_sets_of_weights(two_points, asked, share):
    folder, perceptual, faithful = two_points
    loaded = load_model_folder(folder, asked)
    assert loaded.fidelity == share
    for p, f, weights in zip(perceptual, faithful, loaded.generator.get_weights(), strict=True):
        np.testing.assert_allclose(weights, (1 - share) * p + share * f, atol=1e-6)


def test_fidelity_needs_two_points(folder, two_points):
    assert load_model_folder(folder).fidelity is None
    with pytest.raises(UserError, match="does not support --fidelity; omit it"):
        load_model_folder(folder, 0.5)
    with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
        load_model_folder(two_points[0], 1.5)
    (two_points[0] / "generator_faithful.weights.h5").unlink()
    assert load_model_folder(two_points[0], 0.0).fidelity == 0
    with pytest.raises(UserError, match=r"no generator_faithful\.weights\.h5"):
        load_model_folder(two_points[0])


def test_two_points_need_a_default(two_points):
    config = json.loads((two_points[0] / "config.json").read_text())
    del config["default_fidelity"]
    (two_points[0] / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="default_fidelity"):
        load_model_folder(two_points[0])


def test_weights_may_be_stored_in_half_precision(tmp_path):
    generator = Generator(32, {16: 8, 32: 4}, style_hidden=4)
    half = Generator(32, {16: 8, 32: 4}, style_hidden=4, dtype="float16")
    half.set_weights(generator.get_weights())
    folder = save_model_folder(tmp_path, half, FaceParsingNetwork(32, [4, 8], 1))
    loaded = load_model_folder(folder).generator
    for ours, theirs in zip(generator.get_weights(), loaded.get_weights(), strict=True):
        assert theirs.dtype == np.float32
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-6)


def test_a_run_folder_stands_for_its_model(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "model")
    assert load_model_folder(tmp_path / "run").path == tmp_path / "run" / "model"
