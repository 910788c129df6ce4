"""The published networks' inference as PyTorch functions of a state dict: for parity and timing.

Written from the paper and from the names in the checkpoints, with the work that these networks do:
the reference is resized in each style transformation, and the parsing network draws its image too.
`random_state` draws a checkpoint of the published layout with any numbers.
"""

import torch
from torch.nn import functional as F


def spectral_conv(state, name, x, padding=1):
    weight = state[f"{name}.weight_orig"]
    u, v = state[f"{name}.weight_u"], state[f"{name}.weight_v"]
    sigma = u @ weight.flatten(1) @ v
    return F.conv2d(x, weight / sigma, state[f"{name}.bias"], padding=padding)


def generator(state, lq, parsing):
    reference = torch.cat([lq, parsing], 1)

    def style(name, x):
        ref = F.interpolate(reference, x.shape[2:], mode="bicubic", align_corners=False)
        hidden = F.leaky_relu(spectral_conv(state, f"{name}.conv1.0", ref), 0.2)
        gamma = spectral_conv(state, f"{name}.gamma_conv", hidden)
        beta = spectral_conv(state, f"{name}.beta_conv", hidden)
        return F.instance_norm(x) * gamma + beta

    def block(name, x):
        y = x
        for part in (0, 1):
            y = F.leaky_relu(style(f"{name}.norm_{part}", y), 0.2)
            y = spectral_conv(state, f"{name}.conv_{part}", y)
        return x + y

    x = state["const_input"].expand(lq.shape[0], -1, -1, -1)
    x = block("head.1", spectral_conv(state, "head.0", x))
    for index in range(sum(name.endswith(".1.bias") for name in state if "body" in name)):
        x = spectral_conv(state, f"body.{index}.1", F.interpolate(x, scale_factor=2))
        x = block(f"body.{index}.2", x)
    return spectral_conv(state, "img_out", x)


def parsing_network(state, lq):
    """Logits [B, 19, S, S] and image [B, 3, S, S]."""

    def conv(name, x, stride=1):
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        weight, bias = state[f"{name}.conv2d.weight"], state.get(f"{name}.conv2d.bias")
        return F.conv2d(x, weight, bias, stride)

    def norm(name, x):
        part = [
            state[f"{name}.norm.norm.{key}"]
            for key in ("running_mean", "running_var", "weight", "bias")
        ]
        return F.batch_norm(x, *part)

    def block(name, x, stride=1, up=False):
        if up:
            x = F.interpolate(x, scale_factor=2)
        y = F.leaky_relu(norm(f"{name}.conv1", conv(f"{name}.conv1", x)), 0.2)
        y = norm(f"{name}.conv2", conv(f"{name}.conv2", y, stride))
        changes_size = stride == 2 or up
        return y + (conv(f"{name}.shortcut_func", x, stride) if changes_size else x)

    def count(part):
        return 1 + max(int(name.split(".")[1]) for name in state if name.startswith(part))

    x = conv("encoder.0", lq)
    for index in range(1, count("encoder")):
        x = block(f"encoder.{index}", x, stride=2)
    skip = x
    for index in range(count("body")):
        x = block(f"body.{index}", x)
    x = x + skip
    for index in range(count("decoder")):
        x = block(f"decoder.{index}", x, up=True)
    return conv("out_mask_conv", x), conv("out_img_conv", x)


def random_state(network, seed=0):
    """A checkpoint of `network`'s published layout: random, but with outputs of ordinary size."""
    from psfr_tf.conversion.layout import network_layout

    targets = network_layout(network)
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, target in targets.items():
        shape = target.torch_shape
        tensor = torch.randn(shape, generator=random)
        if name.endswith(("running_var", "norm.norm.weight")):
            tensor = 1 + 0.1 * tensor.abs()
        elif len(shape) == 4 and name != "const_input":
            tensor = tensor / (shape[1] * shape[2] * shape[3]) ** 0.5
        elif len(shape) == 1:
            tensor = 0.1 * tensor
        state[name] = tensor
    for name in targets:
        prefix, _, kind = name.rpartition(".")
        if kind == "running_mean":
            state[f"{prefix}.num_batches_tracked"] = torch.tensor(7)
        if kind != "weight_orig":
            continue
        matrix = state[name].flatten(1)
        u = F.normalize(torch.randn(matrix.shape[0], generator=random), dim=0)
        for _ in range(3):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
        state[f"{prefix}.weight_u"], state[f"{prefix}.weight_v"] = u, v
    return state
