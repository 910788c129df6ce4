"""Putting the tensors of a `.pth` file into a network."""

import numpy as np

from psfr_tf.conversion.layout import Target, network_layout
from psfr_tf.errors import UserError
from psfr_tf.torch_file import read_checkpoint

__all__ = ["load_state", "read_checkpoint"]


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
    targets = network_layout(network)
    state = _unfold_spectral_norm(state, targets)
    problems = [f"missing tensor {name}" for name in targets if name not in state]
    for name, tensor in state.items():
        target = targets.get(name)
        if name.endswith(".num_batches_tracked"):
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
    for name, target in targets.items():
        target.variable.assign(target.to_keras(state[name].astype(np.float32)))
        lines.append(f"{name} {list(target.torch_shape)} -> {target.variable.path}")
    return lines


def _unfold_spectral_norm(
    state: dict[str, np.ndarray], targets: dict[str, Target]
) -> dict[str, np.ndarray]:
    """Give convs that come with a plain `weight` (W / sigma already folded) a raw weight, u and v.

    u and v become the singular vectors of the weight, v scaled so that u^T W v is exactly 1: the
    forward pass then divides by 1, and training can go on from there.
    """
    state = dict(state)
    for name, target in targets.items():
        prefix, _, kind = name.rpartition(".")
        weight = state.get(f"{prefix}.weight")
        if kind != "weight_orig" or weight is None or name in state:
            continue
        if weight.shape != target.torch_shape or not np.isfinite(weight).all():
            continue  # `load_state` says what is wrong with it
        del state[f"{prefix}.weight"]
        matrix = weight.reshape(weight.shape[0], -1).astype(np.float64)
        # The leading eigenvector of the smaller Gram matrix is much cheaper than an SVD.
        _, vectors = np.linalg.eigh(matrix @ matrix.T)
        u = vectors[:, -1]
        v = matrix.T @ u
        sigma = np.linalg.norm(v)
        v = v / (sigma**2 if sigma else 1.0)
        state[name] = weight
        state[f"{prefix}.weight_u"] = u.astype(np.float32)
        state[f"{prefix}.weight_v"] = v.astype(np.float32)
    return state
