"""Losses of PSFR-GAN (paper section 3.3) in the paper's and the authors' release's form.

Everything here uses ``keras.ops`` only and returns float32 scalars, whatever the dtype of
the network that produced the inputs.
"""

from psfr_tf.losses.adversarial import (
    discriminator_hinge_loss,
    generator_hinge_loss,
    hinge_term,
)
from psfr_tf.losses.perceptual import identity_loss, perceptual_loss
from psfr_tf.losses.reconstruction import chroma_loss, feature_matching_loss, pixel_loss
from psfr_tf.losses.semantic_style import region_gram, semantic_style_loss
from psfr_tf.losses.texture import texture_features, texture_loss

__all__ = [
    "chroma_loss",
    "discriminator_hinge_loss",
    "feature_matching_loss",
    "generator_hinge_loss",
    "hinge_term",
    "identity_loss",
    "perceptual_loss",
    "pixel_loss",
    "region_gram",
    "semantic_style_loss",
    "texture_features",
    "texture_loss",
]
