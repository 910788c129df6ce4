"""Keras' backend: layers, models and losses run on any, the rest of the package on TensorFlow."""

import os

from psfr_tf.errors import UserError

NEEDED = "tensorflow"


def need_tensorflow(what: str) -> None:
    """Refuse another backend of Keras.

    Args:
        what: needs TensorFlow, for the message.

    Raises:
        UserError: Keras runs on another backend.
    """
    import keras

    _refuse(what, keras.backend.backend())


def need_tensorflow_in_environment(what: str) -> None:
    """As `need_tensorflow`, by the environment alone, without importing Keras."""
    _refuse(what, os.environ.get("KERAS_BACKEND") or NEEDED)


def _refuse(what: str, backend: str) -> None:
    if backend != NEEDED:
        raise UserError(
            f"{what} needs Keras on TensorFlow, and KERAS_BACKEND or Keras' configuration says "
            f"{backend}: set KERAS_BACKEND=tensorflow and start again"
        )
