"""Kinds of `tools/fuzz.py`: what a model comes in."""

import contextlib
import json
import os
import resource
import signal
import tempfile
import time

import numpy as np
from fuzz_kind import Kind
from fuzz_mutations import mutated_text, mutated_values


class ModelConfig(Kind):
    """`config.json` of a model folder: values out of range and of other types, damaged text."""

    name = "config.json"

    def make(self):
        from psfr_tf.model_folder import SHIPPED_WEIGHTS
        from psfr_tf.models.presets import PRESETS

        small = {"format_version": 1, "size": 64, "provenance": {}}
        parts = ("generator", "parsing", "discriminator")
        small["networks"] = {part: PRESETS["psfr-test-64"][part] for part in parts}
        for part in parts:
            (self.folder / f"{part}.weights.h5").write_bytes(bytes(400_000))
        self.built = 0
        shipped = (SHIPPED_WEIGHTS / "psfr-mobile-256/config.json").read_bytes()
        return [json.dumps(small).encode(), shipped]

    def case(self, rng):
        good = self.good[rng.integers(len(self.good))]
        if rng.random() < 0.25:
            return mutated_text(rng, good)
        return json.dumps(mutated_values(rng, json.loads(good))).encode()

    def check(self):
        from psfr_tf import model_config, model_folder

        config = model_folder.read_config(self.folder)
        names = ("generator", "parsing")
        for name in names:
            weights = self.folder / f"{name}.weights.h5"
            model_config.check_weight_count(config["networks"][name], name, weights)
        self.built += 1
        if self.built % 10 == 1:  # Building takes a second; the files here hold no weights.
            model_folder.load_model_folder(self.folder)


class WeightsFile(Kind):
    """A Keras weights file: bytes spoiled, cut off, values that are not finite."""

    name = "generator.weights.h5"

    def make(self):
        import keras

        from psfr_tf.layers import SpectralNormConv2D

        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()])
        layers = [keras.Input([8, 8, 3]), SpectralNormConv2D(4, 3), inner]
        self.network = keras.Sequential(layers)
        self.network.save_weights(self.path)
        return [self.path.read_bytes()]

    def check(self):
        from psfr_tf.weights_file import load_weights

        load_weights(self.network, self.path, "the generator")
        for weight in self.network.get_weights():
            assert np.isfinite(weight).all()


class LiteRTFile(Kind):
    """A LiteRT file: each is opened and run in a process of its own, as by `psfr_tf.engines.probe`,
    but one that is forked: it takes hundredths of a second, not one."""

    name = "m.tflite"
    seconds = 10.0

    def make(self):
        in_child(lambda: write_small_litert(self.path), 120)  # TensorFlow has threads
        from psfr_tf.android_bench import model_file  # noqa: F401  what the children need

        return [self.path.read_bytes()]

    def check(self):
        from psfr_tf.android_bench.model_file import _described
        from psfr_tf.engines import probe
        from psfr_tf.errors import UserError

        code, errors = in_child(lambda: probe.main(str(self.path), True), self.seconds)
        if code is None:
            raise UserError(f"{self.path}: no end after {self.seconds} s")
        probe.judge(self.path, code, errors)

        def describe():  # In our own process; `read_model_file` takes exceptions.
            with contextlib.suppress(Exception):
                _described(self.path, self.path.read_bytes())
            return 0

        code, errors = in_child(describe, self.seconds)
        assert code == 0, f"let through, then {code}: {errors}"


def write_small_litert(path) -> int:
    """Write a network of the operations that ours have; returns 0."""
    import tensorflow as tf

    def function(x):
        x = tf.nn.conv2d(x, tf.ones([3, 3, 3, 8]), 1, "SAME")
        x = tf.nn.depth_to_space(tf.nn.leaky_relu(x), 2)
        return {"y": tf.reduce_mean(tf.concat([x, x], -1), [1, 2])}

    spec = tf.TensorSpec([1, 8, 8, 3], tf.float32)
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    return 0


def in_child(function, seconds: float) -> tuple[int | None, str]:
    """Call a function in a forked process.

    Args:
        seconds: of the CPU; ten times as long in all.

    Returns:
        What it returned as exit code, or minus the signal that ended it, or None if it did not end
        in time; and the end of what it wrote to stderr.
    """
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            code = 99
            try:
                os.dup2(errors.fileno(), 2)
                os.dup2(errors.fileno(), 1)
                resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
                code = function()
            finally:
                os._exit(code)
        deadline, ended = time.monotonic() + 10 * seconds, 0
        while not ended and time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0 if ended else 0.002)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        errors.seek(0)
        text = errors.read()[-2000:].decode("utf-8", "replace")
        return os.waitstatus_to_exitcode(status) if ended else None, text


class Checkpoint(Kind):
    """A PyTorch checkpoint of the small generator: bytes spoiled, tensors of other kinds."""

    name = "generator.pth"

    def make(self):
        import torch

        from psfr_tf.conversion.layout import network_layout
        from psfr_tf.models import Generator

        self.network = Generator(16, {8: 4, 16: 2}, style_hidden=2)
        targets = network_layout(self.network)
        rng = np.random.default_rng(0)
        state = {
            name: torch.tensor(rng.normal(size=target.torch_shape).astype(np.float32))
            for name, target in targets.items()
        }
        plain = {name.replace("weight_orig", "weight"): value for name, value in state.items()}
        made = []
        for values in (state, plain, {"params": state, "step": 3}):
            torch.save(values, self.path)
            made.append(self.path.read_bytes())
        self.state = state
        return made

    def case(self, rng):
        if rng.random() < 0.5:
            return super().case(rng)
        import io

        import torch

        state = dict(self.state)
        for _ in range(2 ** int(rng.integers(3))):
            name = list(state)[rng.integers(len(state))]
            value = self.state[name]
            others = (
                *(value.bfloat16(), torch.nn.Parameter(value), value.to_sparse(), value.double()),
                *(
                    torch.zeros(()),
                    torch.zeros(0),
                    torch.zeros(1).expand(10**6, 10**6),
                    value * np.nan,
                ),
                *(
                    value.flatten(),
                    value.to("meta"),
                    value.to(torch.int64),
                    3,
                    "text",
                    None,
                    [value],
                ),
                *(torch.complex(value.float(), value.float()), {"a": value}, value > 0),
            )
            state[name] = others[rng.integers(len(others))]
        file = io.BytesIO()
        torch.save(state, file)
        return file.getvalue()

    def check(self):
        from psfr_tf.conversion.checkpoint import load_state, read_checkpoint

        load_state(self.network, read_checkpoint(self.path), "generator.pth")
