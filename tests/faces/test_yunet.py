"""YuNet in OpenCV. No YuNet is part of the project: `yunet` writes a network with its interface."""

import re

import numpy as np
import pytest

from psfr_tf.cli.main import parse_arguments, run
from psfr_tf.errors import UserError
from psfr_tf.faces.detect import FaceDetector
from psfr_tf.restorer import FaceRestorer

SIDE = 60.0
POINTS = [(-10, -8), (11, -9), (1, 2), (-8, 12), (9, 13)]


def message(*fields):
    """A protobuf message. A field is a number and an int, bytes, text or message."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            encoded += varint(number << 3 | 2) + varint(len(value)) + value
    return encoded


def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def tensor(name, values):
    """TensorProto."""
    kind = 1 if values.dtype == np.float32 else 7
    shape = [(1, size) for size in values.shape]
    return message(*shape, (2, kind), (8, name), (9, values.tobytes()))


def value_info(name, *shape):
    sizes = message(*((1, message((1, size))) for size in shape))
    return message((1, name), (2, message((1, message((1, 1), (2, sizes))))))


def node(kind, inputs, output, **attributes):
    fields = [*((1, name) for name in inputs), (2, output), (4, kind)]
    for name, values in attributes.items():
        ints = [(8, value) for value in values]
        fields.append((5, message((1, name), *ints, (20, 7))))
    return message(*fields)


def yunet(outputs=("cls", "obj", "bbox", "kps")):
    """Takes a cell of 32x32 px for a face whose score is the mean of its red channel."""
    graph, results = [], []
    for stride in (8, 16, 32):
        for kind in outputs:
            bias = {
                "cls": np.zeros(1),
                "obj": np.zeros(1),
                "bbox": np.array([0.5, 0.5, *np.log([SIDE / stride] * 2)]),
                "kps": np.ravel(POINTS) / stride + 0.5,
            }[kind]
            weights = np.zeros((len(bias), 3, stride, stride), np.float32)
            if stride == 32 and kind in ("cls", "obj"):
                weights[:, 2] = 1 / (255 * stride**2)  # blue, green, red
            name = f"{kind}_{stride}"
            shape = np.array([1, -1, len(bias)])
            graph += [
                (5, tensor(f"{name}_w", weights)),
                (5, tensor(f"{name}_b", bias.astype(np.float32))),
                (5, tensor(f"{name}_s", shape)),
                (1, node("Conv", ["input", f"{name}_w", f"{name}_b"], f"{name}_c",
                         kernel_shape=[stride] * 2, strides=[stride] * 2)),
                (1, node("Transpose", [f"{name}_c"], f"{name}_t", perm=[0, 2, 3, 1])),
                (1, node("Reshape", [f"{name}_t", f"{name}_s"], name)),
            ]  # fmt: skip
            results.append((12, value_info(name, 1, (640 // stride) ** 2, len(bias))))
    graph += [(2, "yunet"), (11, value_info("input", 1, 3, 640, 640)), *results]
    return message((1, 8), (7, message(*graph)), (8, message((2, 11))))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "yunet.onnx"
    path.write_bytes(yunet())
    return path


def photo_with_a_face():
    photo = np.zeros((400, 600, 3), np.uint8)
    photo[..., 2] = 255
    # The frame of 400 / 24 = 17 px is part of what is searched.
    photo[192 - 17 : 224 - 17, 320 - 17 : 352 - 17] = (230, 0, 0)
    return photo


def test_a_face_is_found(file):
    (face,) = FaceDetector(file)(photo_with_a_face(), min_score=0.8)
    center = np.array([336, 208]) - 17
    np.testing.assert_allclose(face.box, [*(center - SIDE / 2), SIDE, SIDE], atol=0.1)
    np.testing.assert_allclose(face.landmarks, center + np.array(POINTS), atol=0.1)
    assert face.landmarks.dtype == np.float32
    assert face.score == pytest.approx(230 / 255, abs=1e-3)
    assert FaceDetector(file)(photo_with_a_face(), min_score=0.95) == []


def test_sizes_and_threads(file):
    from concurrent.futures import ThreadPoolExecutor

    detector = FaceDetector(file)
    photos = [photo_with_a_face()[: 300 + 7 * n, : 400 + 10 * n] for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector, photos))
    for photo, faces in zip(photos, together, strict=True):
        expected = FaceDetector(file)(photo)
        assert [face.box for face in faces] == [face.box for face in expected]


class NoFace:
    """An engine whose parsing map has no face."""

    size = 64

    def run(self, lq):
        return lq, np.zeros(lq.shape[:3], np.uint8)


def test_a_restorer_takes_the_file(file, monkeypatch):
    monkeypatch.setattr("psfr_tf.engines.ready_files.open_ready", lambda *_: NoFace())
    restorer = FaceRestorer.from_pretrained("psfr-mobile-256", "litert", detector=str(file))
    result = restorer.restore(photo_with_a_face())
    assert [face.score for face in result.rejected] == [pytest.approx(230 / 255, abs=1e-3)]
    assert result.faces == []


@pytest.mark.parametrize(
    "content", [None, b"", b"not ONNX" * 99, yunet()[:5000], yunet(outputs=("cls", "bbox"))]
)
def test_other_files_get_one_line(tmp_path, capfd, content):
    path = tmp_path / "other.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        FaceDetector(path)
    assert str(raised.value).startswith(f"{path}: ")
    reason = "No such file" if content is None else "not a YuNet face detector"
    assert re.fullmatch(f"[^\n]*{reason}[^\n]*", str(raised.value))
    output = tmp_path / "out"
    options = ["--output", str(output), "--detector", str(path)]
    assert run(parse_arguments(["psfr", "restore", str(path), *options])) == 1
    printed = capfd.readouterr()
    assert printed.err == f"psfr: error: {raised.value}\n" and not output.exists()
