"""What happens around the steps of a run: logs, image grids, checkpoints, a clean stop."""

import json
import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from psfr_tf import files
from psfr_tf.errors import UserError
from psfr_tf.labels import COLORS
from psfr_tf.layers import SpectralNormConv2D
from psfr_tf.pictures import denormalize, to_uint8
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.curves import draw_curves
from psfr_tf.training.stats import read_stats


class RunInterrupted(Exception):
    """SIGTERM or SIGINT arrived; the state is saved."""


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends the run as soon as a term of the loss or the norm of a gradient is NaN or infinite.

    Must come before :class:`Checkpointing`, so that no such state is saved.

    Raises:
        UserError: names the step, the term and the last good checkpoint.
    """

    def __init__(self, state: RunState):
        super().__init__()
        self.state = state

    def on_train_batch_end(self, batch, logs=None):
        bad = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if bad:
            good = self.state.checkpoints()
            raise UserError(
                f"step {self.state.step}: not finite: {', '.join(bad)}; stopped without saving. "
                f"Last good checkpoint: {good[-1] if good else 'none'}. A lower learning rate or "
                "training.clip_norm may help"
            )


class Checkpointing(keras.callbacks.Callback):
    """Saves every ``every`` steps and at the end, stops at ``steps``, and on SIGTERM or SIGINT.

    On a signal the step in progress is finished, the state is saved and
    :class:`RunInterrupted` is raised out of ``fit``. Must come after :class:`RunLog`: at the end of
    an epoch its line is written before the state is saved, so that a run which is killed between
    the two writes it again, and none is lost.

    Args:
        state: of the run.
        every: steps between checkpoints.
        steps: of the run.
        agree: whether any worker of the run has had a signal, from whether this one has; so that
            all of them stop after the same step.
    """

    def __init__(
        self,
        state: RunState,
        every: int,
        steps: int,
        agree: Callable[[bool], bool] = lambda signaled: signaled,
    ):
        super().__init__()
        self.state = state
        self.every = every
        self.steps = steps
        self.agree = agree
        self._saved = state.step
        self._stop = False
        self._signal: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_begin(self, logs=None):
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._remember)

    def on_train_batch_end(self, batch, logs=None):
        self._stop = self.agree(self._signal is not None)
        if self.state.step >= self.steps:
            self.model.stop_training = True
        elif batch + 1 < self.params["steps"]:  # else at the end of the epoch
            self._save_or_stop()

    def on_epoch_end(self, epoch, logs=None):
        self._save_or_stop()

    def _save_or_stop(self) -> None:
        step = self.state.step
        if self._stop:
            self.state.save()
            self.restore_signals()
            name = signal.Signals(self._signal).name if self._signal else "another worker"
            raise RunInterrupted(f"stopped by {name} at step {step}; state saved")
        if step % self.every == 0 and step != self._saved:  # not again while accumulating
            self.state.save()
            self._saved = step

    def on_train_end(self, logs=None):
        self.state.save()
        self.restore_signals()

    def restore_signals(self) -> None:
        """Put the previous signal handlers back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _remember(self, number, frame):
        self._signal = number


class RunLog(keras.callbacks.Callback):
    """Writes the logs of each epoch to ``stats.jsonl``, ``curves.png`` and TensorBoard.

    A resumed run continues the file; lines after the resumed step are dropped first.
    """

    def __init__(self, directory: Path, state: RunState):
        super().__init__()
        self.path = Path(directory) / "stats.jsonl"
        self.state = state
        self.writer = tf.summary.create_file_writer(str(Path(directory) / "tensorboard"))
        self._start = (0.0, 0)

    def on_train_begin(self, logs=None):
        self._start = (time.perf_counter(), self.state.images_seen)
        kept = [record for record in read_stats(self.path) if record["step"] <= self.state.step]
        files.write_text(self.path, "".join(f"{json.dumps(record)}\n" for record in kept))

    def write_start(self, validation: dict[str, float]) -> None:
        """The line of step 0: what the run begins with gives on the validation faces."""
        values = {f"val_{name}": float(f"{value:.6g}") for name, value in validation.items()}
        files.write_text(self.path, json.dumps({"step": 0, "images": 0, **values}) + "\n")

    def on_epoch_begin(self, epoch, logs=None):
        self._start = (time.perf_counter(), self.state.images_seen)

    def on_test_begin(self, logs=None):
        # Validation is not part of the training speed.
        self._images_per_second = self._speed()

    def on_epoch_end(self, epoch, logs=None):
        speed = self.__dict__.pop("_images_per_second", None) or self._speed()
        values = {name: float(value) for name, value in (logs or {}).items()}
        values |= _learning_rates(self.model)
        record = {
            "step": self.state.step,
            "images": self.state.images_seen,
            "images_per_second": round(speed, 3),
            **{name: float(f"{value:.6g}") for name, value in values.items()},
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        draw_curves(self.path, self.path.with_name("curves.png"))
        with self.writer.as_default(step=self.state.step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("images_per_second", speed)
            for name in ("generator", "discriminator"):
                for layer_name, sigma in spectral_norms(getattr(self.model, name, None)).items():
                    tf.summary.scalar(f"sigma/{name}/{layer_name}", sigma)
        self.writer.flush()

    def _speed(self) -> float:
        begun, images = self._start
        return (self.state.images_seen - images) / max(time.perf_counter() - begun, 1e-9)


def _learning_rates(model: keras.Model) -> dict[str, float]:
    rates = {"learning_rate": float(model.optimizer.learning_rate)}
    if getattr(model, "d_optimizer", None) is not None:
        rates["learning_rate_d"] = float(model.d_optimizer.learning_rate)
    return rates


def spectral_norms(network: keras.Model | None) -> dict[str, float]:
    """The spectral norm sigma of each convolution's raw kernel, by the layer's name."""
    layers = network._flatten_layers() if network is not None else ()
    found = [layer for layer in layers if isinstance(layer, SpectralNormConv2D)]
    return {layer.path: float(layer.sigma()) for layer in found}


class ImageGrid(keras.callbacks.Callback):
    """Writes a grid of fixed validation faces each epoch, to a PNG and TensorBoard.

    Columns: LQ, predicted parsing map, the network's image, HQ. One row per face.

    Args:
        directory: the run folder; grids go to ``grids/step_NNNNNN.png``.
        batch: a dict with ``lq`` and ``hq``.
        state: of the run.
        writer: TensorBoard writer.
    """

    def __init__(self, directory: Path, batch: dict[str, Any], state: RunState, writer: Any):
        super().__init__()
        self.directory = Path(directory) / "grids"
        self.batch = batch
        self.state = state
        self.writer = writer

    def on_epoch_end(self, epoch, logs=None):
        grid = self._grid()
        self.directory.mkdir(exist_ok=True)
        files.write_png(self.directory / f"step_{self.state.step:06d}.png", grid)
        with self.writer.as_default(step=self.state.step):
            tf.summary.image("faces", grid[None])
        self.writer.flush()

    def _grid(self) -> np.ndarray:
        """uint8 [rows * S, 4 * S, 3]."""
        lq = self.batch["lq"]
        parsing, image = self.model.show(lq)
        lq, image, hq = (
            to_uint8(denormalize(np.asarray(batch, "float32")))
            for batch in (lq, image, self.batch["hq"])
        )
        columns = [lq, COLORS[np.asarray(parsing)], image, hq]
        return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)
