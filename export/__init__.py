"""Artifacts that run outside this project, and what runs them.

`LiteRTEngine` runs an exported `restorer_*.tflite` file. It needs numpy and one of ai-edge-litert,
tflite-runtime and TensorFlow, tried in this order.
"""

from psfr_tf.engines.litert import LiteRTEngine

__all__ = ["LiteRTEngine"]
