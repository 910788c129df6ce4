"""Training: the GAN step, the face parsing trainer, and what runs around them (TensorFlow)."""
