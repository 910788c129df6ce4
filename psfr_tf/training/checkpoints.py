"""Checkpoints that hold the whole state of a run: networks, average, optimizers, position."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from psfr_tf.errors import UserError, cause

PREFIX = "ckpt-"
PARTS = ("generator", "discriminator", "parsing_network", "optimizer", "d_optimizer")


class RunState:
    """Saves and restores everything that a run needs to continue where it stopped.

    Holds the trained networks with their spectral vectors, the averaged network, the optimizers
    with their step, moments, accumulated gradients and loss scale, the number of images seen, and
    the seed. Every draw of the data pipeline is a function of the last two, so together they are
    the position in the data and the random state.

    TensorFlow writes a checkpoint under temporary names and renames it, and keeps a checksum of
    each tensor.

    Args:
        model: a compiled ``PSFRGAN`` or ``FaceParsingTrainer``.
        directory: where checkpoints are kept, as ``ckpt-STEP.index`` and ``.data-*``.
        keep: number of checkpoints kept.
        seed: of the run; a restored checkpoint brings its own.
        writable: False on workers that leave the files to the chief: ``save`` does nothing there.
    """

    def __init__(
        self,
        model: keras.Model,
        directory: Path,
        keep: int = 2,
        seed: int = 0,
        writable: bool = True,
    ):
        self._seed = tf.Variable(seed, dtype="int64", trainable=False)
        states = {name: getattr(model, name, None) for name in PARTS}
        states["average"] = model.average.network if model.average else None
        parts = {
            name: _variables(state)
            for name, state in states.items()
            if hasattr(state, "variables")  # the parsing network may be a plain function
        }
        self.model = model
        self.directory = Path(directory)
        self.keep = keep
        self.writable = writable
        self._checkpoint = tf.train.Checkpoint(
            images_seen=model.images_seen, seed=self._seed, **parts
        )

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return int(self.model.optimizer.iterations.numpy())

    @property
    def images_seen(self) -> int:
        """Training images drawn, the position in the data."""
        return int(self.model.images_seen.numpy())

    @property
    def seed(self) -> int:
        """Seed of the data pipeline."""
        return int(self._seed.numpy())

    @property
    def variables(self) -> list[tf.Variable]:
        """Everything that a checkpoint holds."""
        found = tf.train.TrackableView(self._checkpoint).descendants()
        return [
            item.value if isinstance(item, keras.Variable) else item
            for item in found
            if isinstance(item, keras.Variable | tf.Variable)
        ]

    def checkpoints(self) -> list[Path]:
        """Paths without suffix, oldest first."""
        steps = [
            int(path.stem.removeprefix(PREFIX))
            for path in self.directory.glob(f"{PREFIX}*.index")
            if path.stem.removeprefix(PREFIX).isdecimal()
        ]
        return [self.directory / f"{PREFIX}{step}" for step in sorted(steps)]

    def save(self) -> Path:
        """Write a checkpoint, delete those beyond ``keep``, and return its path.

        Raises:
            UserError: it cannot be written; the ones before it are kept.
        """
        path = self.directory / f"{PREFIX}{self.step}"
        if not self.writable:
            return path
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._checkpoint.write(str(path))
        except (tf.errors.OpError, OSError) as error:
            self._clean()
            if not path.with_name(f"{path.name}.index").exists():
                _delete(path)
            words = cause(error).split("; ")[-1].strip().lower()  # TensorFlow puts the path first
            raise UserError(
                f"{path}: cannot write the checkpoint ({words}); the one before it is "
                "kept: make room and run the same command again"
            ) from error
        for old in self.checkpoints()[: -self.keep]:
            _delete(old)
        return path

    def restore(self, say: Callable[[str], None] = print) -> Path | None:
        """Load the newest checkpoint that can be read; None if there is none.

        A damaged one is reported through ``say`` and renamed to ``damaged-ckpt-*``.

        Raises:
            UserError: the checkpoint does not fit the model, or all are damaged.
        """
        if self.writable:
            self._clean()
        damaged: list[Path] = []
        for path in reversed(self.checkpoints()):
            try:
                self._checkpoint.read(str(path)).assert_existing_objects_matched()
            except (AssertionError, ValueError) as error:
                raise UserError(
                    f"{path}: the checkpoint does not fit this config ({cause(error)}); "
                    "choose another --output or restore the config that the run was started with"
                ) from error
            except (tf.errors.OpError, IndexError) as error:  # the latter: truncated data
                say(f"warning: {path} is damaged ({cause(error)}); trying the one before it")
                damaged.append(path)
                continue
            for other in damaged:
                _set_aside(other)
            return path
        if damaged:
            raise UserError(
                f"{self.directory}: every checkpoint is damaged; delete this folder to start the "
                "run again"
            )
        return None

    def _clean(self) -> None:
        """Remove what a write that was cut short has left."""
        for path in self.directory.glob(f"{PREFIX}*_temp"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.directory.glob(f"{PREFIX}*.tempstate*"):
            path.unlink(missing_ok=True)


def _variables(state: keras.Model | keras.Optimizer) -> tf.train.Checkpoint:
    """All variables, by their order.

    The objects themselves would not do: TensorFlow does not see layers in the lists of a Keras
    layer, nor the state of an optimizer's loss scaling, and says nothing.
    """
    variables = state.weights if isinstance(state, keras.Model) else state.variables
    return tf.train.Checkpoint(variables=[variable.value for variable in variables])


def _delete(checkpoint: Path) -> None:
    # The index goes first: without it the rest is not taken for a checkpoint.
    for path in sorted(checkpoint.parent.glob(f"{checkpoint.name}.*"), reverse=True):
        path.unlink()


def _set_aside(checkpoint: Path) -> None:
    for path in sorted(checkpoint.parent.glob(f"{checkpoint.name}.*"), reverse=True):
        path.rename(path.with_name(f"damaged-{path.name}"))
