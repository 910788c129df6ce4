import keras
import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.models.vgg import CONVOLUTIONS, VGGFeatures, load_vgg_features


@pytest.fixture(scope="module")
def tensors():
    """Random kernels [3, 3, in, out] and biases of the 16 convolutions."""
    rng = np.random.default_rng(0)
    result, before = {}, 3
    for name, channels in CONVOLUTIONS.items():
        scale = np.sqrt(2.0 / (9 * before))
        kernel = rng.standard_normal((3, 3, before, channels), dtype="float32") * scale
        result[name] = (kernel, rng.standard_normal(channels, dtype="float32") * 0.1)
        before = channels
    return result


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")


def write_h5(path, tensors):
    """The layout of the file that Keras publishes."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in tensors.items():
            file[f"{name}/{name}_W_1:0"] = kernel
            file[f"{name}/{name}_b_1:0"] = bias


def test_layers_are_those_of_keras_applications():
    theirs = keras.applications.VGG19(include_top=False, weights=None)
    channels = {layer.name: layer.filters for layer in theirs.layers if "conv" in layer.name}
    assert list(channels.items()) == list(CONVOLUTIONS.items())


@pytest.mark.slow
def test_equals_keras_applications(tmp_path, tensors, image):
    write_h5(tmp_path / "notop.h5", tensors)
    features = load_vgg_features(tmp_path / "notop.h5", "paper")(image)

    theirs = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3))
    for name, (kernel, bias) in tensors.items():
        theirs.get_layer(name).set_weights([kernel, bias])
    outputs = [theirs.get_layer(f"block{block}_conv1").output for block in (3, 4, 5)]
    pixels = keras.applications.vgg19.preprocess_input(127.5 * (image + 1.0))
    expected = keras.Model(theirs.inputs, outputs)(pixels)
    for ours, value in zip(features, expected, strict=True):
        np.testing.assert_allclose(ours, value, atol=1e-4 * float(np.abs(value).max()))


@pytest.mark.slow
def test_release_layers_from_a_torch_file(tmp_path, tensors, image):
    torch = pytest.importorskip("torch")
    modules, state, values = [], {}, iter(tensors.values())
    for count in (2, 2, 4, 4, 4):
        for _ in range(count):
            kernel, bias = next(values)
            prefix = f"features.{len(modules)}"
            state[f"{prefix}.weight"] = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
            state[f"{prefix}.bias"] = torch.tensor(bias)
            modules.append(torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], 3, padding=1))
            modules.append(torch.nn.ReLU(inplace=True))
        modules.append(torch.nn.MaxPool2d(2))
    network = torch.nn.Sequential(*modules)
    stripped = {name.removeprefix("features."): value for name, value in state.items()}
    network.load_state_dict(stripped)
    torch.save(state, tmp_path / "vgg19.pth")
    features = load_vgg_features(tmp_path / "vgg19.pth", "release")(image)

    x = torch.tensor(image.transpose(0, 3, 1, 2)) / 2 + 0.5
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean[:, None, None]) / std[:, None, None]
    # The published code enlarges first; scaling and bilinear interpolation commute.
    x = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear", align_corners=False)
    taps = []
    with torch.no_grad():
        for index, module in enumerate(network[:35]):
            x = module(x)
            if index in (16, 25, 34):  # conv3_4, conv4_4, conv5_4
                taps.append(x)  # the in-place ReLU that follows changes the first two
    for ours, value in zip(features, taps, strict=True):
        value = value.numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(ours, value, atol=2e-4 * np.abs(value).max())
    assert min(float(np.min(part)) for part in features[:2]) == 0.0
    assert float(np.min(features[2])) < 0.0


def test_preprocessing_of_both_sources():
    def preprocess(image, source):
        model = VGGFeatures("paper", source)
        model.network = lambda pixels, training: pixels
        return model(image)

    gray = np.zeros((1, 1, 1, 3), "float32")
    red = np.array([[[[1.0, -1.0, -1.0]]]], "float32")
    np.testing.assert_allclose(
        preprocess(red, "caffe")[0, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-5
    )
    np.testing.assert_allclose(
        preprocess(gray, "torch")[0, 0, 0],
        [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225],
        rtol=1e-5,
    )


def test_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"absent\.h5: VGG19 weights not found; get vgg19_weights"):
        load_vgg_features(tmp_path / "absent.h5")


def test_other_files_are_refused(tmp_path, tensors):
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(UserError, match="not an HDF5 file"):
        load_vgg_features(tmp_path / "text.h5")
    few = {name: tensors[name] for name in list(CONVOLUTIONS)[:3]}
    write_h5(tmp_path / "few.h5", few)
    with pytest.raises(UserError, match="block2_conv2/kernel should have shape"):
        load_vgg_features(tmp_path / "few.h5")


def test_failed_download_is_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.invalid:\nNone -- [Errno -2]")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(UserError, match="could not be downloaded") as caught:
        load_vgg_features("imagenet")
    assert "\n" not in str(caught.value)


def test_weights_are_frozen():
    assert VGGFeatures("paper").trainable_weights == []


def test_a_saved_model_loads(tmp_path, image):
    model = VGGFeatures("paper")
    model.save(tmp_path / "vgg.keras")
    again = keras.saving.load_model(tmp_path / "vgg.keras")
    assert again.trainable_weights == []
    for one, other in zip(model(image), again(image), strict=True):
        np.testing.assert_array_equal(one, other)
