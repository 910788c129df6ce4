"""Blind face restoration with PSFR-GAN (CVPR 2021) in TensorFlow and Keras 3.

Names are loaded on first use, so that `import psfr_tf` costs no TensorFlow import.
"""

import importlib
import os

from psfr_tf import registration

__version__ = "0.1.0"

_ATTRIBUTES = {
    "FaceRestorer": "psfr_tf.restorer",
    "RestoreResult": "psfr_tf.restore_result",
    "PSFRGAN": "psfr_tf.training.psfrgan",
}
_MODULES = ("data", "layers", "losses", "models")

__all__ = ["PSFRGAN", "FaceRestorer", "RestoreResult", "__version__", *_MODULES]

# In a checkout, export/ and android_bench/ lie beside this folder; setup.py maps them into it. This
# finds them there too for Python that runs in a checkout and takes psfr_tf from its working
# directory, as `python -m` does, while another copy is installed.
if not os.path.isdir(os.path.join(os.path.dirname(__file__), "export")):
    __path__.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

registration.register()


def __getattr__(name: str):
    if name in _ATTRIBUTES:
        return getattr(importlib.import_module(_ATTRIBUTES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"psfr_tf.{name}")
    raise AttributeError(f"module 'psfr_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
