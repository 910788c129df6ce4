"""`psfr convert` and what it refuses."""

import json
import pickle

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.conversion import load_state, read_checkpoint
from psfr_tf.conversion.layout import network_layout
from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator

torch = pytest.importorskip("torch", reason="reading .pth files needs the [torch] extra")

import pytorch_networks  # noqa: E402

NETWORKS = {
    "psfrgan_net_G": Generator,
    "parse_net_P": FaceParsingNetwork,
    "net_D": MultiScaleDiscriminator,
}


@pytest.fixture
def generator():
    return Generator.from_preset("psfr-test-64", load_weights=False)


@pytest.fixture
def state(generator):
    return pytorch_networks.random_state(generator)


def write(path, state, legacy=False):
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


def images(size):
    rng = np.random.default_rng(1)
    coarse = rng.uniform(-1, 1, (1, 3, size // 16, size // 16)).astype(np.float32)
    lq = coarse.repeat(16, 2).repeat(16, 3)
    labels = rng.integers(0, 19, (1, size // 16, size // 16)).repeat(16, 1).repeat(16, 2)
    return lq, np.eye(19, dtype=np.float32)[labels].transpose(0, 3, 1, 2)


def nhwc(array):
    return np.ascontiguousarray(np.asarray(array).transpose(0, 2, 3, 1))


def psnr(actual, expected):
    peak = expected.max() - expected.min()
    return 10 * np.log10(peak**2 / np.mean((np.float64(actual) - expected) ** 2))


@pytest.mark.reference
@pytest.mark.parametrize("name", NETWORKS)
def test_full_size_layout_matches_the_published_checkpoint(reference, name):
    published = json.loads((reference / "checkpoint_layout.json").read_text())[name]
    targets = network_layout(NETWORKS[name].from_preset("psfrgan-512", load_weights=False))
    ours = {tensor: list(target.torch_shape) for tensor, target in targets.items()}
    counters = {
        f"{tensor.removesuffix('.running_mean')}.num_batches_tracked": []
        for tensor in targets
        if tensor.endswith(".running_mean")
    }
    assert ours | counters == {tensor: shape for tensor, (shape, _) in published.items()}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_file_formats_and_prefix(generator, state, tmp_path, prefix, legacy):
    path = write(tmp_path / "G.pth", {prefix + k: v for k, v in state.items()}, legacy)
    load_state(generator, read_checkpoint(path), "G.pth")
    lq, parsing = images(64)
    with torch.no_grad():
        expected = pytorch_networks.generator(state, torch.tensor(lq), torch.tensor(parsing))
    actual = generator([nhwc(lq), nhwc(parsing)])
    np.testing.assert_allclose(actual, nhwc(expected), atol=1e-4 * float(expected.std()))


def test_folded_weights_give_the_same_output_and_can_be_trained_on(generator, state, tmp_path):
    folded = {}
    for name, tensor in state.items():
        base, _, kind = name.rpartition(".")
        if kind == "weight_orig":
            u, v = state[f"{base}.weight_u"], state[f"{base}.weight_v"]
            folded[f"{base}.weight"] = tensor / (u @ tensor.flatten(1) @ v)
        elif kind not in ("weight_u", "weight_v"):
            folded[name] = tensor
    lq, parsing = images(64)
    inputs = [nhwc(lq), nhwc(parsing)]
    load_state(generator, read_checkpoint(write(tmp_path / "a.pth", state)), "a.pth")
    expected = np.asarray(generator(inputs))
    load_state(generator, read_checkpoint(write(tmp_path / "b.pth", folded)), "b.pth")
    np.testing.assert_allclose(generator(inputs), expected, atol=1e-3 * expected.std())
    assert np.isfinite(generator(inputs, training=True)).all()


def test_missing_unknown_and_misshapen_tensors_are_all_named(generator, state):
    before = generator.get_weights()
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    del arrays["img_out.bias"]
    arrays["extra.weight"] = np.zeros(3, np.float32)
    arrays["head.0.bias"] = np.zeros(5, np.float32)
    with pytest.raises(UserError) as error:
        load_state(generator, arrays, "G.pth")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("G.pth: ")
    assert "missing tensor img_out.bias" in message
    assert "unknown tensor extra.weight" in message
    assert "tensor head.0.bias has shape [5], not [16]" in message
    for old, new in zip(before, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_values_that_are_not_finite_are_named(generator, state):
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    arrays["head.0.bias"][2] = np.nan
    with pytest.raises(UserError, match=r"head\.0\.bias holds values that are not finite"):
        load_state(generator, arrays, "G.pth")


class RunsCode:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_is_not_run(tmp_path, state, legacy):
    mark = tmp_path / "ran"
    path = write(tmp_path / "G.pth", {**state, "evil": RunsCode(str(mark))}, legacy)
    with pytest.raises(UserError, match=r"G\.pth: refused"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(RunsCode(str(mark))))
    with pytest.raises(UserError, match=r"G\.pth: "):
        read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04damaged"])
def test_files_that_are_no_checkpoint(tmp_path, content):
    path = tmp_path / "G.pth"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_checkpoint(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_absent_files_and_other_objects(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(UserError, match="entry 'epoch' is a int"):
        read_checkpoint(write(tmp_path / "a.pth", {"epoch": 3}))


@pytest.mark.slow
def test_full_size_checkpoints_through_the_command_line(tmp_path, capsys):
    from psfr_tf.cli import main

    networks = {
        "G": Generator.from_preset("psfrgan-512", load_weights=False),
        "P": FaceParsingNetwork.from_preset("psfrgan-512", load_weights=False),
        "D": MultiScaleDiscriminator.from_preset("psfrgan-512", load_weights=False),
    }
    states = {name: pytorch_networks.random_state(net) for name, net in networks.items()}
    paths = {k: str(write(tmp_path / f"{k}.pth", states[k], legacy=True)) for k in states}
    options = ["--generator", paths["G"], "--parsing", paths["P"], "--discriminator", paths["D"]]
    argv = ["psfr", "convert", *options, "--output", str(tmp_path / "model")]
    code = main.run(main.parse_arguments(argv))
    assert code == 0
    printed = capsys.readouterr().out
    assert "head.0.weight_orig [1024, 1024, 3, 3] -> " in printed
    assert "221 tensors mapped to the generator network" in printed

    report = json.loads((tmp_path / "model" / "report.json").read_text())
    assert set(report["mapped"]) <= set(printed.splitlines())

    folder = load_model_folder(tmp_path / "model")
    lq, parsing = images(512)
    with torch.no_grad():
        restored = pytorch_networks.generator(
            states["G"], torch.tensor(lq), torch.tensor(parsing)
        ).numpy()
        logits, image = pytorch_networks.parsing_network(states["P"], torch.tensor(lq))
    # As graphs: Keras by itself keeps every activation to the end, 4 GB of them.
    actual = tf.function(folder.generator)([nhwc(lq), nhwc(parsing)])
    assert psnr(actual, nhwc(restored)) > 60
    actual = tf.function(folder.parsing_network)(nhwc(lq))
    for name, expected in (("logits", logits), ("image", image)):
        assert psnr(actual[name], nhwc(expected.numpy())) > 60, name
    discriminator = MultiScaleDiscriminator.from_preset(folder.path)
    kernel = discriminator.patch_discriminators[2].to_score.kernel
    weight = states["D"]["D_pool.2.score_out.conv2d.weight_orig"].numpy()
    np.testing.assert_array_equal(kernel, weight.transpose(2, 3, 1, 0))
