"""Measures restored faces: metrics per image, means, tables and a contact sheet."""

from psfr_tf.evaluation.evaluate import evaluate
from psfr_tf.evaluation.systems import Sample

__all__ = ["Sample", "evaluate"]
