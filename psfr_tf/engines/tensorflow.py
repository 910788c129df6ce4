"""The networks' inference form in one TensorFlow graph."""

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.models.inference_form import inference_form


class TensorFlowEngine:
    """Face parsing network, parsing map and generator as one `tf.function`.

    The networks are rewritten for inference (`psfr_tf.models.inference_form`) when the engine is
    made: their weights are copied then.

    Args:
        generator: `psfr_tf.models.Generator`.
        parsing_network: `psfr_tf.models.FaceParsingNetwork` of the same image size.
        precision: "float32" or "bfloat16", see `inference_form`.
    """

    name = "tensorflow"

    def __init__(
        self,
        generator: keras.Model,
        parsing_network: keras.Model,
        precision: str = "float32",
    ) -> None:
        networks = inference_form(generator, parsing_network, precision)
        self.size = generator.image_size
        face = tf.TensorSpec([None, self.size, self.size, 3], tf.float32)

        @tf.function(input_signature=[face], autograph=False)
        def restore(lq):
            logits = networks.parsing_network(lq, training=False)
            # Not `networks.restorer`: its one-hot suits LiteRT and is not exact.
            parsing = parsing_map(logits, networks.soft_parsing)
            restored = networks.generator([lq, parsing], training=False)
            labels = tf.cast(tf.argmax(logits, axis=-1), tf.uint8)
            return tf.clip_by_value(restored, -1.0, 1.0), labels

        self._restore = restore

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`."""
        restored, labels = self._restore(tf.constant(lq, tf.float32))
        return restored.numpy(), labels.numpy()
