import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from psfr_tf.config import load_config
from psfr_tf.errors import UserError

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"


def test_the_list_of_keys_in_the_docs_is_that_of_the_config():
    spec = spec_from_file_location("training_keys", ROOT / "tools" / "training_keys.py")
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.with_keys(page) == page, "run: python tools/training_keys.py"


def test_form_fills_in_the_losses(write_config):
    path = write_config(losses={"style_weight": None})
    paper = load_config(path, ["losses.form=paper"]).losses
    release = load_config(path).losses
    assert (paper.pixel, paper.pixel_weight, paper.style_weight) == ("l2", 10.0, 100.0)
    assert (release.pixel, release.pixel_weight, release.style_weight) == ("l1", 10.0, 1000.0)


def test_overrides_are_typed(write_config):
    config = load_config(
        write_config(), ["training.lr_g=3e-5", "training.steps=7", "losses.adversarial_weight=0"]
    )
    assert (config.training.lr_g, config.training.steps) == (3e-5, 7)
    assert not config.needs_discriminator
    assert config.losses.feature_matching_weight == 0.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stpes=3", r"unknown key training\.stpes; did you mean steps\?.*batch_size"),
        ("training.steps=-3", r"training\.steps: input should be greater than 0, got -3"),
        ("training.precision=half", r"training\.precision: .*'mixed_bfloat16'.*got 'half'"),
        ("model=gan", r"model: input should be 'psfrgan' or 'fpn', got 'gan'"),
        ("preset=large", r"preset must be one of psfrgan-512, .*'large'"),
        ("losses.style_features=vgg", r"needs losses\.vgg_weights"),
        ("losses.style_features=none", "need style_features"),
        ("losses.style_features=vgg16", "must be vgg, fpn, none or a .keras file"),
        ("losses.style_features=f.keras", "needs style_layers"),
        ("losses.identity_weight=0.1", "needs identity_network"),
        ("data.images=3", r"data\.images: .*string"),
        ("data.images=null", r"data: give images .* or records"),
        ("data.records=faces", r"data: records and images cannot be combined"),
        ("training.steps.more=1", "steps is a value, not a section"),
        ("training.steps", r"--set training\.steps: expected key=value"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(write_config, override, message):
    with pytest.raises(UserError, match=message) as caught:
        load_config(write_config(), [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["images", "masks", "manifest"])
def test_a_missing_path_names_its_key(write_config, key):
    data = load_config(write_config(), [f"data.{key}=/nowhere"]).data
    (problem,) = data.missing_paths()
    assert problem.startswith(f"data.{key}: /nowhere: no such f")


def test_feature_matching_needs_a_discriminator(write_config):
    path = write_config(losses={"adversarial_weight": 0, "feature_matching_weight": 1})
    with pytest.raises(UserError, match=r"config\.yaml: losses: feature_matching_weight needs"):
        load_config(path)


def test_missing_key_and_unreadable_files(tmp_path):
    (tmp_path / "a.yaml").write_text("model: fpn\npreset: psfr-test-64\n")
    with pytest.raises(UserError, match=r"a\.yaml: missing key data; missing key training"):
        load_config(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("model: [\n")
    with pytest.raises(UserError, match=r"b\.yaml: not a YAML file"):
        load_config(tmp_path / "b.yaml")
    (tmp_path / "c.yaml").write_text("just text\n")
    with pytest.raises(UserError, match=r"c\.yaml: expected keys"):
        load_config(tmp_path / "c.yaml")
    with pytest.raises(UserError, match=r"d\.yaml: cannot read the config: no such file"):
        load_config(tmp_path / "d.yaml")


# The others are plans of benchmarks and of tables (tests/cli/test_evaluate.py).
TRAINING_CONFIGS = sorted(
    path
    for path in CONFIGS.rglob("*.yaml")
    if not path.stem.startswith("bench_") and path.parent.name != "evaluation"
)


@pytest.mark.parametrize("path", TRAINING_CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_repository_is_valid(path):
    config = load_config(path)
    assert config.training.steps % config.training.steps_per_epoch == 0


def test_the_recipe_names_the_losses_of_the_shipped_weights():
    told = json.loads((ROOT / "psfr_tf/weights/psfr-mobile-256/config.json").read_text())
    last_run = told["provenance"]["generator"]["perceptual 2"]["config"]["losses"]
    recipe = load_config(CONFIGS / "psfr_mobile_256.yaml").losses.model_dump(mode="json")
    for files in ("style_features", "identity_network"):
        assert Path(recipe.pop(files)).name == Path(last_run.pop(files)).name
    assert recipe == last_run


def test_a_config_may_name_only_what_differs_from_its_base(write_config, tmp_path):
    base = write_config()
    (tmp_path / "deeper").mkdir()
    path = tmp_path / "deeper" / "other.yaml"
    path.write_text(f"base: ../{base.name}\ntraining:\n  steps: 9\n  steps_per_epoch: 3\n")
    config, other = load_config(base), load_config(path)
    assert (other.training.steps, other.training.steps_per_epoch) == (9, 3)
    assert other.training.batch_size == config.training.batch_size
    assert other.data == config.data
    path.write_text("base: other.yaml\n")
    with pytest.raises(UserError, match="leads back to itself"):
        load_config(path)
    path.write_text("base: none.yaml\n")
    with pytest.raises(UserError, match=r"none\.yaml: cannot read the config"):
        load_config(path)


def test_the_ablations_of_table_2():
    named = {path.stem: load_config(path) for path in (CONFIGS / "ablations").glob("*.yaml")}
    found = {
        name: (config.parsing_input, config.losses.style_weight > 0)
        for name, config in named.items()
    }
    assert found == {
        "lq_only": (False, False),
        "lq_only_style": (False, True),
        "parsing": (True, False),
        "parsing_style": (True, True),
    }
    for config in named.values():
        assert config.training == named["parsing_style"].training
