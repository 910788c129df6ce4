"""`from_preset` and `save_to_preset`, and networks of the user's own through a model folder."""

import keras
import numpy as np
import pytest

from psfr_tf.engines.parts import part_function
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.inference_form import inference_form

NETWORKS = (Generator, FaceParsingNetwork, MultiScaleDiscriminator)


@keras.saving.register_keras_serializable(package="keras_habits")
class Deeper(Generator):
    """A plain new block behind the generator, zero at first."""

    def __init__(self, blocks_more=1, **kwargs):
        super().__init__(**kwargs)
        self.blocks_more = blocks_more
        self.more = [
            keras.layers.Conv2D(3, 3, padding="same", kernel_initializer="zeros")
            for _ in range(blocks_more)
        ]
        for layer in self.more:
            layer.build((None, None, None, 3))

    def call(self, inputs, training=None, mask=None):
        image = super().call(inputs, training=training)
        for layer in self.more:
            image = image + layer(image)
        return image

    def get_config(self):
        return {**super().get_config(), "blocks_more": self.blocks_more}


@keras.saving.register_keras_serializable(package="keras_habits")
class NotOnPhones(keras.layers.Layer):
    def call(self, x):
        return x + 0.0 * keras.ops.erfinv(0.1 * keras.ops.tanh(x))


class Unregistered(Generator):
    pass


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    lq = rng.uniform(-1, 1, (1, 64, 64, 3)).astype("float32")
    return [lq, np.eye(19, dtype="float32")[rng.integers(0, 19, (1, 64, 64))]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("preset")
    for kind in NETWORKS:
        kind.from_preset("psfr-test-64", load_weights=False).save_to_preset(path)
    return path


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_shipped_preset_comes_with_its_weights(kind):
    one, other = kind.from_preset("psfr-mobile-256"), kind.from_preset("psfr-mobile-256")
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", NETWORKS)
def test_wrong_arguments_are_one_line(kind, folder):
    def message(*arguments, **options):
        with pytest.raises((ValueError, TypeError)) as caught:
            kind.from_preset(*arguments, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    without = message("psfrgan-512")
    assert "load_weights=False" in without and "psfr convert" in without
    assert "unknown preset 'nothing': there are psfrgan-512" in message("nothing")
    for load_weights in (True, False):
        found = message("psfr-test-64" if not load_weights else folder, load_weights, color="red")
        assert found == f"{kind.__name__} has no argument 'color'"
    with pytest.raises(TypeError, match="no argument 'color'"):
        kind(color="red")


def test_what_contradicts_the_weights_is_refused(folder):
    with pytest.raises(ValueError, match=r"`style_hidden` cannot be changed .* style_hidden=8"):
        Generator.from_preset(folder, style_hidden=16)
    same = Generator.from_preset(folder, channels={16: 16, 32: 16, 64: 8}, name="mine")
    assert same.name == "mine"


def test_networks_are_saved_one_by_one(folder, tmp_path):
    loaded = load_model_folder(folder)
    assert type(loaded.generator) is Generator
    Generator.from_preset("psfr-test-64", load_weights=False).save_to_preset(tmp_path)
    assert Generator.from_preset(tmp_path).image_size == 64
    with pytest.raises(UserError, match=r"no parsing\.weights\.h5"):
        load_model_folder(tmp_path)
    with pytest.raises(ValueError, match="holds a model for images of 64 px"):
        Generator(32, {16: 8, 32: 4}, 4).save_to_preset(tmp_path)
    (tmp_path / "restorer_float32.tflite").write_bytes(b"")
    with pytest.raises(ValueError, match="was made of the weights that are there now"):
        Generator.from_preset(folder).save_to_preset(tmp_path)


def test_a_subclass_starts_as_its_base_and_keeps_its_class(folder, faces, tmp_path):
    base = Generator.from_preset(folder)
    deeper = Deeper.from_preset(folder, blocks_more=2)
    np.testing.assert_array_equal(deeper(faces), base(faces))
    deeper.more[1].bias.assign([0.1, 0.2, 0.3])
    deeper.save_to_preset(tmp_path)
    FaceParsingNetwork.from_preset(folder).save_to_preset(tmp_path)
    loaded = load_model_folder(tmp_path)
    assert type(loaded.generator) is Deeper and loaded.generator.blocks_more == 2
    np.testing.assert_array_equal(loaded.generator(faces), deeper(faces))
    assert type(Generator.from_preset(tmp_path)) is Deeper
    restored, _ = TensorFlowEngine(loaded.generator, loaded.parsing_network).run(faces[0])
    map_ = FaceParsingNetwork.from_preset(folder)(faces[0])["logits"]
    one_hot = np.eye(19, dtype="float32")[np.argmax(map_, -1)]
    expected = np.clip(deeper([faces[0], one_hot]), -1, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_a_functional_model_keeps_its_graph(folder, faces, tmp_path):
    base = Generator.from_preset(folder)
    more = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer="zeros")(base.output)
    model = keras.Model(base.inputs, base.output + more)
    np.testing.assert_array_equal(model(faces), base(faces))
    save_model_folder(tmp_path, model, FaceParsingNetwork.from_preset(folder))
    loaded = load_model_folder(tmp_path)
    np.testing.assert_array_equal(loaded.generator(faces), base(faces))
    form = inference_form(loaded.generator, loaded.parsing_network)
    assert len(convert(*part_function(form, "generator"))) > 1000
    with pytest.raises(ValueError, match="is a Functional, not a Generator"):
        Generator.from_preset(tmp_path)


def test_what_cannot_be_saved_or_exported_says_why(folder, tmp_path):
    parsing = FaceParsingNetwork.from_preset(folder)
    with pytest.raises(ValueError, match=r"Unregistered is not registered .* put @keras\.saving"):
        save_model_folder(tmp_path, Unregistered.from_preset(folder), parsing)
    base = Generator.from_preset(folder)
    odd = keras.Model(base.inputs, NotOnPhones(name="not_on_phones")(base.output))
    with pytest.raises(UserError, match=r"no operation Erfinv, which the layer .*not_on_phones"):
        convert(*part_function(inference_form(odd, parsing), "generator"))
    save_model_folder(tmp_path, odd, parsing)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace("keras_habits>", "elsewhere>"))
    with pytest.raises(UserError, match=r"class elsewhere>NotOnPhones is not known .*--import"):
        load_model_folder(tmp_path)
