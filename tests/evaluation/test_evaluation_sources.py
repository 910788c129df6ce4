"""Where samples come from: degraded faces and folders of restored pictures."""

import shutil

import numpy as np
import pytest
from PIL import Image

from psfr_tf.data.datasets import FaceFolder, evaluation_pairs
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.evaluation.degraded import DegradedFaces
from psfr_tf.evaluation.faces import FolderFaces
from psfr_tf.evaluation.systems import (
    BicubicInput,
    ComparedFaces,
    Model,
    NonLocalMeansUnsharp,
    ResultFolder,
)
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


def compared(data, names=None, masks=True):
    faces = DegradedFaces(data / "images", SIZE, 0, "paper", names)
    systems = {"input": BicubicInput(), "restored": Model(Darkener())}
    return ComparedFaces(faces, systems, data / "masks" if masks else None)


def test_what_a_model_makes_of_degraded_faces(data):
    source = compared(data, ["face_4", "face_1"])
    assert source.names == ["face_4", "face_1"] and source.parsed == ("restored",)
    sample = source.load(1)
    assert sample.name == "face_1"
    assert list(sample.versions) == ["input", "restored"]
    np.testing.assert_array_equal(sample.versions["restored"], sample.versions["input"] // 2)
    assert (sample.parsing["restored"] == 13).all()
    assert sample.reference_parsing.shape == (SIZE, SIZE)
    assert 1 < len(np.unique(sample.reference_parsing)) <= NUM_CLASSES
    # The sharp face, averaged down.
    expected = Image.open(data / "images" / "face_1.png").reduce(3)
    small = Image.fromarray(sample.reference).reduce(2)
    assert np.abs(np.asarray(expected, float) - np.asarray(small, float)).mean() < 1.0
    np.testing.assert_array_equal(source.original(1), sample.reference)


def test_without_label_maps(data):
    sample = compared(data, masks=False).load(0)
    assert sample.reference_parsing is None and sample.parsing == {}


def test_missing_label_map_is_named(data):
    (data / "masks" / "face_0.png").unlink()
    with pytest.raises(UserError, match=r"face_0\.png: cannot read the parsing map"):
        compared(data).load(0)


def test_model_of_another_size():
    class Halver(Darkener):
        size = SIZE // 2

        def restore_and_parse(self, faces):
            small = faces[:, ::2, ::2]
            return small, small[..., 0] // 20

    lq = (np.arange(64 * 64 * 3) % 251).astype(np.uint8).reshape(64, 64, 3)
    restored, labels = Model(Halver()).restore("face", lq, lq)
    assert restored.shape == (64, 64, 3) and labels.shape == (64, 64)
    np.testing.assert_array_equal(labels[::2, ::2], lq[::2, ::2, 0] // 20)


def test_non_local_means_removes_noise_and_keeps_colors():
    rng = np.random.default_rng(0)
    reference = np.zeros((96, 96, 3), np.uint8) + np.array([200, 120, 40], np.uint8)
    reference[:, 48:] = [30, 60, 160]
    lq = np.clip(reference + rng.normal(0, 5, reference.shape), 0, 255).astype(np.uint8)
    result, _ = NonLocalMeansUnsharp().restore("face", lq, reference)

    def error(picture):
        return np.abs(picture.astype(float) - reference)[:, np.r_[8:40, 56:88]].mean()

    assert error(result) < 0.5 * error(lq)


def gray(path, level, size=(16, 12)):
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


def test_folders_pair_by_name(tmp_path):
    restored, reference = tmp_path / "restored", tmp_path / "reference"
    gray(restored / "a.png", 10)
    gray(restored / "b.png", 20, size=(12, 16))
    gray(restored / "b.webp", 21)
    gray(restored / "extra.png", 30)
    gray(reference / "a.jpg", 40)
    gray(reference / "a.png", 41)
    gray(reference / "b.png", 50)
    gray(reference / "missing.webp", 60)
    (reference / "notes.txt").write_text("not a picture, not a problem")
    source = ComparedFaces(FolderFaces(reference), {"restored": ResultFolder(restored)})
    assert source.names == ["a", "b", "missing"]
    assert [problem.replace(str(tmp_path), "") for problem in source.problems] == [
        "/reference/a.png: skipped, a.jpg has the same name",
        "/restored/b.webp: skipped, b.png has the same name",
        "/restored/extra.png: no original of this name",
    ]
    sample = source.load(0)
    assert sample.versions["restored"].tolist() == np.full((12, 16, 3), 10).tolist()
    assert (sample.reference == 40).all()
    with pytest.raises(UserError, match=r"b\.png: 12x16 pixels, but its original has 16x12"):
        source.load(1)
    with pytest.raises(UserError, match=r"missing: no picture of this name in .*restored"):
        source.load(2)


def test_degraded_faces_from_a_folder(tmp_path):
    lq, reference = tmp_path / "lq", tmp_path / "reference"
    for name, side in (("a", 16), ("b", 8)):
        gray(lq / f"{name}.png", 10, size=(side, side))
    for name in "abc":
        gray(reference / f"{name}.png", 40, size=(16, 16))
    source = ComparedFaces(FolderFaces(reference, lq), {"input": BicubicInput()})
    assert (source.load(0).versions["input"] == 10).all()
    with pytest.raises(UserError, match=r"b\.png: 8x8 pixels.* bring both to one size"):
        source.load(1)
    with pytest.raises(UserError, match="c: no picture of this name in"):
        source.load(2)
    without = ComparedFaces(FolderFaces(reference), {"input": BicubicInput()})
    with pytest.raises(UserError, match="a: no degraded face"):
        without.load(0)


def test_folders_without_pictures(tmp_path):
    with pytest.raises(UserError, match="three: no such folder"):
        FolderFaces(tmp_path / "three")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no pictures in this folder"):
        ResultFolder(tmp_path / "empty")
