"""What `tools/fuzz.py` mutates: for each kind of file good ones, a way to spoil them, a reader."""

import json
from pathlib import Path

import numpy as np
from fuzz_mutations import mutated_bytes, mutated_text, mutated_values


class Kind:
    """Good inputs of a kind, and its reader.

    `case` draws an input from a generator of random numbers; `read` gives it to psfr_tf, which may
    return anything or raise `UserError`.
    """

    name = "input"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / self.name
        self.good = self.make()

    def make(self) -> list[bytes]:
        raise NotImplementedError

    def case(self, rng: np.random.Generator) -> bytes:
        return mutated_bytes(rng, self.good[rng.integers(len(self.good))])

    def read(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.check()

    def check(self) -> None:
        raise NotImplementedError


class ModelConfig(Kind):
    """`config.json` of a model folder: values out of range and of other types, damaged text."""

    name = "config.json"

    def make(self):
        from psfr_tf.model_folder import SHIPPED_WEIGHTS
        from psfr_tf.models.presets import preset

        small = {"format_version": 1, "size": 64, "provenance": {}}
        small["networks"] = {
            part: preset("psfr-test-64")[part] for part in ("generator", "parsing", "discriminator")
        }
        for part in ("generator", "parsing", "discriminator"):
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

        config = model_config.read_config(self.folder)
        names = ("generator", "parsing")
        for name in names:
            weights = self.folder / f"{name}.weights.h5"
            model_config.check_weight_count(config["networks"][name], name, weights)
        self.built += 1
        if self.built % 10 == 1:  # Building takes a second; the files here hold no weights.
            model_folder.load_model_folder(self.folder)


class WeightsFile(Kind):
    """A Keras weights file: bytes spoilt, cut off, values that are not finite."""

    name = "generator.weights.h5"

    def make(self):
        from psfr_tf.models import Generator

        self.network = Generator(16, {8: 4, 16: 2}, style_hidden=2)
        self.network.save_weights(self.path)
        return [self.path.read_bytes()]

    def check(self):
        from psfr_tf.weights_file import load_weights

        load_weights(self.network, self.path, "the generator")
        for weight in self.network.get_weights():
            assert np.isfinite(weight).all()


class LiteRTFile(Kind):
    """A LiteRT file: each is opened in a process of its own, so this takes a second a case."""

    name = "m.tflite"

    def make(self):
        import tensorflow as tf

        def function(x):
            x = tf.nn.conv2d(x, tf.ones([3, 3, 3, 8]), 1, "SAME")
            x = tf.nn.depth_to_space(tf.nn.leaky_relu(x), 2)
            return {"y": tf.reduce_mean(tf.concat([x, x], -1), [1, 2])}

        spec = tf.TensorSpec([1, 8, 8, 3], tf.float32)
        concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
        return [tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()]

    def check(self):
        from psfr_tf.android_bench.model_file import read_model_file
        from psfr_tf.engines.probe import check_file

        check_file(self.path, seconds=10)
        read_model_file(self.path)


KINDS = {
    "config": ModelConfig,
    "h5": WeightsFile,
    "tflite": LiteRTFile,
}
