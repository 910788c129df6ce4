"""The `config.json` of a model folder, checked before a network is built from it.

The folder may come from anywhere, and a number in it decides how much is built. So each value has a
type and a range, and the networks may not have more weights than the folder's files can hold.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from psfr_tf.errors import UserError
from psfr_tf.file_kind import disguise_of

# Wider than any network of the field, narrow enough that building ends.
MAX_IMAGE_SIZE = 4096
MAX_CHANNELS = 8192
MAX_BLOCKS = 128

Side = Annotated[int, Field(ge=1, le=MAX_IMAGE_SIZE)]
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
Subpixel = Annotated[int, Field(ge=1, le=16)]


class _Section(BaseModel):
    # A key that is not known here goes on to the network, which knows its own arguments.
    model_config = ConfigDict(strict=True, extra="allow")


class GeneratorConfig(_Section):
    image_size: Side = 512
    channels: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")], Channels] | None = Field(
        None, min_length=1, max_length=12
    )
    style_hidden: Channels = 64
    spectral_norm: bool = True
    subpixel: Subpixel = 1
    add_input: bool = False
    parsing_input: bool = True
    soft_parsing: bool = False
    noise: bool = False
    light_normalization: bool = False
    damage_gate: bool = False

    def weights(self) -> int:
        """No more than the network has: its largest parts."""
        channels = {int(side): count for side, count in (self.channels or {}).items()}
        if not channels:
            return 0
        smallest, largest = min(channels), max(channels)
        noise = (largest * self.subpixel) ** 2 if self.noise else 0
        styles = 2 * 9 * self.style_hidden  # gamma and beta, for each channel
        blocks = sum(2 * 9 * count * (count + styles // 9) for count in channels.values())
        return smallest**2 * channels[smallest] + blocks + noise


class ParsingConfig(_Section):
    image_size: Side = 512
    encoder_channels: list[Channels] = Field([64], min_length=1, max_length=12)
    num_residual_blocks: Annotated[int, Field(ge=0, le=MAX_BLOCKS)] = 10
    subpixel: Subpixel = 1
    light_normalization: bool = False

    def weights(self) -> int:
        """See `GeneratorConfig.weights`."""
        body = 2 * 9 * self.encoder_channels[-1] ** 2 * self.num_residual_blocks
        return body + sum(9 * count**2 for count in self.encoder_channels[1:])


class DiscriminatorConfig(_Section):
    image_size: Side = 512
    channels: list[Channels] = Field([64], min_length=1, max_length=12)
    num_scales: Annotated[int, Field(ge=1, le=8)] = 3

    def weights(self) -> int:
        """See `GeneratorConfig.weights`."""
        pairs = zip(self.channels, self.channels[1:], strict=False)
        return self.num_scales * sum(9 * a * b for a, b in pairs)


class _Networks(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # A folder may hold one network alone, as `Generator.save_to_preset` writes it.
    generator: GeneratorConfig | None = None
    parsing: ParsingConfig | None = None
    discriminator: DiscriminatorConfig | None = None
    generator_faithful: GeneratorConfig | None = None


class Config(BaseModel):
    """The contents of a `config.json`."""

    model_config = ConfigDict(strict=True, extra="allow")

    format_version: Annotated[int, Field(ge=1)]
    size: Side
    networks: _Networks
    own_networks: dict[
        Literal["generator", "parsing", "discriminator", "generator_faithful"], dict[str, Any]
    ] = Field(default_factory=dict, description="Keras' description, of classes not of psfr_tf")
    default_fidelity: Annotated[float, Field(ge=0, le=1)] | None = None
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(
        default_factory=dict, description="SHA-256 of other files of the folder"
    )

    @model_validator(mode="after")
    def _agree(self):
        if self.networks.generator_faithful and self.default_fidelity is None:
            raise ValueError("two operating points need a default_fidelity")
        for name in ("generator", "parsing", "discriminator", "generator_faithful"):
            network = getattr(self.networks, name)
            if network and network.image_size != self.size:
                raise ValueError(
                    f"networks.{name}.image_size is {network.image_size}, the model's size "
                    f"{self.size}"
                )
        return self


_SECTIONS: dict[str, type[BaseModel]] = {
    "generator": GeneratorConfig,
    "parsing": ParsingConfig,
    "discriminator": DiscriminatorConfig,
    "generator_faithful": GeneratorConfig,
}


def known_arguments(name: str) -> set[str]:
    """Arguments that `config.json` knows of a network."""
    return set(_SECTIONS[name].model_fields)


def check_weight_count(arguments: dict[str, Any], name: str, weights: Path) -> None:
    """Whether a file can hold the weights of the network that would be built for it.

    Args:
        arguments: of the network, from `read_config`.
        name: of the network: "generator", "parsing", "discriminator", "generator_faithful".
        weights: its file.

    Raises:
        UserError: the network has more weights than the file has room for.
    """
    try:
        network: Any = _SECTIONS[name].model_validate(arguments)
    except ValidationError as error:
        raise UserError(f"{weights}: {error.errors()[0]['msg']}") from None
    least = 2 * network.weights()  # bytes, in half precision
    if least > weights.stat().st_size:
        disguise = disguise_of(weights)
        if disguise:
            raise UserError(f"{weights}: {disguise}")
        raise UserError(
            f"{weights}: cannot be loaded as the {name} network of "
            f"{weights.with_name('config.json')}: it has {weights.stat().st_size} bytes, and the "
            f"network's weights take at least {least}"
        )
