"""Reading a `.pth` file and putting its tensors into a network."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from psfr_tf.conversion.archive import check_archive
from psfr_tf.conversion.layout import NetworkLayout, network_layout
from psfr_tf.errors import UserError, cause
from psfr_tf.file_kind import disguise_of

PREFIX = "module."  # what torch.nn.DataParallel puts before every name

# Entries that hold the state dict, in the order in which they are taken: the averaged weights,
# which BasicSR (GFPGAN, CodeFormer) and StyleGAN ports keep for inference, first.
WRAPPERS = ("params_ema", "g_ema", "ema", "params", "state_dict", "model")


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
    check_archive(path)
    try:
        import torch
    except ImportError:
        raise UserError("reading .pth files needs PyTorch: pip install 'psfr_tf[torch]'") from None
    if not path.is_file():
        raise UserError(f"{path}: no such file")
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
        raise UserError(f"{path}: not a PyTorch checkpoint ({cause(error)})") from None
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


def load_state(network, state: dict[str, np.ndarray], source: str) -> list[str]:
    """Put every tensor of a checkpoint into `network`. All is checked before anything is assigned.

    Args:
        network: `Generator`, `FaceParsingNetwork` or `MultiScaleDiscriminator`.
        state: from `read_checkpoint`.
        source: file name, for messages.

    Returns:
        One line for each tensor: name, shape and the variable that it went to.

    Raises:
        UserError: if a tensor is missing, unknown, of the wrong shape or not finite. It names all.
    """
    layout = network_layout(network)
    state = _unfold_spectral_norm(state, layout)
    problems = [f"missing tensor {name}" for name in layout.targets if name not in state]
    for name, tensor in state.items():
        target = layout.targets.get(name)
        if name in layout.ignored:
            continue
        if target is None:
            problems.append(f"unknown tensor {name}")
        elif tensor.shape != target.torch_shape:
            problems.append(
                f"tensor {name} has shape {list(tensor.shape)}, not {list(target.torch_shape)}"
            )
        elif not np.isfinite(tensor).all():
            problems.append(f"tensor {name} holds values that are not finite")
    if problems:
        shown = "; ".join(problems[:5])
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise UserError(f"{source}: does not fit the {network.name} network: {shown}{more}")

    lines = []
    for name, target in layout.targets.items():
        target.variable.assign(target.to_keras(state[name].astype(np.float32)))
        lines.append(f"{name} {list(target.torch_shape)} -> {target.variable.path}")
    return lines


def _unfold_spectral_norm(
    state: dict[str, np.ndarray], layout: NetworkLayout
) -> dict[str, np.ndarray]:
    """Give convs that come with a plain `weight` (W / sigma already folded) a raw weight, u and v.

    u and v become the singular vectors of the weight, v scaled so that u^T W v is exactly 1: the
    forward pass then divides by 1, and training can go on from there.
    """
    state = dict(state)
    for prefix in layout.spectral_convs:
        weight = state.get(f"{prefix}.weight")
        if weight is None or f"{prefix}.weight_orig" in state:
            continue
        shape = layout.targets[f"{prefix}.weight_orig"].torch_shape
        if weight.shape != shape or not np.isfinite(weight).all():
            continue  # `load_state` says what is wrong with it
        del state[f"{prefix}.weight"]
        matrix = weight.reshape(weight.shape[0], -1).astype(np.float64)
        # The leading eigenvector of the smaller Gram matrix is much cheaper than an SVD.
        _, vectors = np.linalg.eigh(matrix @ matrix.T)
        u = vectors[:, -1]
        v = matrix.T @ u
        sigma = np.linalg.norm(v)
        v = v / (sigma**2 if sigma else 1.0)
        state[f"{prefix}.weight_orig"] = weight
        state[f"{prefix}.weight_u"] = u.astype(np.float32)
        state[f"{prefix}.weight_v"] = v.astype(np.float32)
    return state
