"""Training and evaluation from TFRecord shards."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.data import layouts
from psfr_tf.data.datasets import FaceFolder, FaceRecords, evaluation_pairs, training_dataset
from psfr_tf.data.layouts import FaceList
from psfr_tf.data.prepare import Preparation
from psfr_tf.data.service import start_dispatcher, start_worker
from psfr_tf.errors import UserError

SIZE = 48  # not a divisor of the faces' 64 and of the masks' 32 pixels


@pytest.fixture
def shards(ffhq, tmp_path):
    """The drawn FFHQ, two faces to a shard."""
    output = tmp_path / "shards"
    output.mkdir()
    faces = layouts.ffhq(ffhq, ffhq / "masks")
    Preparation(faces, output, None, 2, "ffhq").run(lambda count: None)
    return output


def take(dataset: tf.data.Dataset, count: int) -> list[dict]:
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_same(first: list[dict], second: list[dict]) -> None:
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_splits_names_and_limit(shards):
    train = FaceRecords(shards, "train")
    assert train.names == ["00000", "00001", "00999", "01000", "59999"]
    assert FaceRecords(shards, "train", limit=3).names == train.names[:3]
    assert len(FaceRecords(shards, "val+train")) == 6
    assert train.has_masks
    with pytest.raises(UserError, match=r"no face of split 'test'; it has train \(5\), val \(1\)"):
        FaceRecords(shards, "test")


def test_stream_equals_that_of_the_same_folder(shards, ffhq):
    train = FaceRecords(shards, "train")
    folder = FaceFolder(ffhq / "images1024x1024", ffhq / "masks", train.names)
    for options in ({}, {"shuffle": False, "repeat": False, "form": "release"}):
        from_shards = training_dataset(train, SIZE, 2, seed=5, **options)
        from_files = training_dataset(folder, SIZE, 2, seed=5, **options)
        assert from_shards.element_spec == from_files.element_spec
        assert_same(take(from_shards, 7), take(from_files, 7))


def test_resumed_at_any_sample_the_stream_goes_on_as_if_uninterrupted(shards):
    train = FaceRecords(shards, "train")
    options = {"seed": 1, "augment": "mild"}
    whole = take(training_dataset(train, SIZE, 1, **options), 12)
    for start_index in (1, 5, 9):
        resumed = training_dataset(train, SIZE, 1, start_index=start_index, **options)
        assert_same(whole[start_index:], take(resumed, 12 - start_index))


def test_skipped_faces_are_not_read(shards):
    """Were it otherwise, the damaged record would be met."""
    train = FaceRecords(shards, "train")
    path = shards / "train-00000-of-00003.tfrecord"
    spoiled = bytearray(path.read_bytes())
    spoiled[1000] ^= 1
    path.write_bytes(spoiled)
    options = {"seed": 0, "shuffle": False, "repeat": False}
    with pytest.raises(tf.errors.DataLossError):
        take(training_dataset(train, SIZE, 1, **options), 1)
    assert len(take(training_dataset(train, SIZE, 1, start_index=1, **options), 9)) == 4


def test_evaluation_pairs_visit_each_face_once(shards):
    train = FaceRecords(shards, "train", limit=3)
    pairs = take(evaluation_pairs(train, SIZE, seed=0), 10)
    assert [pair["name"] for pair in pairs] == [b"00000", b"00001", b"00999"]
    assert pairs[0].keys() == {"lq", "hq", "parsing", "name"}
    assert_same(pairs, take(evaluation_pairs(train, SIZE, seed=0), 10))


def test_shards_without_masks_have_no_parsing(ffhq, tmp_path):
    faces: FaceList = layouts.ffhq(ffhq)
    (tmp_path / "out").mkdir()
    Preparation(faces, tmp_path / "out", 32, 10, "ffhq").run(lambda count: None)
    train = FaceRecords(tmp_path / "out", "train")
    assert not train.has_masks
    (batch,) = take(training_dataset(train, SIZE, 5, seed=0), 1)
    assert batch.keys() == {"lq", "hq"}


def test_workers_of_a_service_get_no_python_function(shards, monkeypatch, op_types):
    monkeypatch.setattr(tf.data.experimental.service, "distribute", lambda *_: lambda made: made)
    dataset = training_dataset(
        FaceRecords(shards, "train"), SIZE, 2, seed=0, service="grpc://localhost:1"
    )
    ops = op_types(dataset)
    assert {"TFRecordDatasetV2", "DecodePng"} <= ops
    assert not [op for op in ops if "PyFunc" in op]


def test_tf_data_service_gives_the_same_stream(shards):
    faces = FaceRecords(shards, "train")
    dispatcher = start_dispatcher()
    worker = start_worker(dispatcher.target.removeprefix("grpc://"))
    local = take(training_dataset(faces, SIZE, 2, seed=0), 4)
    served = take(training_dataset(faces, SIZE, 2, seed=0, service=dispatcher.target), 4)
    for one, other in zip(local, served, strict=True):
        np.testing.assert_array_equal(one["hq"], other["hq"])
        # The worker does without OpenCV: the same choices, other roundings.
        assert np.abs(one["lq"] - other["lq"]).mean() < 2.0 / 127.5
    worker._stop()


def test_a_folder_without_index_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no index\.json in this folder; psfr prepare writes"):
        FaceRecords(tmp_path, "train")
    (tmp_path / "index.json").write_text('{"format_version": 99}')
    with pytest.raises(UserError, match=r"format version 99, this version reads 1"):
        FaceRecords(tmp_path, "train")
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read the index"):
        FaceRecords(tmp_path, "train")
