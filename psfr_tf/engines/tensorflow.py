"""The Keras networks in one TensorFlow graph."""

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.models.face_parsing import one_hot_from_logits


class TensorFlowEngine:
    """Face parsing network, one-hot and generator as one `tf.function`.

    Args:
        generator: `psfr_tf.models.Generator`.
        parsing_network: `psfr_tf.models.FaceParsingNetwork` of the same image size.
    """

    name = "tensorflow"

    def __init__(self, generator: keras.Model, parsing_network: keras.Model) -> None:
        if generator.image_size != parsing_network.image_size:
            raise ValueError(
                "Generator and face parsing network must have one image size. Received: "
                f"{generator.image_size} and {parsing_network.image_size}"
            )
        self.size = generator.image_size
        face = tf.TensorSpec([None, self.size, self.size, 3], tf.float32)

        @tf.function(input_signature=[face], autograph=False)
        def restore(lq):
            logits = parsing_network(lq, training=False)["logits"]
            restored = generator([lq, one_hot_from_logits(logits)], training=False)
            restored = tf.clip_by_value(tf.cast(restored, tf.float32), -1.0, 1.0)
            return restored, tf.cast(tf.argmax(logits, axis=-1), tf.uint8)

        self._restore = restore

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`."""
        restored, labels = self._restore(tf.constant(lq, tf.float32))
        return restored.numpy(), labels.numpy()
