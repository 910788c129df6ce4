"""Checkpoints that hold the whole state of a run: networks, average, optimizers, position."""

from pathlib import Path

import keras
import tensorflow as tf

from psfr_tf.errors import UserError


class RunState:
    """Saves and restores everything that a run needs to continue where it stopped.

    Holds the trained networks, the averaged network, the optimizers with their step, and the
    number of images seen, from which the data pipeline continues.

    Args:
        model: a compiled ``PSFRGAN`` or ``FaceParsingTrainer``.
        directory: where checkpoints are kept.
        keep: number of checkpoints kept.
    """

    def __init__(self, model: keras.Model, directory: Path, keep: int = 2):
        parts = {"optimizer": model.optimizer, "images_seen": model.images_seen}
        for name in ("generator", "discriminator", "d_optimizer", "parsing_network"):
            part = getattr(model, name, None)
            if part is not None:
                parts[name] = part
        if model.average is not None:
            parts["average"] = model.average.network
        self.model = model
        self.directory = Path(directory)
        self._checkpoint = tf.train.Checkpoint(**parts)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(directory), max_to_keep=keep
        )

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return int(self.model.optimizer.iterations)

    @property
    def images_seen(self) -> int:
        """Training images drawn, the position in the data."""
        return int(self.model.images_seen)

    def save(self) -> str:
        """Write a checkpoint and return its path; one per step at most."""
        return self._manager.save(checkpoint_number=self.step)

    def restore(self) -> str | None:
        """Load the newest checkpoint; None if there is none.

        Raises:
            UserError: the checkpoint does not fit the model.
        """
        latest = self._manager.latest_checkpoint
        if latest is None:
            return None
        try:
            self._checkpoint.restore(latest).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"{latest}: the checkpoint does not fit this config ({reason}); choose another "
                "--output or restore the config that the run was started with"
            ) from error
        return latest
