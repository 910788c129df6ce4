"""Faces in TFRecord shards, read one by one in any order inside a `tf.data` graph."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from psfr_tf.data import records
from psfr_tf.errors import UserError


class FaceRecords:
    """Faces of a folder that `psfr prepare` has written.

    Shards keep the number of files small; a face is still read where its record begins, which
    `index.json` says, with a checksum. So epochs are shuffled completely, nothing that is not used
    is read, and no buffer of faces is kept in memory.

    Args:
        folder: folder with `index.json` and the shards.
        split: "train", "val", ...; or several as "train+val".
        limit: use the first so many faces at most.

    Attributes:
        names: list of the names of the faces, in the order of the index.
        has_masks: whether there are parsing maps.

    Raises:
        UserError: no such folder, an unfinished one, no face of that split, or a shard that is
            missing or has another size than the index says.
    """

    def __init__(self, folder: str | os.PathLike, split: str, limit: int | None = None):
        folder = Path(folder)
        index = records.read_index(folder)
        if not index["complete"]:
            raise UserError(f"{folder}: psfr prepare has not finished here; run it again")
        wanted = split.split("+")
        shards = [shard for shard in index["shards"] if shard["split"] in wanted]
        if not shards:
            raise UserError(f"{folder}: no face of split {split!r}; it has {_known(index)}")
        for shard in shards:
            path = folder / shard["file"]
            try:
                if not path.is_file():  # a pipe would be waited for
                    raise ValueError("missing")
                size = path.stat().st_size
                if size != shard["bytes"]:
                    raise ValueError(f"{size} bytes, not {shard['bytes']}")
                if records.record_offsets(path) != shard["offsets"]:
                    raise ValueError(f"its records are not where {records.INDEX} says")
            except (ValueError, OSError) as error:
                raise UserError(
                    f"{path}: the shard is damaged ({error}); run psfr prepare again"
                ) from None
        self.names: list[str] = [name for shard in shards for name in shard["names"]][:limit]
        self.has_masks: bool = index["masks"]
        counts = [len(shard["names"]) for shard in shards]
        self._splits = [shard["split"] for shard in shards]
        self._paths = [str((folder / shard["file"]).resolve()) for shard in shards]
        self._shards = np.repeat(np.arange(len(shards)), counts)[:limit]
        self._offsets = np.concatenate([np.array(shard["offsets"]) for shard in shards])[:limit]

    def __len__(self) -> int:
        return len(self.names)

    def find_damage(self) -> None:
        """Read all shards of the split.

        Raises:
            UserError: names the first damaged shard.
        """
        for path, split in zip(self._paths, self._splits, strict=True):
            try:
                records.read_shard(Path(path), split, decode=True)
            except UserError as error:
                raise UserError(f"{error}; run psfr prepare again") from error

    def read(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Encoded picture and encoded parsing map of one face, string scalars.

        Runs in a graph. The parsing map is "" where there is none. A damaged record is a
        `tf.errors.DataLossError`.

        Args:
            index: place of the face in `names`, integer scalar.
        """
        path = tf.gather(tf.constant(self._paths), tf.gather(self._shards, index))
        # tf.data.TFRecordDataset has no argument for the offset; the op below it does.
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=[path],
            compression_type="",
            buffer_size=256 * 1024,
            byte_offsets=[tf.gather(tf.constant(self._offsets, tf.int64), index)],
        )
        serialized = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
        features = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "mask": tf.io.FixedLenFeature([], tf.string, default_value=""),
        }
        record = tf.io.parse_single_example(serialized.take(1).get_single_element(), features)
        return record["image"], record["mask"]


def _known(index: dict) -> str:
    return ", ".join(f"{split} ({count})" for split, count in index["splits"].items()) or "none"
