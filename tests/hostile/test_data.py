"""Training data, lists and configs from elsewhere."""

import csv
import json
import shutil
import struct

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.data import records
from psfr_tf.data.face_folder import read_manifest as read_splits
from psfr_tf.data.face_records import FaceRecords
from psfr_tf.errors import UserError
from psfr_tf.evaluation.degradation_manifest import read_manifest

ONE_LINE = r"^[^\n\x1b]+$"


def png(side=8):
    return tf.io.encode_png(np.zeros((side, side, 3), np.uint8)).numpy()


@pytest.fixture
def folder(tmp_path):
    """Two faces in a shard, and the index."""
    faces = [records.Record(name, "train", png(), None) for name in "ab"]
    shard = records.write_shard(tmp_path / "train-00000-of-00001.tfrecord", faces)
    records.write_index(tmp_path, {"masks": False}, [shard])
    return tmp_path


def test_good_records_are_read(folder):
    faces = FaceRecords(folder, "train")
    assert faces.names == ["a", "b"]
    assert faces.read(tf.constant(1))[0].numpy() == png()


@pytest.mark.parametrize("length", [4 * 10**12, 2**63, 2**64 - 1, 0, 10])
def test_lengths_of_records_are_not_believed(folder, length):
    path = folder / "train-00000-of-00001.tfrecord"
    content = bytearray(path.read_bytes())
    content[:8] = struct.pack("<Q", length)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"tfrecord: .*damaged"):
        FaceRecords(folder, "train")
    with pytest.raises(UserError, match=r"tfrecord: .*damaged"):
        records.read_shard(path, "train")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../outside"),
        ("file", "/etc/passwd"),
        ("file", "a\0b"),
        ("bytes", "100"),
        ("bytes", -1),
        ("names", ["a"]),
        ("names", ["a", "../b"]),
        ("names", ["a", "b\nc"]),
        ("names", "ab"),
        ("offsets", [0, 2**70]),
        ("offsets", [0, 1]),
        ("offsets", [0, -1]),
        ("split", None),
    ],
)
def test_an_index_names_only_what_is_there(folder, key, value):
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0][key] = value
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=ONE_LINE):
        FaceRecords(folder, "train")


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", '{"format_version": 1, "shards": 3}'])
def test_an_index_of_another_shape(folder, text):
    (folder / "index.json").write_text(text)
    with pytest.raises(UserError, match=ONE_LINE):
        FaceRecords(folder, "train")


def test_a_picture_of_a_record_is_not_decoded_before_its_size_is_known():
    large = bytearray(png())
    large[16:24] = struct.pack(">II", 30_000, 30_000)
    record = records.Record("a", "train", bytes(large), None)
    with pytest.raises(UserError, match=r"a: .* 1\.\.4096 px; height, width: 30000 30000$"):
        records.check_decodes(record, "x.tfrecord")


def test_hostile_records(hostile, tmp_path):
    folder = shutil.copytree(hostile / "records", tmp_path / "records")
    try:
        FaceRecords(folder, "train").find_damage()
    except UserError as error:
        assert "\n" not in str(error)


YAML = [
    "a: &a [x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 8)}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "a: " + "[" * 5000,
    "a: " + "{a: " * 5000,
    "model: &a [*a]",
    "model: 2020-99-99",
    f"training: {{steps: {'9' * 6000}}}",
    "? [a]\n: 1",
    "<<: 3",
    'model: "\\e[2J"',
    "1: 2",
    "!!python/object/apply:os.system ['true']",
    "x" * (2**20 + 2),
]


@pytest.mark.parametrize("name", ["..", "../x", "a\\x1b[2J", "", ".a", "a" * 300])
def test_names_in_a_plan_of_an_evaluation_are_plain(tmp_path, name):
    """They are those of folders for pictures."""
    from psfr_tf.evaluation.plan import load_plan

    path = tmp_path / "plan.yaml"
    text = f'data: {{faces: x}}\nsystems: [{{name: "{name}", weights: psfr-mobile-256}}]\n'
    path.write_text(text)
    with pytest.raises(UserError, match=r"^[^\n\x1b]*plan\.yaml: systems\.0\.name: [^\n\x1b]+$"):
        load_plan(path)


@pytest.mark.parametrize("text", YAML, ids=range(len(YAML)))
def test_yaml_is_bounded(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=ONE_LINE):
        load_config(path)


def test_hostile_yaml(hostile):
    for path in sorted((hostile / "yaml").iterdir()):
        with pytest.raises(UserError, match=ONE_LINE):
            load_config(path)


def test_hostile_manifests(hostile):
    for path in sorted((hostile / "manifest").iterdir()):
        with pytest.raises(UserError, match=ONE_LINE):
            read_manifest(path)


@pytest.mark.parametrize(
    "name", ["../a", "a/b", ".", "", "a\nb", "a\x1bb", "a" * 300, "a" * 200_000]
)
def test_names_in_a_list_of_splits_are_plain(tmp_path, name):
    path = tmp_path / "manifest.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["name", "split"], [name, "train"]])
    with pytest.raises(UserError, match=ONE_LINE):
        read_splits(path)


def test_what_a_degraded_set_says_is_read_back(tmp_path):
    """Every draw lies in the ranges that are checked."""
    from psfr_tf.data.degradation import Degradation
    from psfr_tf.evaluation.degradation_manifest import drawn_values, parameters

    for size in (64, 256, 512):
        degradation = Degradation("release", size)
        draw = tf.function(degradation.draw)
        for seed in range(30):
            drawn = draw(tf.constant([seed, 3]))
            values = {name: str(value) for name, value in drawn_values(drawn).items()}
            parameters(values, degradation)


def test_a_record_is_not_decoded_in_training_before_its_size_is_known(tmp_path):
    """The shard is sound, so only its reader can see it; written as `write_shard` would refuse."""
    from psfr_tf.data.face_loader import face_loader, find_damage

    large = bytearray(png())
    large[16:24] = struct.pack(">II", 30_000, 30_000)
    scans = tf.io.encode_jpeg(np.zeros((8, 8, 3), np.uint8), progressive=True).numpy()
    scan = scans[scans.rindex(b"\xff\xda") : -2]
    many = scans[:-2] + scan * 100 + scans[-2:]
    mask = tf.io.encode_png(np.zeros((8, 8, 1), np.uint8)).numpy()
    bad = {"a": (bytes(large), mask), "b": (png(), bytes(large)), "c": (many, mask)}
    path = tmp_path / "train-00000-of-00001.tfrecord"
    for image, its_mask in bad.values():
        record = records.Record("a", "train", image, its_mask)
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(records._serialize(record))
        shard = records.Shard(
            file=path.name, split="train", bytes=path.stat().st_size, names=["a"], offsets=[0]
        )
        records.write_index(tmp_path, {"masks": True}, [shard])
        faces = FaceRecords(tmp_path, "train")
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be 1\.\.4096|64 scans"):
            face_loader(faces, 16, keep=False)(tf.constant(0))
        with pytest.raises(UserError, match=r"tfrecord: .*(must be 1\.\.4096|64 scans)"):
            find_damage(faces)
