"""Training: the GAN step, the face parsing trainer, and what runs around them (TensorFlow)."""

from psfr_tf.backend import need_tensorflow

need_tensorflow("training")
