import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage import data

from psfr_tf.errors import UserError
from psfr_tf.faces.align import template
from psfr_tf.faces.detect import Face
from psfr_tf.model_folder import save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.pictures import resize_face
from psfr_tf.restorer import FaceRestorer

LITERT_FILE = "restorer_float32.tflite"

SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    keras.utils.set_random_seed(1)
    return save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
        preset="psfr-test-64",
    )


def parsing_map(size=SIZE):
    """Skin, a nose and a mouth where the template has them."""
    labels = np.ones((size, size), np.uint8)
    points = np.rint(template(size)).astype(int)
    labels[points[2, 1] - size // 8 : points[2, 1] + 3, points[2, 0] - 4 : points[2, 0] + 5] = 2
    labels[points[3, 1] - 2 : points[3, 1] + 3, points[3, 0] : points[4, 0] + 1] = 12
    return labels


class Engine:
    """Adds `change` to a face and remembers the batches it was given."""

    name = "fake"
    size = SIZE

    def __init__(self, change=0.0, parsing=None):
        self.change = change
        self.parsing = parsing_map() if parsing is None else parsing
        self.batches = []

    def run(self, lq):
        assert lq.dtype == np.float32 and np.abs(lq).max() <= 1
        self.batches.append(lq)
        return np.clip(lq + self.change, -1, 1), np.stack([self.parsing] * len(lq))


def faces_at(*places):
    """A detector that finds faces whose aligned square has its corner at (x, y)."""
    points = template(SIZE)
    found = [
        Face((x, y, SIZE, SIZE), 0.9, (points + np.array([x, y])).astype(np.float32))
        for x, y in places
    ]
    return lambda photo, min_score, min_face: found


@pytest.fixture(scope="module")
def photo():
    return np.ascontiguousarray(data.astronaut()[:200, :300])


def detail():
    return np.random.default_rng(0).normal(0, 0.3, (SIZE, SIZE, 3)).astype(np.float32)


def test_a_network_that_changes_nothing_changes_nothing(photo):
    restorer = FaceRestorer(Engine(), detector=faces_at((40.3, 50.8), (120, 90)))
    result = restorer.restore(photo)
    np.testing.assert_array_equal(result.image, photo)
    assert len(result.faces) == 2
    face = result.faces[0]
    assert face.lq.shape == face.restored.shape == (SIZE, SIZE, 3)
    assert face.lq.dtype == face.restored.dtype == face.parsing.dtype == np.uint8
    np.testing.assert_array_equal(face.parsing, parsing_map())
    np.testing.assert_array_equal(face.lq, face.restored)


def test_lq_is_the_aligned_face(photo):
    restorer = FaceRestorer(Engine(), detector=faces_at((40, 50)))
    (face,) = restorer.restore(photo).faces
    assert np.abs(face.lq.astype(int) - photo[50:114, 40:104]).max() <= 1


def test_change_stays_inside_the_face(photo):
    restorer = FaceRestorer(Engine(detail()), detector=faces_at((40, 50)))
    change = np.abs(restorer.restore(photo).image.astype(int) - photo)
    assert change[60:104, 50:94].mean() > 10
    change[50:114, 40:104] = 0
    assert change.max() == 0


def test_a_color_cast_of_the_network_does_not_reach_the_photo(photo):
    restorer = FaceRestorer(Engine(np.float32([0.2, -0.1, 0.1])), detector=faces_at((40, 50)))
    mid = np.clip(photo, 60, 190)
    assert np.abs(restorer.restore(mid).image.astype(int) - mid).max() <= 1


def test_results_that_are_not_numbers_reach_no_photo(photo):
    restorer = FaceRestorer(Engine(np.float32(np.nan)), detector=faces_at((40, 50)))
    with pytest.raises(UserError, match="results are not numbers"):
        restorer.restore(photo)
    with pytest.raises(UserError, match="results are not numbers"):
        restorer.restore_aligned(np.zeros((1, SIZE, SIZE, 3), np.uint8))


def test_strength_and_upscale(photo):
    restorer = FaceRestorer(Engine(detail()), detector=faces_at((40, 50)))
    np.testing.assert_array_equal(restorer.restore(photo, strength=0.0).image, photo)
    large = restorer.restore(photo, upscale=2).image
    plain = FaceRestorer(Engine(), detector=faces_at()).restore(photo, upscale=2).image
    assert large.shape == plain.shape == (400, 600, 3)
    change = np.abs(large.astype(int) - plain)
    assert change[120:208, 100:188].mean() > 10
    change[100:228, 80:208] = 0
    assert change.max() == 0


def test_faces_run_in_bounded_batches(photo):
    engine = Engine()
    places = [(x, 40) for x in range(0, 200, 10)]
    result = FaceRestorer(engine, detector=faces_at(*places)).restore(photo)
    assert len(result.faces) == 20
    assert [len(batch) for batch in engine.batches] == [8, 8, 4]


def test_no_face(photo):
    result = FaceRestorer(Engine(), detector=faces_at()).restore(photo)
    np.testing.assert_array_equal(result.image, photo)
    assert result.faces == []


def test_the_detector_gets_the_limits(photo):
    seen = []
    restorer = FaceRestorer(Engine(), detector=lambda *arguments: seen.append(arguments[1:]) or [])
    restorer.restore(photo, min_score=0.6, min_face=33)
    assert set(seen) == {(0.6, 33)}


@pytest.mark.parametrize("height, width", [(64, 64), (200, 200), (30, 30)])
def test_restore_aligned_resizes(height, width):
    faces = np.full((3, height, width, 3), 77, np.uint8)
    restored = FaceRestorer(Engine(0.5)).restore_aligned(faces)
    assert restored.shape == (3, SIZE, SIZE, 3) and restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, np.full_like(restored, round(77 + 0.5 * 127.5)))


def test_gray_faces_stay_gray_and_only_those():
    gray, color = np.full((2, SIZE, SIZE, 3), 77, np.uint8)
    color[..., 0] = 78
    restored = FaceRestorer(Engine(np.float32([0.5, 0.1, -0.2]))).restore_aligned(
        np.stack([gray, color])
    )
    assert (restored[0] == round(77 + (0.299 * 0.5 + 0.587 * 0.1 - 0.114 * 0.2) * 127.5)).all()
    assert np.ptp(restored[1], axis=-1).min() > 80


def test_restore_aligned_refuses_what_is_not_square():
    with pytest.raises(ValueError, match=r"square\. Received: \(1, 30, 50, 3\)"):
        FaceRestorer(Engine()).restore_aligned(np.zeros((1, 30, 50, 3), np.uint8))


def test_resize_face_does_not_alias():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(resize_face(stripes, 64)) <= 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"photo": np.zeros((8, 8, 3), np.float32)},
        {"photo": np.zeros((8, 8), np.float32)},
        {"photo": np.zeros((8, 8, 2), np.uint8)},
        {"photo": None},
        {"faces": "widest"},
        {"photo": np.zeros((0, 8, 3), np.uint8)},
        {"strength": 1.5},
        {"upscale": 0},
        {"upscale": 1.5},
    ],
)
def test_bad_arguments(photo, arguments):
    with pytest.raises(ValueError, match="Received"):
        FaceRestorer(Engine(), detector=faces_at()).restore(**{"photo": photo, **arguments})


def test_from_pretrained_folder_with_tensorflow(folder):
    restorer = FaceRestorer.from_pretrained(folder)
    assert restorer.engine.name == "tensorflow" and restorer.size == SIZE
    (found,) = restorer.restore(data.astronaut()).faces
    lq = found.lq[None].astype(np.float32) / 127.5 - 1
    logits = keras.ops.convert_to_numpy(restorer.parsing_network(lq)["logits"])
    np.testing.assert_array_equal(
        restorer.restore_and_parse(found.lq[None])[1], np.argmax(logits, axis=-1)
    )
    one_hot = (logits == logits.max(axis=-1, keepdims=True)).astype(np.float32)
    output = keras.ops.convert_to_numpy(restorer.generator([lq, one_hot]))
    expected = np.clip(np.rint((np.clip(output, -1, 1) + 1) * 127.5), 0, 255)
    assert np.abs(restorer.restore_aligned(found.lq[None]) - expected).max() <= 1


def test_from_pretrained_prefers_the_litert_file(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def invert(face):
        return {"restored": -face, "parsing": tf.repeat(face[..., :1], 19, axis=3)}

    spec = tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32)
    concrete = tf.function(invert, input_signature=[spec]).get_concrete_function()
    model = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    (tmp_path / LITERT_FILE).write_bytes(model)
    restorer = FaceRestorer.from_pretrained(tmp_path)
    assert restorer.engine.name == "litert"
    restored = restorer.restore_aligned(np.full((1, SIZE, SIZE, 3), 200, np.uint8))
    np.testing.assert_array_equal(restored, np.full_like(restored, 55))
    assert restorer.generator.image_size == SIZE
    assert FaceRestorer.from_pretrained(tmp_path, engine="tensorflow").engine.name == "tensorflow"


def test_a_damaged_litert_file_is_named(folder, tmp_path):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / LITERT_FILE).write_bytes(b"damaged")
    with pytest.raises(UserError, match=LITERT_FILE):
        FaceRestorer.from_pretrained(tmp_path)


def test_unknown_names():
    with pytest.raises(UserError, match="no-such-model"):
        FaceRestorer.from_pretrained("no-such-model")
    with pytest.raises(ValueError, match="engine='torch'"):
        FaceRestorer.from_pretrained("no-such-model", engine="torch")
