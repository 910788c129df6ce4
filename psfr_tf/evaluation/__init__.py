"""Measures restored faces: metrics per image, means, tables and a contact sheet."""

from psfr_tf.evaluation.evaluate import evaluate
from psfr_tf.evaluation.samples import Sample, SampleSource

__all__ = ["Sample", "SampleSource", "evaluate"]
