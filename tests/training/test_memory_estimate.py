"""The estimate of a step's memory."""

import tensorflow as tf

from psfr_tf.models import FaceParsingNetwork
from psfr_tf.training.adam import Adam
from psfr_tf.training.face_parsing import FaceParsingTrainer
from psfr_tf.training.memory_estimate import step_bytes, weights_bytes
from psfr_tf.training.trainer import Trainer


def test_weights_are_counted_once():
    network = FaceParsingNetwork.from_preset("psfr-test-64")
    model = FaceParsingTrainer(network, ema_half_life=10)
    model.compile(Adam(1e-3))
    own = 4 * network.count_params()
    trained = 4 * sum(weight.numpy().size for weight in network.trainable_weights)
    # The network, its average, two moments of each trained weight, and the step count.
    assert 0 <= weights_bytes(model) - (2 * own + 2 * trained) < 100


def test_tensors_count_while_they_are_needed():
    class Squares(Trainer):
        parsing_network = None
        optimizer = None

        def train_step(self, data):
            lq = data["lq"]
            doubled = lq + lq  # 12 bytes a pixel
            both = tf.concat([doubled, doubled], -1)  # 24; doubled is not needed after it
            return {"loss": tf.reduce_sum(both * both)}  # 24; both is needed up to here

    model = Squares(FaceParsingNetwork.from_preset("psfr-test-64"), ema_half_life=0)
    pixels = 2 * 64 * 64
    # At the product: both and its square. lq and doubled are gone; hq and parsing are never read.
    assert step_bytes(model, 64, 2) == pixels * (24 + 24)
