"""Checkpoints: everything in them, the fall-back from a damaged one, the refusal of a misfit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.errors import UserError
from psfr_tf.models import FaceParsingNetwork
from psfr_tf.training.adam import Adam
from psfr_tf.training.build import build_model
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.parsing_trainer import FaceParsingTrainer


def trainer(**arguments):
    model = FaceParsingTrainer(
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False), ema_half_life=20
    )
    model.compile(Adam(1e-3, **arguments))
    return model


@pytest.fixture
def model():
    return trainer()


def fill(model, value):
    for variable in (*model.parsing_network.weights, *model.average.network.weights):
        variable.assign(tf.fill(variable.shape, value))
    for variable in model.optimizer.variables:
        variable.assign(tf.cast(tf.fill(variable.shape, value), variable.dtype))


def save(model, directory, steps, keep=2):
    """Checkpoints at these steps, every value of which is the step."""
    state = RunState(model, directory, keep)
    for step in steps:
        fill(model, step)
        state.save()
    return state


def test_whole_state_comes_back(tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = trainer(gradient_accumulation_steps=2)
        other = trainer(gradient_accumulation_steps=2)
    finally:
        keras.config.set_dtype_policy(policy)
    fill(model, 3)
    model.images_seen.assign(12)
    RunState(model, tmp_path, seed=7).save()
    fill(other, 0)
    state = RunState(other, tmp_path, seed=1)
    assert state.restore() is not None
    assert (state.images_seen, state.seed) == (12, 7)
    assert float(other.optimizer.dynamic_scale) == 3.0
    for weight in other.parsing_network.get_weights():
        assert np.all(weight == 3)
    names = {variable.path.split("/")[-1] for variable in other.optimizer.variables}
    assert any("accumulator" in name for name in names)
    assert {"step_counter", "dynamic_scale", "iteration"} <= names
    for variable in other.optimizer.variables:
        assert np.all(np.asarray(variable) == 3), variable.path
    for weight in other.average.network.get_weights():
        assert np.all(weight == 3)


def test_every_weight_of_every_network_comes_back(write_config, tmp_path):
    config = load_config(write_config())
    keras.utils.set_random_seed(1)
    one = build_model(config)
    keras.utils.set_random_seed(2)
    other = build_model(config)
    RunState(one, tmp_path).save()
    RunState(other, tmp_path).restore()
    for name in ("generator", "discriminator", "parsing_network"):
        weights = zip(getattr(one, name).weights, getattr(other, name).weights, strict=True)
        for weight, restored in weights:
            assert np.array_equal(weight, restored), weight.path


def test_only_the_newest_are_kept(model, tmp_path):
    state = save(model, tmp_path, (1, 2, 10), keep=2)
    assert [path.name for path in state.checkpoints()] == ["ckpt-2", "ckpt-10"]
    assert not list(tmp_path.glob("ckpt-1.*"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no data", "empty index"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(model, tmp_path, damage):
    save(model, tmp_path, (4, 8))
    data, index = tmp_path / "ckpt-8.data-00000-of-00001", tmp_path / "ckpt-8.index"
    if damage == "truncated":
        data.write_bytes(data.read_bytes()[:200])
    elif damage == "flipped":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 0xFF
        data.write_bytes(bytes(content))
    elif damage == "no data":
        data.unlink()
    else:
        index.write_bytes(b"")
    said = []
    state = RunState(model, tmp_path)
    assert state.restore(said.append).name == "ckpt-4"
    assert state.step == 4
    assert len(said) == 1 and "ckpt-8 is damaged" in said[0] and "\n" not in said[0]
    assert [path.name for path in state.checkpoints()] == ["ckpt-4"]
    assert list(tmp_path.glob("damaged-ckpt-8.*"))


def test_nothing_left_to_read_is_an_error(model, tmp_path):
    save(model, tmp_path, (4,))
    (tmp_path / "ckpt-4.index").write_bytes(b"")
    with pytest.raises(UserError, match="every checkpoint is damaged"):
        RunState(model, tmp_path).restore(lambda line: None)


def test_a_new_run_has_nothing_to_restore(model, tmp_path):
    assert RunState(model, tmp_path / "none").restore() is None
