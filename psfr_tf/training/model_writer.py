"""The weights that a run is for, written beside its checkpoints."""

from pathlib import Path
from typing import Any

import keras

from psfr_tf import files
from psfr_tf.config import TrainConfig
from psfr_tf.machine import describe_machine
from psfr_tf.model_folder import save_model_folder
from psfr_tf.training import fine_tuning
from psfr_tf.training.checkpoints import RunState

PACKAGES = ("tensorflow", "keras", "numpy")  # what the result depends on


class ModelWriter(keras.callbacks.Callback):
    """Writes the averaged weights to a model folder at the end of every epoch.

    A run with ``training.fine_tune`` writes both operating points of the model it began with.

    A run of the face parsing network writes ``parsing.weights.h5`` only: there is no generator
    yet, so the folder is not a model for ``psfr restore``, but ``training.parsing_weights`` of
    the next config reads it.
    """

    def __init__(self, directory: Path, config: TrainConfig, state: RunState):
        super().__init__()
        self.directory = Path(directory)
        self.config = config
        self.state = state
        self._points = fine_tuning.start(config)[1] if config.training.fine_tune else None

    def on_epoch_end(self, epoch, logs=None):
        self.write()

    def write(self) -> Path:
        """Write the folder and return it."""
        if self.config.model == "fpn":
            self.directory.mkdir(exist_ok=True)
            with files.atomic_path(self.directory / "parsing.weights.h5") as temporary:
                self.model.ema_parsing_network.save_weights(temporary, overwrite=True)
            return self.directory
        generator, faithful, point = self.model.ema_generator, None, {}
        if self._points is not None:
            generator, faithful = self._points.ends(generator)
            point = {"default_fidelity": self._points.fidelity}
        return save_model_folder(
            self.directory,
            generator,
            self.model.parsing_network,
            self.model.discriminator,
            preset=self.config.preset,
            provenance=self._provenance(),
            faithful_generator=faithful,
            losses=self.config.losses.model_dump(),
            **point,
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "steps": self.state.step,
            "images": self.state.images_seen,
            "config": self.config.model_dump(),
            "environment": describe_machine(*PACKAGES),
        }
