"""What the networks share: presets, model folders, arguments that are checked."""

import os
from pathlib import Path
from typing import Any

import keras

_OF_EVERY_MODEL = ("name", "trainable")


class PresetNetwork(keras.Model):
    """A functional model with `from_preset` and `save_to_preset`.

    A subclass of your own keeps its class in a model folder if it is registered with
    `keras.saving.register_keras_serializable` and its `get_config` has all its arguments.
    """

    def __init__(self, inputs, outputs, **kwargs):
        # Keras' functional model takes any argument and says nothing.
        unknown = [name for name in kwargs if name not in _OF_EVERY_MODEL]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no argument {unknown[0]!r}")
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    def __setattr__(self, name, value):
        # A subclass makes its layers before it calls the constructor above. A module of PyTorch
        # takes none by then; the functional model finds them in its graph.
        if keras.backend.backend() == "torch" and "_modules" not in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @classmethod
    def from_preset(
        cls, name_or_dir: str | os.PathLike, /, load_weights: bool = True, **kwargs: Any
    ):
        """The network of a preset or of a model folder.

        A model with two operating points gives its generator at the default one. A subclass loads
        the weights of the class that it extends; what it adds keeps its initial values.

        Args:
            name_or_dir: a preset ("psfr-mobile-256"), a model folder or a run folder.
            load_weights: False gives random weights of the same sizes.
            **kwargs: of the constructor, in place of the preset's; with `load_weights` only those
                that leave the weights as they are (`name`, `dtype`, or what a subclass adds).

        Raises:
            UserError: no such preset or folder, a preset without weights, or a file is damaged.
            TypeError: unknown argument.
            ValueError: an argument that does not go with the weights.
        """
        from psfr_tf.network_folder import network_from_preset

        return network_from_preset(cls, name_or_dir, load_weights, kwargs)

    def save_to_preset(self, directory: str | os.PathLike) -> Path:
        """Write the network to a model folder, beside those that are there already.

        A model to restore with needs a `Generator` and a `FaceParsingNetwork` in one folder;
        `PSFRGAN.save_to_preset` writes both.

        Returns:
            The folder.

        Raises:
            UserError: the folder holds a model of another image size or a LiteRT file, or cannot be
                written.
            ValueError: a class that Keras cannot load again.
        """
        from psfr_tf.network_folder import save_network

        return save_network(self, directory)
