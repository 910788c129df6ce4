"""The section `data` of a config: folders or shards, and what is wrong with them."""

import json
import shutil

import pytest

from psfr_tf.config import load_config
from psfr_tf.data import face_loader, layouts
from psfr_tf.data.prepare import Preparation
from psfr_tf.errors import UserError
from psfr_tf.training import run

NO_FOLDER = {"images": None, "masks": None, "manifest": None}
PIXEL_ONLY = {"style_weight": 0, "adversarial_weight": 0}  # quick to trace


@pytest.fixture(scope="module")
def shards(toy_data, tmp_path_factory):
    """The toy faces, four for training and two for validation."""
    output = tmp_path_factory.mktemp("shards")
    faces = layouts.plain_folder(toy_data)
    Preparation(faces, output, None, 3, "folder").run(lambda count: None)
    return output


def test_shards_have_the_same_faces_as_their_folder(write_config, shards):
    from_folder = run.faces_of(load_config(write_config()))
    from_shards = run.faces_of(
        load_config(write_config(data={**NO_FOLDER, "records": str(shards)}))
    )
    for one, other in zip(from_folder, from_shards, strict=True):
        assert one.names == other.names and one.has_masks and other.has_masks
    data = {"records": str(shards), "val_images": 1, "train_split": "train+val"}
    path = write_config(data={**NO_FOLDER, **data})
    train, val = run.faces_of(load_config(path))
    assert (len(train), len(val)) == (6, 1)
    assert run.faces_of(load_config(path, ["data.val_images=0"]))[1] is None


def test_a_run_from_shards_and_a_shard_that_is_damaged_during_it(write_config, shards, tmp_path):
    shards = shutil.copytree(shards, tmp_path / "shards")
    path = write_config(
        model="fpn",
        data={**NO_FOLDER, "records": str(shards)},
        training={"parsing_weights": None},
    )
    run.train(load_config(path), tmp_path / "run", print)
    (line,) = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == 2 and "val_miou" in line

    damaged = shards / "train-00001-of-00002.tfrecord"
    spoiled = bytearray(damaged.read_bytes())
    spoiled[1000] ^= 1
    damaged.write_bytes(spoiled)  # of the same size: only reading it shows the damage
    with pytest.raises(UserError) as caught:
        run.train(load_config(path, ["training.steps=20"]), tmp_path / "run", print)
    message = str(caught.value)
    assert message.startswith(f"{damaged}: damaged after 0 faces (")
    assert message.endswith("; run psfr prepare again") and "\n" not in message
    lines = []
    run.train(load_config(path), tmp_path / "run", lines.append)
    assert lines[-1].endswith("all 2 steps are done already")  # the checkpoint is still there


def test_a_picture_that_is_damaged_during_a_run_is_named(
    write_config, toy_data, tmp_path, monkeypatch
):
    monkeypatch.setattr(face_loader, "MEMORY_LIMIT", 0)
    images = shutil.copytree(toy_data / "images", tmp_path / "images")
    config = load_config(write_config(data={"images": str(images)}, losses=PIXEL_ONLY))
    path = images / "face0.png"
    contents = path.read_bytes()
    path.write_bytes(contents[:100] + bytes(len(contents) - 200) + contents[-100:])
    with pytest.raises(UserError, match=f"{path.name}: cannot decode the picture") as caught:
        run.train(config, tmp_path / "run", print)
    assert "\n" not in str(caught.value)


def test_mistakes_are_found_before_anything_is_built(write_config, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "build_model", None)

    def message(**data):
        config = load_config(write_config(model="fpn", data=data))
        with pytest.raises(UserError) as caught:
            run.train(config, tmp_path / "run", print)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert message(images="nowhere") == "data.images: nowhere: no such folder"
    assert not (tmp_path / "run").exists()
    assert message(**NO_FOLDER, records=str(tmp_path / "none")).startswith("data.records: ")
    assert "it has train (4), val (2)" in message(
        **NO_FOLDER, records=str(shards), train_split="tran"
    )
    assert "data.masks: the face parsing network (model: fpn) learns from" in message(
        images=str(load_config(write_config()).data.images), masks=None, records=None
    )
    shard = shards / "train-00000-of-00002.tfrecord"
    shard.write_bytes(b"")
    assert "shard is damaged (0 bytes" in message(
        **NO_FOLDER, records=str(shards), train_split="train"
    )
    shard.unlink()
    assert message(**NO_FOLDER, records=str(shards), train_split="train") == (
        f"{shard}: the shard is damaged (missing); run psfr prepare again"
    )
