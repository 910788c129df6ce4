"""Degradation, datasets of faces, and drawn toy faces.

What pipelines of your own need is exported here, and loaded on first use.
"""

import importlib

_ATTRIBUTES = {
    "Degradation": "psfr_tf.data.degradation",
    "FaceFolder": "psfr_tf.data.datasets",
    "FaceRecords": "psfr_tf.data.datasets",
    "denormalize": "psfr_tf.pictures",
    "draw_face": "psfr_tf.data.toy_faces",
    "evaluation_pairs": "psfr_tf.data.datasets",
    "normalize": "psfr_tf.pictures",
    "random_augmentation": "psfr_tf.data.augmentation",
    "random_flip": "psfr_tf.data.augmentation",
    "read_mask": "psfr_tf.data.parsing_map",
    "read_split": "psfr_tf.data.datasets",
    "split_by_name": "psfr_tf.data.datasets",
    "training_dataset": "psfr_tf.data.datasets",
}

__all__ = list(_ATTRIBUTES)


def __getattr__(name: str):
    if name in _ATTRIBUTES:
        return getattr(importlib.import_module(_ATTRIBUTES[name]), name)
    raise AttributeError(f"module 'psfr_tf.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
