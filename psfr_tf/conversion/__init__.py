"""Conversion of the authors' PyTorch checkpoints to model folders."""

from psfr_tf.conversion.checkpoint import load_state, read_checkpoint
from psfr_tf.conversion.convert import convert

__all__ = ["convert", "load_state", "read_checkpoint"]
