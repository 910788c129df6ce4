"""`psfr prepare`: what is stored, what is left out, interruption, damage."""

import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from psfr_tf.data import layouts, records
from psfr_tf.data.face_error import CORRUPT_FILE, UNKNOWN_COLOR, WRONG_SIZE
from psfr_tf.data.face_records import FaceRecords
from psfr_tf.data.layouts import FaceFiles
from psfr_tf.data.prepare import Preparation, read_face
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError


def prepare(root: Path, output: Path, size=None, shard_size=2) -> Preparation:
    output.mkdir(exist_ok=True)
    faces = layouts.ffhq(root, root / "masks")
    faces.check_headers(size or 0)
    preparation = Preparation(faces, output, size, shard_size, "ffhq")
    preparation.run(lambda count: None)
    return preparation


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def stored(folder: Path, split: str) -> list[records.Record]:
    paths = sorted(str(path) for path in folder.glob(f"{split}-*.tfrecord"))
    return [records.parse(item) for item in tf.data.TFRecordDataset(paths).as_numpy_iterator()]


def pixels(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)))


def test_pictures_are_kept_byte_by_byte_and_masks_become_gray_maps(ffhq, tmp_path):
    preparation = prepare(ffhq, tmp_path / "out")
    assert not preparation.faults and len(preparation.written) == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "index.json",
        "train-00000-of-00003.tfrecord",
        "train-00001-of-00003.tfrecord",
        "train-00002-of-00003.tfrecord",
        "val-00000-of-00001.tfrecord",
    ]
    train = stored(tmp_path / "out", "train")
    assert [record.name for record in train] == ["00000", "00001", "00999", "01000", "59999"]
    assert train[3].image == (ffhq / "images1024x1024" / "01000" / "01000.png").read_bytes()
    for seed, record in enumerate(train):
        mask = Image.open(io.BytesIO(record.mask))
        assert mask.mode == "L"
        np.testing.assert_array_equal(np.asarray(mask), draw_face(seed, 64)[1][1::2, 1::2])
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert index["complete"] and index["splits"] == {"train": 5, "val": 1}
    assert index["shards"][2]["names"] == ["59999"]
    offset = index["shards"][0]["offsets"][1]
    shard = (tmp_path / "out" / "train-00000-of-00003.tfrecord").read_bytes()
    length = int.from_bytes(shard[offset : offset + 8], "little")
    assert records.parse(shard[offset + 12 : offset + 12 + length]).name == "00001"


def test_smaller_size_averages_pictures_and_thins_masks(ffhq, tmp_path):
    prepare(ffhq, tmp_path / "out", size=16)
    first = stored(tmp_path / "out", "train")[0]
    averaged = draw_face(0, 64)[0].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(pixels(first.image) - averaged).max() <= 0.51
    np.testing.assert_array_equal(pixels(first.mask), draw_face(0, 64)[1][1::2, 1::2][1::2, 1::2])


def test_celebamask_hq_goes_into_three_splits(celebamask_hq, tmp_path):
    faces = layouts.celebamask_hq(celebamask_hq)
    (tmp_path / "out").mkdir()
    Preparation(faces, tmp_path / "out", None, 10, "celebamask-hq").run(lambda count: None)
    for split, seeds in (("train", (0, 4)), ("val", (1, 2)), ("test", (3,))):
        found = stored(tmp_path / "out", split)
        assert len(found) == len(seeds)
        for seed, record in zip(seeds, found, strict=True):
            np.testing.assert_array_equal(pixels(record.mask), draw_face(seed, 64)[1])


@pytest.mark.parametrize("kind", ["webp", "oriented", "profile", "gray", "alpha"])
def test_pictures_that_a_decoder_would_show_otherwise_are_stored_upright_as_png(kind, tmp_path):
    from PIL import ImageCms

    rgb = draw_face(1, 64)[0]
    image, path, options = Image.fromarray(rgb), tmp_path / "face.png", {}
    expected = rgb
    if kind == "webp":
        path, options = tmp_path / "face.webp", {"lossless": True}
    elif kind == "oriented":
        exif = Image.Exif()
        exif[0x0112] = 3  # half a turn
        options, expected = {"exif": exif}, rgb[::-1, ::-1]
    elif kind == "profile":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        options = {"icc_profile": profile.tobytes()}
    elif kind == "gray":
        image = image.convert("L")
        expected = np.asarray(image)
    else:
        image.putalpha(200)
    image.save(path, **options)
    record = read_face(FaceFiles("face", "train", path), None)
    assert (record.image == path.read_bytes()) == (kind == "gray")
    decoded = tf.io.decode_image(record.image, channels=3).numpy()
    if kind == "gray":
        expected = np.dstack([expected] * 3)
    assert np.abs(decoded.astype(int) - expected).max() <= 1


def spoil(root: Path) -> None:
    """One picture that does not decode, one map with an unknown color, one of wrong size."""
    path = root / "images1024x1024" / "00000" / "00000.png"
    spoiled = bytearray(path.read_bytes())
    spoiled[len(spoiled) // 2] ^= 0xFF
    path.write_bytes(spoiled)
    Image.new("RGB", (32, 32), (1, 2, 3)).save(root / "masks" / "00001.png")
    Image.new("L", (32, 31)).save(root / "masks" / "60000.png")


def test_bad_faces_are_left_out_and_good_ones_go_through(ffhq, tmp_path):
    spoil(ffhq)
    preparation = prepare(ffhq, tmp_path / "out")
    assert Counter(error.kind for _, error in preparation.faults) == {
        CORRUPT_FILE: 1,
        UNKNOWN_COLOR: 1,
        WRONG_SIZE: 1,
    }
    index = records.read_index(tmp_path / "out")
    # Shards of which no face is left are not written; the others keep their names.
    assert [shard["file"] for shard in index["shards"]] == [
        "train-00001-of-00003.tfrecord",
        "train-00002-of-00003.tfrecord",
    ]
    assert index["splits"] == {"train": 3}


def test_mended_faces_are_taken_up_and_other_shards_kept(ffhq, tmp_path):
    whole = prepare(ffhq, tmp_path / "whole") and contents(tmp_path / "whole")
    mask = ffhq / "masks" / "00999.png"
    good = mask.read_bytes()
    Image.new("L", (32, 32), 77).save(mask)
    assert len(prepare(ffhq, tmp_path / "out").faults) == 1
    again = prepare(ffhq, tmp_path / "out")
    assert len(again.kept) == 4 and len(again.faults) == 1
    mask.write_bytes(good)
    again = prepare(ffhq, tmp_path / "out")
    assert again.repaired == ["train-00001-of-00003.tfrecord"] and len(again.kept) == 3
    assert not again.faults and contents(tmp_path / "out") == whole


KILLED = """
import os, signal, sys
from pathlib import Path
from psfr_tf.data import layouts, records
from psfr_tf.data.prepare import Preparation

root, output, fatal = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
serialize, calls = records._serialize, []

def serialize_or_die(record):
    calls.append(record)
    if len(calls) == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return serialize(record)

records._serialize = serialize_or_die
faces = layouts.ffhq(root, root / "masks")
Preparation(faces, output, None, 2, "ffhq").run(lambda count: None)
"""


def test_killed_in_the_middle_of_a_shard_it_resumes_to_the_same_bytes(ffhq, tmp_path):
    spoil(ffhq)
    prepare(ffhq, tmp_path / "straight")
    output = tmp_path / "out"
    output.mkdir()
    command = [sys.executable, "-c", KILLED, str(ffhq), str(output), "2"]
    killed = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = sorted(path.name for path in output.iterdir())
    assert len(left) == 2 and left[0].startswith(".partial-") and left[1] == "index.json"
    with pytest.raises(UserError, match="psfr prepare has not finished here; run it again"):
        FaceRecords(output, "train")
    resumed = prepare(ffhq, output)
    assert len(resumed.faults) == 3
    assert contents(output) == contents(tmp_path / "straight")


def test_stopped_between_shards_it_keeps_the_finished_ones(ffhq, tmp_path):
    prepare(ffhq, tmp_path / "straight")
    output = tmp_path / "out"
    output.mkdir()
    done = []

    def stop(count: int) -> None:
        done.append(count)
        if len(done) == 4:
            raise KeyboardInterrupt

    faces = layouts.ffhq(ffhq, ffhq / "masks")
    with pytest.raises(KeyboardInterrupt):
        Preparation(faces, output, None, 2, "ffhq").run(stop)
    first = output / "train-00000-of-00003.tfrecord"
    before = first.stat().st_mtime_ns
    resumed = prepare(ffhq, output)
    assert resumed.kept == [first.name] and len(resumed.written) == 3
    assert first.stat().st_mtime_ns == before
    assert contents(output) == contents(tmp_path / "straight")


@pytest.mark.parametrize("damage", ["one bit", "cut short", "gone", "other faces"])
def test_damaged_shards_are_found_and_written_again(ffhq, tmp_path, damage):
    output = tmp_path / "out"
    prepare(ffhq, output)
    straight = contents(output)
    path = output / "train-00001-of-00003.tfrecord"
    spoiled = bytearray(path.read_bytes())
    spoiled[1000] ^= 1
    if damage == "one bit":
        path.write_bytes(spoiled)
        with pytest.raises(UserError, match=r"train-00001-of-00003\.tfrecord: damaged after 0"):
            records.read_shard(path, "train")
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "other faces":
        path.write_bytes((output / "train-00000-of-00003.tfrecord").read_bytes())
    else:
        path.unlink()
    if damage != "one bit":  # the checksums are verified when the faces are read
        with pytest.raises(UserError, match=r"train-00001-of-00003\.tfrecord: the shard is damag"):
            FaceRecords(output, "train")
    again = prepare(ffhq, output)
    assert again.written + again.repaired == [path.name] and len(again.kept) == 3
    assert contents(output) == straight


def test_what_was_not_read_back_gets_no_name(ffhq, tmp_path, monkeypatch):
    def serialize(record):
        broken = records.Record(record.name, record.split, b"no picture", record.mask)
        return original(broken)

    original = records._serialize
    monkeypatch.setattr(records, "_serialize", serialize)
    with pytest.raises(UserError, match="00000: "):
        prepare(ffhq, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.json"]


def test_other_options_or_faces_are_refused(ffhq, tmp_path):
    prepare(ffhq, tmp_path / "out")
    with pytest.raises(UserError, match=r"other faces or options \(size: None, now 32\)"):
        prepare(ffhq, tmp_path / "out", size=32)
    (ffhq / "images1024x1024" / "01000" / "01000.png").unlink()
    with pytest.raises(UserError, match=r"other faces or options \(faces: 6, now 5\)"):
        prepare(ffhq, tmp_path / "out")


def test_no_usable_face_is_one_line(ffhq, tmp_path):
    for path in (ffhq / "masks").iterdir():
        Image.new("L", (32, 32), 50).save(path)
    with pytest.raises(UserError, match="none of the faces can be used"):
        prepare(ffhq, tmp_path / "out")


def test_check_finds_the_same_faults_and_writes_nothing(ffhq, tmp_path):
    spoil(ffhq)
    faces = layouts.ffhq(ffhq, ffhq / "masks")
    faces.check_headers()
    (tmp_path / "out").mkdir()
    preparation = Preparation(faces, tmp_path / "out", None, 2, "ffhq")
    preparation.check(lambda count: None)
    assert {name for name, _ in preparation.faults} == {"00000", "00001", "60000"}
    assert not list((tmp_path / "out").iterdir())
