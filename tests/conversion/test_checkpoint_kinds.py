"""State dicts as other projects and people save them."""

import numpy as np
import pytest

from psfr_tf.conversion import load_state, read_checkpoint
from psfr_tf.errors import UserError
from psfr_tf.models import Generator

torch = pytest.importorskip("torch", reason="reading .pth files needs the [torch] extra")

import pytorch_networks  # noqa: E402


@pytest.fixture
def path(tmp_path):
    return tmp_path / "G.pth"


def test_half_precision_and_parameters_convert(path):
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    state = pytorch_networks.random_state(generator)
    for change in (
        torch.nn.Parameter,
        lambda value: value.to(torch.bfloat16),
        lambda value: torch.nn.Parameter(value.to(torch.float16)),
    ):
        torch.save({name: change(value) for name, value in state.items()}, path)
        read = read_checkpoint(path)
        assert len(load_state(generator, read, "G.pth")) == len(read)
        for name, value in state.items():
            np.testing.assert_allclose(read[name], value.numpy(), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda good, other: {"params_ema": good, "params": other},
        lambda good, other: {"params": good},
        lambda good, other: {"iter": 3, "g_ema": good, "g": other},
        lambda good, other: {"epoch": 1, "state_dict": {f"module.{k}": v for k, v in good.items()}},
    ],
)
def test_wrappers_are_opened(path, wrapped):
    torch.save(wrapped({"a": torch.ones(2)}, {"a": torch.zeros(2)}), path)
    np.testing.assert_array_equal(read_checkpoint(path)["a"], [1, 1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.ones(3, device="meta"),
        lambda: torch.ones(1).expand(10**9),
        lambda: torch.ones(2, dtype=torch.complex64),
    ],
    ids=["sparse", "meta", "stride 0", "complex"],
)
def test_tensors_that_are_not_read_are_named(path, make):
    torch.save({"a.weight": make()}, path)
    with pytest.raises(UserError, match=r"G\.pth: tensor a\.weight "):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content, what",
    [
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "a Git LFS pointer"),
        (b'{"error": "Not found"}', "JSON text"),
    ],
)
def test_what_is_saved_in_its_place_is_named(path, content, what):
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"G\.pth: {what}"):
        read_checkpoint(path)


def test_the_same_for_our_own_weights(tmp_path):
    from psfr_tf.model_folder import load_model_folder, save_model_folder
    from psfr_tf.models import FaceParsingNetwork

    networks = [
        cls.from_preset("psfr-test-64", load_weights=False)
        for cls in (Generator, FaceParsingNetwork)
    ]
    folder = save_model_folder(tmp_path / "model", *networks)
    (folder / "parsing.weights.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=r"parsing\.weights\.h5: a Git LFS pointer"):
        load_model_folder(folder)
