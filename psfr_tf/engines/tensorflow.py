"""The networks' inference form in one TensorFlow graph."""

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.backend import need_tensorflow
from psfr_tf.engines import checked_faces
from psfr_tf.models.face_parsing import parsing_map
from psfr_tf.models.inference_form import inference_form


def forward(
    generator: keras.Model, parsing_network: keras.Model, soft_parsing: bool, lq: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Faces through both networks, as they were trained or in their inference form.

    Not through `InferenceForm.restorer`: its one-hot suits LiteRT and is not exact.

    Args:
        generator, parsing_network: the networks.
        soft_parsing: whether the generator takes probabilities in place of a one-hot map.
        lq: float32 [B, S, S, 3] RGB in [-1, 1].

    Returns:
        The restored faces [B, S, S, 3], not clipped; the labels, uint8 [B, S, S]; and the map that
        the generator got, [B, S, S, 19].
    """
    logits = parsing_network(lq, training=False)
    if isinstance(logits, dict):  # The trained network draws an image too.
        logits = logits["logits"]
    parsing = parsing_map(logits, soft_parsing)
    restored = generator([lq, parsing], training=False)
    return restored, tf.cast(tf.argmax(logits, axis=-1), tf.uint8), parsing


class TensorFlowEngine:
    """Face parsing network, parsing map and generator as one `tf.function`.

    The networks are rewritten for inference (`psfr_tf.models.inference_form`) when the engine is
    made: their weights are copied then.

    Safe to share by threads: TensorFlow runs the calls at the same time, and the inference form has
    none of the operations that mix them up (docs/serving.md). Each call in progress has activations
    of its own, so the memory grows with the callers; let a pool of threads bound their number.

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
        need_tensorflow("the TensorFlow engine")
        networks = inference_form(generator, parsing_network, precision)
        self.size = networks.size
        face = tf.TensorSpec([None, self.size, self.size, 3], tf.float32)

        @tf.function(input_signature=[face], autograph=False)
        def restore(lq):
            restored, labels, _ = forward(
                networks.generator, networks.parsing_network, networks.soft_parsing, lq
            )
            return tf.clip_by_value(restored, -1.0, 1.0), labels

        self._restore = restore

    def run(self, lq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `psfr_tf.engines`."""
        # Before TensorFlow sees it: a `tf.function` that refuses its input keeps a lock that other
        # threads then wait for (2.21).
        lq = checked_faces(lq, self.size)
        restored, labels = self._restore(tf.constant(lq))
        return restored.numpy(), labels.numpy()
