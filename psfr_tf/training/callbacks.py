"""What happens around the steps of a run: logs, image grids, checkpoints, a clean stop."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.labels import COLORS
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.psfrgan import to_unit


class RunInterrupted(Exception):
    """SIGTERM or SIGINT arrived; the state is saved."""


class Checkpointing(keras.callbacks.Callback):
    """Saves every ``every`` steps and at the end, stops at ``steps``, and on SIGTERM or SIGINT.

    On a signal the step in progress is finished, the state is saved and
    :class:`RunInterrupted` is raised out of ``fit``.
    """

    def __init__(self, state: RunState, every: int, steps: int):
        super().__init__()
        self.state = state
        self.every = every
        self.steps = steps
        self._signal: int | None = None
        self._previous: dict[int, Any] = {}

    def on_train_begin(self, logs=None):
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._remember)

    def on_train_batch_end(self, batch, logs=None):
        step = self.state.step
        if self._signal is not None:
            self.state.save()
            self.restore_signals()
            raise RunInterrupted(
                f"stopped by {signal.Signals(self._signal).name} at step {step}; state saved"
            )
        if step >= self.steps:
            self.model.stop_training = True
        elif step % self.every == 0:
            self.state.save()

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
    """Writes the logs of each epoch to ``stats.jsonl`` and TensorBoard, by global step.

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
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= self.state.step]
            self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def on_epoch_begin(self, epoch, logs=None):
        self._start = (time.perf_counter(), self.state.images_seen)

    def on_test_begin(self, logs=None):
        # Validation is not part of the training speed.
        self._images_per_second = self._speed()

    def on_epoch_end(self, epoch, logs=None):
        speed = self.__dict__.pop("_images_per_second", None) or self._speed()
        values = {name: float(value) for name, value in (logs or {}).items()}
        record = {
            "step": self.state.step,
            "images": self.state.images_seen,
            "images_per_second": round(speed, 3),
            **{name: round(value, 6) for name, value in values.items()},
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        with self.writer.as_default(step=self.state.step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("images_per_second", speed)
        self.writer.flush()

    def _speed(self) -> float:
        begun, images = self._start
        return (self.state.images_seen - images) / max(time.perf_counter() - begun, 1e-9)


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
        from psfr_tf.files import write_png

        grid = self._grid()
        self.directory.mkdir(exist_ok=True)
        write_png(self.directory / f"step_{self.state.step:06d}.png", grid)
        with self.writer.as_default(step=self.state.step):
            tf.summary.image("faces", grid[None])
        self.writer.flush()

    def _grid(self) -> np.ndarray:
        """uint8 [rows * S, 4 * S, 3]."""
        lq = self.batch["lq"]
        parsing, image = self.model.show(lq)
        columns = [to_bytes(lq), COLORS[np.asarray(parsing)], to_bytes(image)]
        columns.append(to_bytes(self.batch["hq"]))
        return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)


def to_bytes(images: Any) -> np.ndarray:
    """[-1, 1] to uint8."""
    return np.round(to_unit(images).numpy() * 255.0).astype("uint8")
