"""The networks of PSFR-GAN and their presets."""

from psfr_tf.models.discriminator import MultiScaleDiscriminator
from psfr_tf.models.face_parsing import FaceParsingNetwork
from psfr_tf.models.generator import Generator
from psfr_tf.models.presets import PRESETS

__all__ = ["PRESETS", "FaceParsingNetwork", "Generator", "MultiScaleDiscriminator"]
