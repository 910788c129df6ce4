"""stats.jsonl has each step once, however often a run ends."""

import json
import os
import signal

import keras
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.training import run
from psfr_tf.training.callbacks import Checkpointing, RunInterrupted


class Killed(BaseException):
    """Leaves as a SIGKILL does: nothing more is written."""


class OneWeight(keras.Model):
    """In place of the networks: takes a step for each batch."""

    average = None

    def __init__(self):
        super().__init__()
        zeros = {"shape": (), "initializer": "zeros"}
        self.images_seen = self.add_weight(**zeros, dtype="int64", trainable=False)
        self.weight = self.add_weight(**zeros)
        self.built = True
        self.compile(keras.optimizers.SGD(0.1))

    def train_step(self, batch):
        self.images_seen.assign_add(tf.shape(batch, "int64")[0])
        self.optimizer.apply([tf.reduce_mean(batch)], [self.weight])
        return {"loss": tf.reduce_mean(batch)}


class NoExport(keras.callbacks.Callback):
    """In place of `ModelWriter`."""

    def __init__(self, directory, config, state):
        super().__init__()
        self.directory = directory

    def write(self):
        return self.directory


def test_stats_have_the_same_steps_however_often_a_run_ends(write_config, tmp_path, monkeypatch):
    path = write_config(model="fpn", training={"parsing_weights": None}, data={"val_images": 0})
    config = load_config(path, ["training.steps=7", "checkpoint.every=1"])
    seen, starts = set(), []

    class Ends(Checkpointing):
        """SIGTERM in step 2, the end of an epoch, and in step 3; a kill between the line of step 4
        and its checkpoint, and after the checkpoint of step 5, in the middle of an epoch."""

        def on_train_batch_end(self, batch, logs=None):
            if self._first(2) or self._first(3):
                os.kill(os.getpid(), signal.SIGTERM)
            super().on_train_batch_end(batch, logs)
            if self._first(5):
                raise Killed

        def on_epoch_end(self, epoch, logs=None):
            if self._first(4):
                raise Killed
            super().on_epoch_end(epoch, logs)

        def _first(self, step):
            first = self.state.step == step and step not in seen
            seen.update({step} if first else ())
            return first

    def stream(*_, start_index, **__):
        starts.append(start_index)
        return (
            tf.data.Dataset.range(start_index, 2**40).map(lambda i: tf.cast(i, "float32")).batch(2)
        )

    monkeypatch.setattr(run, "Checkpointing", Ends)
    monkeypatch.setattr(run, "ModelWriter", NoExport)
    monkeypatch.setattr(run, "build_model", lambda config: OneWeight())
    monkeypatch.setattr(run, "training_dataset", stream)
    monkeypatch.setattr("psfr_tf.training.callbacks.draw_curves", lambda *_: None)
    ended = []
    while ended[-1:] != ["finished"]:
        try:
            run.train(config, tmp_path / "run", print)
            ended.append("finished")
        except (RunInterrupted, Killed) as end:
            ended.append(type(end).__name__)
    assert ended == ["RunInterrupted", "RunInterrupted", "Killed", "Killed", "finished"]
    assert starts == [0, 4, 6, 6, 8, 10, 12]
    lines = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [(record["step"], record["images"]) for record in records] == [
        *((2, 4), (4, 8), (6, 12)),
        (7, 14),
    ]
