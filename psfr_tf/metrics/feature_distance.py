"""Distances on pretrained networks that a user gives as Keras files."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from psfr_tf.losses.perceptual import perceptual_loss
from psfr_tf.metrics.metric import ImageMetric
from psfr_tf.models.pretrained import load_descriptor, load_features
from psfr_tf.pictures import normalize

IDENTITY_FILE = "face_recognition.keras"
FEATURES_FILE = "features_inception_v3.keras"
# Of InceptionV3; deeper than what the training losses see (docs/metrics.md).
LAYERS = ("mixed3", "mixed4")


class IdentityDistance(ImageMetric):
    """Euclidean distance of the face descriptors of a picture and of its reference.

    Both are cut at the same place of the FFHQ-aligned picture, so the value does not depend on a
    detector. With dlib's network: two pictures of one person in one session 0.2, different people
    0.8 (0.5 and more).

    Args:
        file: Keras network of square chips, float32 RGB in 0..255, to descriptors [B, D].

    Raises:
        UserError: if the file is missing or of another interface.
    """

    name, label = "identity_distance", "Identity distance"
    source = "King, Dlib-ml, JMLR 2009 (descriptors of the network given)"

    def __init__(self, file: Path):
        self._describe = load_descriptor(file)

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        descriptors = ops.convert_to_numpy(self._describe(_batch([reference, *images])))
        distances = np.linalg.norm(descriptors[1:].astype(np.float64) - descriptors[0], axis=-1)
        return distances.tolist()


class PerceptualDistance(ImageMetric):
    """Squared distance of feature vectors of length 1, mean over pixels and layers.

    As `psfr_tf.losses.perceptual.perceptual_loss`. A model that was trained on the same layers has
    an advantage here that a viewer does not see: measure on others.

    Args:
        file: Keras network of pictures of any size, float32 RGB in 0..255.
        layers: names of its layers to compare.

    Raises:
        UserError: if the file is missing or has no such layer.
    """

    name, label = "perceptual_distance", "Perceptual distance"
    minimum_side = 75  # InceptionV3's
    source = (
        "Zhang et al., CVPR 2018, eq. 1 without learned weights (features of the network given)"
    )

    def __init__(self, file: Path, layers: Sequence[str] = LAYERS):
        self._features = load_features(file, layers, "networks.perceptual_layers")

    def _compare(self, images: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
        maps = keras.tree.flatten(self._features(_batch([reference, *images])))  # one comes bare
        expected = [each[:1] for each in maps]
        return [
            float(perceptual_loss([each[k : k + 1] for each in maps], expected))
            for k in range(1, len(images) + 1)
        ]


def _batch(pictures: Sequence[np.ndarray]) -> np.ndarray:
    return normalize(np.stack(pictures))
