"""The TFRecord format of faces: shards of `tf.train.Example`, and one index of all of them.

A folder holds `SPLIT-00000-of-00012.tfrecord`, ... and `index.json`. Each record has the features
(all bytes, one value)

    name    name of the face
    split   "train", "val", "test" or another name
    image   an encoded JPEG or PNG picture, square, RGB or gray
    mask    an 8-bit gray PNG whose pixel values are the labels 0..18, square; absent without masks

`index.json` lists the names and the byte offset of every record, so that a reader can go straight
to any face. The format of a TFRecord file (8 bytes length, 4 bytes CRC, data, 4 bytes CRC) is in
TensorFlow's guide "TFRecord and tf.train.Example".
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field, model_validator

from psfr_tf import files
from psfr_tf.data.decoding import checked_shape, decode_rgb
from psfr_tf.data.face_folder import MAX_SIDE
from psfr_tf.errors import UserError, cause
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.yaml_file import PlainName, validated

INDEX = "index.json"
FORMAT_VERSION = 1
_FRAME = 16  # bytes of a record beside its data
# An aligned face, whatever its format.
MAX_RECORD_BYTES = 2**28
MAX_INDEX_BYTES = 2**28


class Shard(BaseModel):
    """What the index says of one shard.

    Attributes:
        file: name of the file.
        split: split of all its faces.
        bytes: size of the file.
        names: names of its faces in their order.
        offsets: position in bytes of the record of each face.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    file: PlainName
    split: PlainName
    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    names: list[PlainName]
    offsets: list[Annotated[int, Field(ge=0, lt=2**63)]]

    @model_validator(mode="after")
    def _alike(self):
        if len(self.names) != len(self.offsets):
            raise ValueError(f"{len(self.names)} names and {len(self.offsets)} offsets")
        return self


class _Index(BaseModel):
    """What is read of `index.json`; other keys describe where the faces are from."""

    model_config = ConfigDict(strict=True)

    complete: bool
    masks: bool
    splits: dict[str, int]
    shards: list[Shard]


@dataclasses.dataclass(frozen=True)
class Record:
    """One face as stored. `mask` is None where the data set has no parsing maps."""

    name: str
    split: str
    image: bytes
    mask: bytes | None


def write_shard(path: Path, records: Sequence[Record]) -> Shard:
    """Write one shard, read it back, and only then give it its name.

    The bytes depend on the records alone.

    Raises:
        UserError: what was read back is not what was written.
        OSError, tf.errors.OpError: it cannot be written.
    """
    with files.atomic_path(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in records:
                writer.write(_serialize(record))
        shard = read_shard(temporary, records[0].split, decode=True)
        if shard.names != [record.name for record in records]:
            raise UserError(f"{path}: what was read back is not what was written")
        return shard.model_copy(update={"file": path.name})


def read_shard(path: Path, split: str, decode: bool = False) -> Shard:
    """Verify a shard: where its records begin, the checksum of each, the split.

    Args:
        path: the file.
        split: the split that all its faces must have.
        decode: also decode every picture and parsing map, with TensorFlow as training does.

    Raises:
        UserError: the shard is damaged or of another split; the message names it.
    """
    names: list[str] = []
    try:
        offsets = record_offsets(path)
        for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            record = parse(serialized)
            if record.split != split:
                raise UserError(f"{path}: {record.name} is of split {record.split}, not {split}")
            if decode:
                check_decodes(record, path)
            names.append(record.name)
    except (tf.errors.OpError, ValueError, OSError) as error:
        why = cause(error)
        raise UserError(f"{path}: damaged after {len(names)} faces ({why})") from error
    # Not checked: the name may be that of a temporary file.
    return Shard.model_construct(
        file=path.name, split=split, bytes=path.stat().st_size, names=names, offsets=offsets
    )


def record_offsets(path: Path) -> list[int]:
    """Where each record of a TFRecord file begins, from the lengths alone.

    TensorFlow believes a length: it takes that much memory, and crashes where there is none.

    Raises:
        ValueError: a length leads past the end of the file.
    """
    offsets: list[int] = []
    position, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or length > min(MAX_RECORD_BYTES, size - position - _FRAME):
                raise ValueError(f"record {len(offsets)} at byte {position}: not a record")
            offsets.append(position)
            position += _FRAME + length
    return offsets


def parse(serialized: bytes) -> Record:
    """The face in one record.

    Raises:
        ValueError: the record is none of a face.
    """
    example = tf.train.Example()
    try:
        example.ParseFromString(serialized)
    except Exception as error:  # protobuf's DecodeError, which has moved between versions
        raise ValueError("not a tf.train.Example") from error
    values = {key: feature.bytes_list.value for key, feature in example.features.feature.items()}
    if not all(values.get(key) for key in ("name", "split", "image")):
        raise ValueError("a record without name, split or image")
    if not files.is_plain_name(values["name"][0].decode()):
        raise ValueError(f"the name {values['name'][0]!r:.100} is no plain file name")
    return Record(
        values["name"][0].decode(),
        values["split"][0].decode(),
        values["image"][0],
        values["mask"][0] if values.get("mask") else None,
    )


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _checked_shape(content: tf.Tensor) -> tf.Tensor:
    return checked_shape(content, MAX_SIDE)


def check_decodes(record: Record, path: str | os.PathLike) -> None:
    """Decode a face with TensorFlow.

    Raises:
        UserError: it does not decode, or is not what the format says.
    """
    try:
        for content in filter(None, (record.image, record.mask)):
            _checked_shape(content)
        image = decode_rgb(record.image)
        fault = None if image.shape[0] == image.shape[1] else "the picture is not square"
        if record.mask is not None:
            mask = tf.io.decode_png(record.mask, channels=1)
            if mask.shape[0] != mask.shape[1] or tf.reduce_max(mask) >= NUM_CLASSES:
                fault = "the parsing map is not a square map of labels 0..18"
    except (tf.errors.OpError, ValueError) as error:
        fault = cause(error)
    if fault:
        raise UserError(f"{path}: {record.name}: {fault}")


def write_index(folder: Path, description: dict[str, Any], shards: Sequence[Shard] | None) -> None:
    """Write `index.json`; `shards` is None while the folder is being filled."""
    index = {
        "format_version": FORMAT_VERSION,
        **description,
        "complete": shards is not None,
        "splits": {},
        "shards": [shard.model_dump() for shard in shards or []],
    }
    for shard in shards or []:
        splits = index["splits"]
        splits[shard.split] = splits.get(shard.split, 0) + len(shard.names)
    files.write_json(folder / INDEX, index)


def read_index(folder: Path) -> dict[str, Any]:
    """The contents of `index.json`.

    Raises:
        UserError: there is none, or it is of another format.
    """
    path = folder / INDEX
    try:
        index = json.loads(files.read_bounded(path, MAX_INDEX_BYTES))
        version = index["format_version"]
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no {INDEX} in this folder; psfr prepare writes folders of TFRecord shards"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: cannot read the index of the shards ({error})") from error
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: format version {version}, this version reads {FORMAT_VERSION}")
    validated(_Index, index, path)
    return index


def _serialize(record: Record) -> bytes:
    values = {"name": record.name.encode(), "split": record.split.encode(), "image": record.image}
    if record.mask is not None:
        values["mask"] = record.mask
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in values.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The order of a protobuf map is otherwise not fixed.
    return example.SerializeToString(deterministic=True)
