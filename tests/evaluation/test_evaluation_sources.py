"""Where samples come from: degraded faces and folders of restored pictures."""

import shutil

import numpy as np
import pytest
from PIL import Image

from psfr_tf.data.datasets import FaceFolder, evaluation_pairs
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.evaluation.degraded import DegradedFaces, RestoredFaces
from psfr_tf.evaluation.folders import RestoredFolder
from psfr_tf.labels import NUM_CLASSES

SIZE = 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Six drawn faces with label maps and a manifest: face_4 and face_1 are the test split."""
    tmp_path = tmp_path_factory.mktemp("drawn")
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for seed in range(6):
        rgb, labels = draw_face(seed, 96)
        Image.fromarray(rgb).save(tmp_path / "images" / f"face_{seed}.png")
        Image.fromarray(labels).save(tmp_path / "masks" / f"face_{seed}.png")
    rows = ["name,split", "face_4,test", "face_0,train", "face_1,test"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def data(drawn, tmp_path):
    """A copy of the drawn faces that a test may damage."""
    return shutil.copytree(drawn, tmp_path / "data")


class Darkener:
    """Stands for a FaceRestorer: halves every value, parses everything as hair."""

    size = SIZE

    def restore_and_parse(self, faces):
        return faces // 2, np.full(faces.shape[:3], 13, np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["paper", "release"])
def test_same_degradation_as_validation_during_training(data, form):
    faces = DegradedFaces(data / "images", SIZE, seed=7, form=form)
    pairs = evaluation_pairs(FaceFolder(data / "images"), SIZE, seed=7, form=form)
    for index, pair in enumerate(pairs.as_numpy_iterator()):
        assert faces.names[index] == pair["name"].decode()
        for image, expected in zip(faces.load(index), (pair["lq"], pair["hq"]), strict=True):
            assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
            expected = np.rint((expected + 1) * 127.5)
            # The two ways of averaging 96 pixels down to 64 may round one level apart.
            assert np.abs(image - expected).max() <= 2
            assert np.abs(image - expected).mean() < 0.05


def test_one_face_can_be_made_again_alone(data):
    faces = DegradedFaces(data / "images", SIZE, 7, "paper")
    first = [faces.load(k)[0] for k in range(6)]
    again = DegradedFaces(data / "images", SIZE, 7, "paper").load(3)[0]
    np.testing.assert_array_equal(first[3], again)
    other_seed = DegradedFaces(data / "images", SIZE, 8, "paper").load(3)[0]
    assert np.abs(other_seed.astype(int) - again).max() > 10


def test_bad_faces_are_named(data):
    images = data / "images"
    (images / "face_0.png").write_bytes(b"no picture")
    Image.new("RGB", (96, 80)).save(images / "face_1.png")
    faces = DegradedFaces(images, SIZE, 0, "paper", ["face_0", "face_1", "face_9", "face_2"])
    with pytest.raises(UserError, match=r"face_0\.png: not an image"):
        faces.load(0)
    with pytest.raises(UserError, match=r"face_1\.png: 96x80 pixels; a square"):
        faces.load(1)
    with pytest.raises(UserError, match=r"face_9: no picture of this name"):
        faces.load(2)
    assert faces.load(3)[0].shape == (SIZE, SIZE, 3)


def test_restored_faces_of_a_split(data):
    source = RestoredFaces(Darkener(), data, seed=0, form="paper", split="test")
    assert source.names == ["face_4", "face_1"]
    sample = source.load(1)
    assert sample.name == "face_1"
    assert list(sample.versions) == ["input", "restored"]
    np.testing.assert_array_equal(sample.versions["restored"], sample.versions["input"] // 2)
    assert (sample.parsing == 13).all()
    assert sample.reference_parsing.shape == (SIZE, SIZE)
    assert 1 < len(np.unique(sample.reference_parsing)) <= NUM_CLASSES
    # The sharp face, averaged down.
    expected = Image.open(data / "images" / "face_1.png").reduce(3)
    small = Image.fromarray(sample.reference).reduce(2)
    assert np.abs(np.asarray(expected, float) - np.asarray(small, float)).mean() < 1.0


def test_pictures_without_label_maps(drawn):
    bare = RestoredFaces(Darkener(), drawn / "images", seed=0, form="paper")
    assert bare.names == [f"face_{k}" for k in range(6)]
    assert bare.load(0).reference_parsing is None


def test_missing_label_map_is_named(data):
    (data / "masks" / "face_0.png").unlink()
    source = RestoredFaces(Darkener(), data, seed=0, form="paper")
    with pytest.raises(UserError, match=r"face_0\.png: cannot read the parsing map"):
        source.load(0)


def grey(path, level, size=(16, 12)):
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


def test_folders_pair_by_name(tmp_path):
    restored, reference = tmp_path / "restored", tmp_path / "reference"
    grey(restored / "a.png", 10)
    grey(restored / "b.png", 20, size=(12, 16))
    grey(restored / "extra.png", 30)
    grey(reference / "a.jpg", 40)
    grey(reference / "a.png", 41)
    grey(reference / "b.png", 50)
    grey(reference / "missing.webp", 60)
    (reference / "notes.txt").write_text("not a picture, not a problem")
    source = RestoredFolder(restored, reference)
    assert source.names == ["a", "b"]
    assert [problem.replace(str(tmp_path), "") for problem in source.problems] == [
        "/reference/a.png: left out, a.jpg has the same name",
        "/restored/extra.png: no picture of this name in /reference",
        "/reference/missing.webp: no picture of this name in /restored",
    ]
    sample = source.load(0)
    assert sample.versions["restored"].tolist() == np.full((12, 16, 3), 10).tolist()
    assert (sample.reference == 40).all()
    with pytest.raises(UserError, match=r"b\.png: 12x16 pixels, but .*b\.png has 16x12"):
        source.load(1)


def test_folders_without_a_pair(tmp_path):
    grey(tmp_path / "one" / "a.png", 1)
    grey(tmp_path / "two" / "b.png", 1)
    with pytest.raises(UserError, match="no file name in common"):
        RestoredFolder(tmp_path / "one", tmp_path / "two")
    with pytest.raises(UserError, match="three: no such folder"):
        RestoredFolder(tmp_path / "three", tmp_path / "two")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no picture in it"):
        RestoredFolder(tmp_path / "empty", tmp_path / "two")
