"""PyTorch's `.pth` files, which may be from anywhere: tensors by name, and nothing is run."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.file_kind import disguise_of

PREFIX = "module."  # what torch.nn.DataParallel puts before every name

# Entries that hold the state dict, in the order in which they are taken: the averaged weights,
# which BasicSR (GFPGAN, CodeFormer) and StyleGAN ports keep for inference, first.
WRAPPERS = ("params_ema", "g_ema", "ema", "params", "state_dict", "model")

# PyTorch stores without compression.
_MAX_GROWTH = 2
_SLACK_BYTES = 2**24


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """Read a state dict, in PyTorch's zip format or the older one, without running pickled code.

    A state dict inside one of `WRAPPERS` is taken out. Parameters are read as tensors, and half
    precision (float16, bfloat16) as float32.

    Args:
        path: a `.pth` file.

    Returns:
        dict from tensor name, without a `module.` prefix, to array.

    Raises:
        UserError: if torch is not installed, or the file is absent, damaged, or holds anything
            but tensors by name.
    """
    path = Path(path)
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path}: reading .pth files needs PyTorch: pip install 'psfr_tf[torch]'"
        ) from None
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    check_archive(path)
    what = disguise_of(path)
    if what:
        raise UserError(f"{path}: {what}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: refused, it holds more than tensors (or is damaged); psfr_tf never runs "
            "code from a checkpoint"
        ) from None
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        # What it says of its own arguments helps nobody here.
        why = "" if "weights_only" in reason else f" ({reason})"
        raise UserError(f"{path}: not a PyTorch checkpoint that can be read{why}") from None
    state = _unwrapped(state)
    if not isinstance(state, dict) or not state:
        raise UserError(f"{path}: holds no tensors by name, but a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise UserError(
                f"{path}: entry {name!r} is a {type(value).__name__}, not a tensor; "
                f"a state dict is expected, or one inside {', '.join(WRAPPERS)}"
            )
    return {
        name.removeprefix(PREFIX): _to_numpy(value, name, path) for name, value in state.items()
    }


def _unwrapped(state: Any) -> Any:
    """The state dict inside a checkpoint that keeps it beside others."""
    while isinstance(state, dict):
        inside = next((name for name in WRAPPERS if isinstance(state.get(name), dict)), None)
        if inside is None:
            break
        state = state[inside]
    return state


def _to_numpy(tensor, name: str, path: Path) -> np.ndarray:
    """The values of a tensor; NumPy has no bfloat16."""
    import torch

    tensor = tensor.detach()
    known = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not known or tensor.is_quantized or tensor.is_complex():
        kind = f"{tensor.layout}".removeprefix("torch.") if tensor.layout != torch.strided else ""
        kind = kind or ("meta" if tensor.device.type == "meta" else f"{tensor.dtype}")
        raise UserError(f"{path}: tensor {name} is of a kind that is not read ({kind})")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UserError(f"{path}: tensor {name} has more elements than the file has values")
    return tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()


def check_archive(path: Path) -> None:
    """Refuse an archive whose contents are far larger than the file, before it is unpacked.

    A file that is no archive, or not there, is left to its reader.

    Raises:
        UserError: it is one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return
    if size > _MAX_GROWTH * path.stat().st_size + _SLACK_BYTES:
        raise UserError(
            f"{path}: refused, its {path.stat().st_size} bytes unpack to {size}; networks "
            "are not compressed"
        )
