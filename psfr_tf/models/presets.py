"""Named sizes of the networks.

- `psfrgan-512`: the published networks; loads the converted checkpoints of the authors' release.
- `psfr-mobile-256`: ours, for phones. Generator and face parsing network together stay below
  2.0 M parameters and 6 GMAC for one 256x256 face. It works on a space-to-depth grid of half the
  side, its generator adds to LQ, takes soft parsing maps and fixed noise, sees faces in the light
  of the training faces, has a gate that closes where there is nothing to mend, and no spectral
  norm.
- `psfr-mobile-512`: one more scale on the same generator, for faces above 256 px (no weights yet);
  the face parsing network reads and writes blocks of 4x4 pixels, at the cost of the smaller one.
- `psfr-test-64`: the same code at a size for tests.
"""

from typing import Any

_MOBILE_GENERATOR = {
    "style_hidden": 32,
    "spectral_norm": False,
    "subpixel": 2,
    "add_input": True,
    "soft_parsing": True,
    "noise": True,
    "light_normalization": True,
    "damage_gate": True,
}
_MOBILE_PARSING = {
    "encoder_channels": [24, 32, 48, 80],
    "num_residual_blocks": 2,
    "light_normalization": True,
}
# Of configs/psfr_mobile_256_finetune.yaml: no other network is needed.
_MOBILE_LOSSES = {
    "form": "release",
    "pixel": "psnr",
    "pixel_weight": 0.3,
    "texture_weight": 20.0,
    "adversarial_weight": 0.0,
    "style_features": "fpn",
    "style_weight": 0.0,
    "perceptual_weight": 0.3,
}

# By name: `size`, arguments of the networks `generator`, `parsing` and `discriminator`, and, where
# they differ from the paper's, `losses` (section of the training configuration).
PRESETS: dict[str, dict[str, Any]] = {
    "psfrgan-512": {
        "size": 512,
        "generator": {
            "image_size": 512,
            "channels": {16: 1024, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32},
            "style_hidden": 64,
            "spectral_norm": True,
        },
        "parsing": {
            "image_size": 512,
            "encoder_channels": [64, 128, 256, 256, 256],
            "num_residual_blocks": 10,
        },
        "discriminator": {
            "image_size": 512,
            "channels": [64, 128, 256, 512, 1024],
            "num_scales": 3,
        },
    },
    "psfr-mobile-256": {
        "size": 256,
        "generator": {
            "image_size": 256,
            "channels": {16: 112, 32: 96, 64: 64, 128: 48},
            **_MOBILE_GENERATOR,
        },
        "parsing": {"image_size": 256, "subpixel": 2, **_MOBILE_PARSING},
        "discriminator": {"image_size": 256, "channels": [16, 32, 64, 128, 128], "num_scales": 2},
        "losses": _MOBILE_LOSSES,
    },
    "psfr-mobile-512": {
        "size": 512,
        "generator": {
            "image_size": 512,
            "channels": {16: 112, 32: 96, 64: 64, 128: 48, 256: 24},
            **_MOBILE_GENERATOR,
            "noise": False,  # a fifth of the parameters at this size
        },
        "parsing": {"image_size": 512, "subpixel": 4, **_MOBILE_PARSING},
        "discriminator": {"image_size": 512, "channels": [16, 32, 64, 128, 128], "num_scales": 3},
        "losses": _MOBILE_LOSSES,
    },
    "psfr-test-64": {
        "size": 64,
        "generator": {
            "image_size": 64,
            "channels": {16: 16, 32: 16, 64: 8},
            "style_hidden": 8,
            "spectral_norm": True,
        },
        "parsing": {
            "image_size": 64,
            "encoder_channels": [8, 16, 16],
            "num_residual_blocks": 1,
        },
        "discriminator": {"image_size": 64, "channels": [8, 16, 16], "num_scales": 2},
        "losses": {"style_features": "fpn"},
    },
}


def generator_at(name: str, size: int) -> dict:
    """Arguments of the generator of preset `name` for smaller images: its largest scales are left
    out, as the authors' release does when it trains at 256.

    Raises:
        ValueError: if the preset has no such scale.
    """
    arguments = PRESETS[name]["generator"]
    largest = size // arguments.get("subpixel", 1)
    if largest not in arguments["channels"]:
        raise ValueError(f"preset {name!r} has no scale for images of {size} px")
    channels = {side: count for side, count in arguments["channels"].items() if side <= largest}
    return {**arguments, "image_size": size, "channels": channels}
