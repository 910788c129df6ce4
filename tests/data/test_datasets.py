import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from psfr_tf.data import face_loader
from psfr_tf.data.augmentation import flip, transform
from psfr_tf.data.datasets import FaceFolder, evaluation_pairs, read_split, training_dataset
from psfr_tf.data.occlusion import draw_glasses, draw_hat
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.labels import COLORS, LABELS

SIZE = 32
COUNT = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Five toy faces of 64 px with palette PNG masks; one picture is a JPEG."""
    root = tmp_path_factory.mktemp("faces")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for seed in range(COUNT):
        rgb, labels = draw_face(seed, 64)
        suffix = "jpg" if seed == 2 else "png"
        Image.fromarray(rgb).save(root / "images" / f"face{seed}.{suffix}")
        save_palette_mask(labels, root / "masks" / f"face{seed}.png")
    return root


def save_palette_mask(labels: np.ndarray, path: Path) -> None:
    mask = Image.fromarray(labels)
    mask.putpalette(COLORS.tobytes())
    assert mask.mode == "P"
    mask.save(path)


def faces_of(folder: Path, **options) -> FaceFolder:
    return FaceFolder(folder / "images", folder / "masks", **options)


def take(dataset: tf.data.Dataset, count: int) -> list[dict]:
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_same(first: list[dict], second: list[dict]) -> None:
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_batches_have_the_stated_shapes_and_ranges(folder):
    dataset = training_dataset(faces_of(folder), SIZE, 2, seed=0)
    assert dataset.element_spec == {
        "lq": tf.TensorSpec([2, SIZE, SIZE, 3], tf.float32),
        "hq": tf.TensorSpec([2, SIZE, SIZE, 3], tf.float32),
        "parsing": tf.TensorSpec([2, SIZE, SIZE], tf.uint8),
    }
    for batch in take(dataset, 4):
        for key in ("lq", "hq"):
            assert -1.0 <= batch[key].min() < -0.2 and 0.2 < batch[key].max() <= 1.0
        assert np.abs(batch["lq"] - batch["hq"]).mean() > 0.01
        assert batch["parsing"].max() < len(LABELS)


def test_pictures_are_averaged_down_and_masks_keep_their_labels(folder):
    plain = training_dataset(
        faces_of(folder), SIZE, 1, seed=0, flip=False, shuffle=False, repeat=False
    )
    samples = take(plain, COUNT + 1)
    assert len(samples) == COUNT
    for seed in (0, 1, 3, 4):  # face2 is a JPEG
        rgb, labels = draw_face(seed, 64)
        averaged = rgb.reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
        hq = (samples[seed]["hq"][0] + 1) * 127.5
        assert np.abs(hq - averaged).max() <= 0.51
        mask = np.asarray(Image.fromarray(labels).resize((SIZE, SIZE), Image.Resampling.NEAREST))
        np.testing.assert_array_equal(samples[seed]["parsing"][0], mask)


def test_same_seed_same_stream(folder):
    options = {"seed": 4, "form": "release", "augment": "mild"}
    first = take(training_dataset(faces_of(folder), SIZE, 2, **options), 6)
    assert_same(first, take(training_dataset(faces_of(folder), SIZE, 2, **options), 6))
    other = take(training_dataset(faces_of(folder), SIZE, 2, **{**options, "seed": 5}), 1)
    assert np.abs(first[0]["hq"] - other[0]["hq"]).max() > 0.1


def test_resumed_stream_goes_on_as_if_uninterrupted(folder):
    faces = faces_of(folder)
    whole = take(training_dataset(faces, SIZE, 1, seed=1), 3 * COUNT)
    for start_index in (2, 2 * COUNT + 1):
        resumed = training_dataset(faces, SIZE, 1, seed=1, start_index=start_index)
        rest = whole[start_index:]
        assert_same(rest, take(resumed, len(rest)))


def test_each_epoch_has_every_face_once_in_a_new_order(folder):
    stream = training_dataset(faces_of(folder), SIZE, COUNT, seed=0, flip=False)
    orders = []
    for epoch in take(stream, 6):
        fingerprints = [image.sum() for image in epoch["hq"]]
        assert len(set(fingerprints)) == COUNT
        orders.append(tuple(np.argsort(fingerprints)))
    assert len(set(orders)) > 2


def test_faces_degrade_differently_in_each_epoch(folder):
    stream = training_dataset(faces_of(folder), SIZE, COUNT, seed=0, flip=False, shuffle=False)
    first, second = take(stream, 2)
    np.testing.assert_array_equal(first["hq"], second["hq"])
    assert (np.abs(first["lq"] - second["lq"]).max(axis=(1, 2, 3)) > 0).all()


def test_stream_is_the_same_from_memory_and_from_files(folder, monkeypatch):
    faces = faces_of(folder)
    from_memory = take(training_dataset(faces, SIZE, 2, seed=0), 3)
    monkeypatch.setattr(face_loader, "MEMORY_LIMIT", 0)
    assert_same(from_memory, take(training_dataset(faces, SIZE, 2, seed=0), 3))


def test_flip_swaps_left_and_right_labels():
    rgb, labels = draw_face(0, 64)
    flipped, mirrored = flip(tf.constant(rgb), tf.constant(labels))
    np.testing.assert_array_equal(flipped, rgb[:, ::-1])
    for left, right in (("l_eye", "r_eye"), ("l_brow", "r_brow"), ("l_ear", "r_ear")):
        is_left = labels == LABELS.index(left)
        np.testing.assert_array_equal(mirrored == LABELS.index(right), is_left[:, ::-1])
    np.testing.assert_array_equal(mirrored == 13, (labels == 13)[:, ::-1])
    # The person's left eye is on the right of the picture, before and after.
    for parsing in (labels, mirrored.numpy()):
        assert np.argwhere(parsing == LABELS.index("l_eye"))[:, 1].mean() > 32


def test_half_of_the_stream_is_flipped(folder):
    faces = faces_of(folder, names=["face0"])
    straight = take(training_dataset(faces, SIZE, 1, seed=0, flip=False), 1)[0]["hq"]
    stream = take(training_dataset(faces, SIZE, 1, seed=0), 40)
    flipped = [np.array_equal(sample["hq"], straight[:, :, ::-1]) for sample in stream]
    same = [np.array_equal(sample["hq"], straight) for sample in stream]
    assert sum(flipped) + sum(same) == 40
    assert 10 <= sum(flipped) <= 30


def test_transform_moves_picture_and_mask_together():
    hq = np.zeros((64, 64, 3), np.float32)
    hq[20:24, 40:44] = 255.0
    parsing = (hq[..., 0] > 0).astype(np.uint8)

    def center(moved, values):
        np.testing.assert_allclose(np.argwhere(values > 127).mean(axis=0), moved, atol=0.6)

    shifted = transform(tf.constant(hq), tf.constant(parsing), 0.0, 1.0, 5.0, -3.0)
    np.testing.assert_allclose(shifted[0][17:21, 45:49], 255.0, atol=1e-3)
    np.testing.assert_array_equal(shifted[1][17:21, 45:49], 1)
    # A quarter turn counter-clockwise: (y, x) about 31.5 becomes (-x, y).
    turned = transform(tf.constant(hq), tf.constant(parsing), 90.0, 1.0, 0.0, 0.0)
    center((21.5, 21.5), turned[0].numpy()[..., 0])
    center((21.5, 21.5), turned[1].numpy() * 255)
    larger = transform(tf.constant(hq), tf.constant(parsing), 0.0, 1.5, 0.0, 0.0)
    center((16.5, 46.5), larger[0].numpy()[..., 0])
    assert 30 <= larger[1].numpy().sum() <= 42
    # Perspective: the middle stays, the right border is drawn twice as large as the left.
    middle, right = np.zeros((2, 64, 64, 3), np.float32)
    middle[30:34, 30:34], right[30:34, 50:54] = 255.0, 255.0
    for picture, at, factor in ((middle, 31.5, 1.0), (right, 31.5 + 20 / (1 - 20 / 94.5), 1.27)):
        moved = transform(tf.constant(picture), tf.constant(parsing), 0, 1.0, 0, 0, 1 / 3, 0.0)
        center((31.5, at), moved[0].numpy()[..., 0])
        assert moved[0].numpy().sum() == pytest.approx(picture.sum() * factor**3, rel=0.15)


def test_drawn_glasses_and_hats_are_labeled():
    hq, parsing = np.full((64, 64, 3), 180, np.float32), np.ones((64, 64), np.uint8)
    parsing[28:31, 21:27], parsing[28:31, 37:43] = 5, 4  # the eyes
    middle = tf.fill([9], 0.5)
    worn, labels = draw_glasses(tf.constant(hq), tf.constant(parsing), middle)
    glasses = labels.numpy() == 3
    assert 0.03 < glasses.mean() < 0.15 and glasses[:20].sum() == 0
    assert (labels.numpy()[28:31, 21:27] == 5).all()  # clear: the eye shows through
    assert np.abs(worn.numpy() - hq)[~glasses & (parsing == 1)].max() == 0
    dark = draw_glasses(tf.constant(hq), tf.constant(parsing), tf.constant([0.5] * 6 + [0.0] * 3))
    assert (dark[1].numpy()[28:31, 21:27] == 3).all() and dark[0].numpy()[29, 24].max() < 100
    _, labels = draw_hat(tf.constant(hq), tf.constant(parsing), middle[:8])
    assert (labels.numpy()[10, 24:40] == 14).all() and (labels.numpy()[28:] != 14).all()


def test_strong_augmentation_keeps_types_and_range(folder):
    options = {"seed": 0, "augment": "strong"}
    for batch in take(training_dataset(faces_of(folder), SIZE, COUNT, **options), 3):
        assert batch["parsing"].dtype == np.uint8 and batch["parsing"].max() < len(LABELS)
        assert np.isfinite(batch["hq"]).all() and np.abs(batch["hq"]).max() <= 1.0


def test_augmentation_is_mild_and_keeps_the_types(folder):
    faces = faces_of(folder)
    options = {"seed": 0, "flip": False, "shuffle": False}
    plain = take(training_dataset(faces, SIZE, COUNT, **options), 1)[0]
    changed = take(training_dataset(faces, SIZE, COUNT, augment="mild", **options), 1)[0]
    assert 0.0 < np.abs(plain["hq"] - changed["hq"]).mean() < 0.3
    assert np.abs(changed["hq"]).max() <= 1.0
    assert 0.75 < (plain["parsing"] == changed["parsing"]).mean() < 1.0


def test_evaluation_pairs_visit_each_face_once_with_its_name(folder):
    faces = faces_of(folder, names=["face3", "face0"])
    pairs = take(evaluation_pairs(faces, SIZE, seed=0), 10)
    assert [pair["name"] for pair in pairs] == [b"face3", b"face0"]
    assert pairs[0]["lq"].shape == (SIZE, SIZE, 3) and pairs[0]["parsing"].shape == (SIZE, SIZE)
    assert_same(pairs, take(evaluation_pairs(faces, SIZE, seed=0), 10))
    other = take(evaluation_pairs(faces, SIZE, seed=1), 1)[0]
    np.testing.assert_array_equal(other["hq"], pairs[0]["hq"])
    assert np.abs(other["lq"] - pairs[0]["lq"]).max() > 0


def test_folder_without_masks_has_no_parsing(folder):
    faces = FaceFolder(folder / "images")
    assert len(faces) == COUNT
    assert training_dataset(faces, SIZE, 2, seed=0).element_spec.keys() == {"lq", "hq"}
    assert take(evaluation_pairs(faces, SIZE, seed=0), 1)[0].keys() == {"lq", "hq", "name"}


@pytest.mark.parametrize("form", ["paper", "release"])
def test_workers_of_a_service_get_no_python_function(folder, form, monkeypatch, op_types):
    monkeypatch.setattr(tf.data.experimental.service, "distribute", lambda *_: lambda made: made)
    faces = faces_of(folder)
    served = training_dataset(
        faces, SIZE, 2, seed=0, form=form, augment="mild", service="grpc://localhost:1"
    )
    ops = op_types(served)
    assert {"DecodePng", "EncodeJpegVariableQuality", "StatelessRandomNormalV2"} <= ops
    assert not [op for op in ops if "PyFunc" in op]


def test_pictures_that_cannot_be_decoded_are_named(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "b.png")
    contents = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(contents[:100] + bytes(1000) + contents[1100:])
    with pytest.raises(UserError, match=r"b\.png: cannot decode[^{}]*$"):
        training_dataset(FaceFolder(tmp_path), SIZE, 1, seed=0)


def test_pictures_that_are_not_square_are_named(tmp_path):
    Image.new("RGB", (8, 9)).save(tmp_path / "tall.png")
    with pytest.raises(UserError, match=r"tall\.png: .*square"):
        training_dataset(FaceFolder(tmp_path), SIZE, 1, seed=0)


def test_bad_masks_are_named(folder, tmp_path):
    mask = tmp_path / "face0.png"

    def build() -> None:
        faces = FaceFolder(folder / "images", tmp_path, names=["face0"])
        training_dataset(faces, SIZE, 1, seed=0)

    Image.new("L", (8, 8), 19).save(mask)
    with pytest.raises(UserError, match=r"face0\.png: label 19 found, parsing labels are 0\.\.18"):
        build()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(mask)
    with pytest.raises(UserError, match=r"face0\.png: color \(1, 2, 3\) in 64 pixels"):
        build()
    Image.new("L", (8, 9)).save(mask)
    with pytest.raises(UserError, match=r"face0\.png: .*square, this one is 8x9"):
        build()
    mask.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"face0\.png: cannot read the parsing map"):
        build()


def test_bad_numbers_are_refused(folder):
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        training_dataset(faces_of(folder), SIZE, 0, seed=0)
    with pytest.raises(ValueError, match="start_index=-1"):
        training_dataset(faces_of(folder), SIZE, 1, seed=0, start_index=-1)


def test_real_faces(faces_dir):
    names = read_split(faces_dir / "manifest.csv", "val")[:2]
    faces = FaceFolder(faces_dir / "images", faces_dir / "masks", names)
    pairs = take(evaluation_pairs(faces, 64, seed=0), 3)
    assert [pair["name"].decode() for pair in pairs] == names
    for pair in pairs:
        assert {0, 1, 2, 4, 5, 11, 12} <= set(np.unique(pair["parsing"]))
