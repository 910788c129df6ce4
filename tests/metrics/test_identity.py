"""Identity similarity with a small face-recognition network made here."""

import math

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from psfr_tf.errors import UserError
from psfr_tf.metrics.identity import TEMPLATE, IdentitySimilarity, cosine

POINTS = TEMPLATE * 1.5 + [20.0, 10.0]


@pytest.fixture(scope="module")
def network(tmp_path_factory, convert):
    """Mean colors of the four quarters of a 56x56 crop."""
    import tensorflow as tf

    path = tmp_path_factory.mktemp("identity") / "face_recognition.tflite"
    return convert(
        path,
        lambda x: tf.reshape(tf.nn.avg_pool2d(x, 28, 28, "VALID"), [1, 12]),
        [1, 56, 56, 3],
    )


def features(image):
    """What the network computes, by hand."""
    matrix = np.array([[1 / 3, 0, 0], [0, 1 / 3, 0]])
    # From picture to half-size crop: undo the scale of 1.5, then halve, with half-pixel centers.
    matrix[:, 2] = ((0.5 - np.array([20.0, 10.0]) / 1.5) * 0.5) - 0.5
    crop = cv2.warpAffine(image, matrix, (56, 56), flags=cv2.INTER_LINEAR)
    return (crop.reshape(2, 28, 2, 28, 3).mean((1, 3)).ravel() - 127.5) / 127.5


def test_transform_of_points_on_the_template(network):
    matrix = IdentitySimilarity(network, detect=lambda picture: POINTS)._transform(POINTS)
    half = (TEMPLATE + 0.5) / 2 - 0.5  # of the 56x56 crop, with half-pixel centers
    np.testing.assert_allclose(POINTS @ matrix[:, :2].T + matrix[:, 2], half, atol=1e-6)


def test_value_is_the_cosine_of_the_features(network):
    reference = astronaut()[:200, 130:330]
    image = cv2.GaussianBlur(reference, (0, 0), 4) // 2 + 40
    metric = IdentitySimilarity(network, detect=lambda picture: POINTS)
    same, other = metric.compare([reference, image], reference)
    a, b = features(image), features(reference)
    assert same == pytest.approx(1.0, abs=1e-6)
    # The crop is antialiased there and bilinear here.
    assert other == pytest.approx(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=0.01)
    assert other < 0.99


def test_no_face_in_the_reference(network):
    picture = np.zeros((64, 64, 3), np.uint8)
    metric = IdentitySimilarity(network, detect=lambda picture: None)
    assert math.isnan(metric.compare([picture], picture)[0])
    assert math.isnan(cosine(np.zeros(3), np.ones(3)))


def test_missing_and_wrong_files_are_named(tmp_path, convert):
    with pytest.raises(UserError, match=r"face\.tflite is missing: put a face-recognition"):
        IdentitySimilarity(tmp_path / "face.tflite")
    (tmp_path / "damaged.tflite").write_bytes(b"no model at all")
    with pytest.raises(UserError, match=r"damaged\.tflite: "):
        IdentitySimilarity(tmp_path / "damaged.tflite")
    wide = convert(tmp_path / "wide.tflite", lambda x: x * 2.0, [1, 8, 16, 3])
    with pytest.raises(UserError, match=r"wide\.tflite: one input float32 \[1, H, H, 3\]"):
        IdentitySimilarity(wide)


def _field(number, value):
    """A field of a protocol buffer: an integer, or bytes with their length."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, *_length(len(value))]) + value


def _length(count):
    return [count] if count < 128 else [count & 127 | 128, count >> 7]


def _tensor(name, sides):
    dims = b"".join(_field(1, _field(1, side)) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def onnx_file(path):
    """A network whose features are the means of R, G and B."""

    def node(kind, read, write):
        return _field(1, _field(1, read) + _field(2, write) + _field(4, kind))

    nodes = node(b"GlobalAveragePool", b"x", b"m") + node(b"Flatten", b"m", b"y")
    ends = _field(11, _tensor(b"x", (1, 3, 112, 112))) + _field(12, _tensor(b"y", (1, 3)))
    graph = nodes + _field(2, b"g") + ends
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13)))


def test_onnx_and_keras_files(tmp_path):
    import keras

    from psfr_tf.metrics.identity import find_file
    from psfr_tf.metrics.picture_network import picture_network

    pixels = np.random.default_rng(0).uniform(-1, 1, (112, 112, 3)).astype("float32")
    expected = pixels.mean(axis=(0, 1))
    onnx_file(tmp_path / "w600k_r50.onnx")
    assert find_file(tmp_path).name == "w600k_r50.onnx"
    (found,) = picture_network(find_file(tmp_path), "")(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    image = keras.Input((112, 112, 3))
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    network.save(tmp_path / "face_recognition.keras")
    assert find_file(tmp_path).name == "face_recognition.keras"
    (found,) = picture_network(find_file(tmp_path), "")(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    (tmp_path / "face_recognition.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match="OpenCV cannot read this ONNX file"):
        picture_network(find_file(tmp_path), "")
