"""Fine-tuning a finished model: its networks, both operating points, a split by name."""

import json

import keras
import numpy as np
import pytest

from psfr_tf.config import load_config
from psfr_tf.data.datasets import split_by_name
from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.presets import PRESETS
from psfr_tf.training import fine_tuning, run


def generators(**arguments):
    """Two ends of a model, some way apart."""
    keras.utils.set_random_seed(0)
    arguments = {**PRESETS["psfr-test-64"]["generator"], "spectral_norm": False, **arguments}
    perceptual, faithful = Generator(**arguments), Generator(**arguments)
    near = zip(perceptual.get_weights(), faithful.get_weights(), strict=True)
    faithful.set_weights([one + 0.1 * (other - one) for one, other in near])
    return perceptual, faithful


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder with two operating points, its generator not as its preset's is now."""
    perceptual, faithful = generators(add_input=True)
    parsing = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    folder = tmp_path_factory.mktemp("model")
    save_model_folder(
        folder, perceptual, parsing, faithful_generator=faithful, default_fidelity=0.25
    )
    return folder


@pytest.fixture
def config(write_config, model):
    """A run without manifest and parsing maps."""

    def load(*overrides, **training):
        path = write_config(
            data={"manifest": None, "masks": None, "val_fraction": 0.3},
            training={"init": str(model), "fine_tune": True, "parsing_weights": None, **training},
            losses={
                "adversarial_weight": 0,
                "style_weight": 0,
                "style_features": "fpn",
                "perceptual_weight": 0.5,
            },
        )
        return load_config(path, overrides)

    return load


def weights(folder, fidelity=None):
    return load_model_folder(folder, fidelity).generator.get_weights()


def test_both_operating_points_get_the_change_of_the_default_one(config, model, tmp_path):
    output = tmp_path / "run"
    said = []
    run.train(config(ema_half_life=0, lr_g=1e-3), output, said.append)
    found = load_model_folder(output / "model")
    assert found.fidelity == 0.25
    assert found.generator.get_config()["add_input"]
    changes = [
        [new - old for new, old in zip(weights(output, f), weights(model, f), strict=True)]
        for f in (0.0, 0.25, 1.0)
    ]
    assert max(np.abs(change).max() for change in changes[1]) > 1e-4
    for end in (changes[0], changes[2]):
        for one, other in zip(end, changes[1], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    ends = zip(weights(output, 0.0), weights(output, 1.0), strict=True)
    assert max(np.abs(one - other).max() for one, other in ends) > 0.01
    # Validation, of a face that was held out, is of the point that is used by default.
    records = [json.loads(line) for line in (output / "stats.jsonl").read_text().splitlines()]
    assert records[0]["step"] == 0 and records[-1]["step"] > 0
    # The model that it began with is measured in the same way, and the run says which is better.
    assert {"val_psnr", "val_ssim"} <= records[0].keys() & records[-1].keys()
    assert said[-1] == fine_tuning.verdict(records, str(model))
    assert f"{records[0]['val_psnr']:.2f} -> {records[-1]['val_psnr']:.2f} dB" in said[-1]


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"val_psnr": 31.0, "val_ssim": 0.91}, "31.00 dB, SSIM 0.9000 -> 0.9100: better than m"),
        ({"val_psnr": 31.0, "val_ssim": 0.89}, "no better than m; keep using that one"),
        ({"val_psnr": 29.0, "val_ssim": 0.91}, "no better than m; keep using that one"),
        ({}, "not compared with m: there are no validation faces"),
    ],
)
def test_the_run_says_whether_it_helped(last, said):
    start = {"step": 0, "val_psnr": 30.0, "val_ssim": 0.9}
    assert said in fine_tuning.verdict([start, {"step": 5, **last}], "m")


def test_a_run_that_an_earlier_version_began_says_so():
    measured = {"val_psnr": 30.0, "val_ssim": 0.9}
    said = fine_tuning.verdict([{"step": 5, **measured}, {"step": 9, **measured}], "m")
    assert said == "not compared with m: stats.jsonl has no line of step 0"


def test_without_a_step_nothing_changes(config, model):
    start, points = fine_tuning.start(config())
    generator, _ = generators(add_input=True)
    generator.set_weights(start)
    for fidelity, network in zip((0.0, 1.0), points.ends(generator), strict=True):
        for new, old in zip(network.get_weights(), weights(model, fidelity), strict=True):
            np.testing.assert_allclose(new, old, atol=1e-6)


def test_a_model_with_one_operating_point_stays_so(config, tmp_path):
    folder = tmp_path / "one"
    save_model_folder(
        folder, generators()[0], FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    )
    run.train(config("data.val_images=0", init=str(folder)), tmp_path / "run")
    assert load_model_folder(tmp_path / "run").fidelity is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.init=null"], "fine_tune needs init"),
        (["data.manifest=m.csv"], "val_fraction and manifest cannot be combined"),
        (["data.val_fraction=1"], "val_fraction"),
        (["model=fpn"], "fine_tune is for model: psfrgan"),
    ],
)
def test_mistakes_are_one_line(config, overrides, message):
    with pytest.raises(UserError, match=message):
        config(*overrides)


def test_a_model_that_does_not_fit_is_one_line(config, tmp_path):
    with pytest.raises(UserError, match=r"training\.init: .*absent"):
        run.train(config(init=str(tmp_path / "absent")), tmp_path / "run")
    text, problems = run.dry_run(config(init=str(tmp_path / "absent")))
    assert "fine_tune: true" in text and any("absent" in problem for problem in problems)
    with pytest.raises(UserError, match=r"faces of 64 px, but .* is for 256 px"):
        run.train(config("preset=psfr-mobile-256"), tmp_path / "run")


def test_split_by_name_moves_no_face_when_others_are_added(tmp_path):
    for number in range(400):
        (tmp_path / f"face{number}.png").touch()
    train, val = split_by_name(tmp_path, 0.1)
    assert not set(train) & set(val) and len(train) + len(val) == 400
    assert 20 <= len(val) <= 60
    for number in range(400, 500):
        (tmp_path / f"face{number}.jpg").touch()
    more_train, more_val = split_by_name(tmp_path, 0.1)
    assert set(train) <= set(more_train) and set(val) <= set(more_val)


def test_split_by_name_of_few_faces(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match="none for training"):
        split_by_name(tmp_path, 0.1)
    (tmp_path / "b.png").touch()
    assert [len(part) for part in split_by_name(tmp_path, 1e-9)] == [1, 1]
