"""Write the faces of a data set to TFRecord shards; an interrupted run can be continued.

Every face has its place in a shard before any file is opened for good: shard k of a split covers
its faces k n to k n + n - 1, and a face that cannot be used leaves a gap. A shard therefore does
not depend on what happened to the others, and finished ones are kept when the run is repeated.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from psfr_tf.data import records
from psfr_tf.data.decoding import decode_rgb
from psfr_tf.data.face_error import FaceError
from psfr_tf.data.layouts import FaceFiles, FaceList
from psfr_tf.data.layouts.celebamask_hq import compose_parts
from psfr_tf.data.parsing_map import read_labels, resize_labels
from psfr_tf.data.records import Record, Shard
from psfr_tf.errors import UserError, cause
from psfr_tf.photo import read_photo


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """A shard to be written: its file name, its split, and the faces that have a place in it."""

    file: str
    split: str
    faces: list[FaceFiles]


class Preparation:
    """The shards of a data set.

    Args:
        faces: the faces; those with faults are left out.
        output: folder of the shards, which must exist.
        size: side of the stored pictures in pixels; None keeps every picture as it is.
        shard_size: places in a shard.
        layout: name of the layout, for the index.

    Attributes:
        faults: (name, what is wrong) of every face left out so far.
        plan: list of `PlannedShard`.
        kept, written, repaired: names of shards that were found good, missing, or found bad.

    Raises:
        UserError: the folder holds shards of other faces or options, or a split has a name that
            no file can have.
    """

    def __init__(
        self, faces: FaceList, output: Path, size: int | None, shard_size: int, layout: str
    ):
        self.faults = list(faces.faults)
        self.plan = _plan(faces.faces, shard_size)
        self.kept: list[str] = []
        self.written: list[str] = []
        self.repaired: list[str] = []
        self._output = output
        self._size = size
        self._at_fault = {name for name, _ in faces.faults}
        listing = "\n".join(f"{face.name}\t{face.split}" for face in faces.faces)
        self._description = {
            "layout": layout,
            "size": size,
            "masks": faces.has_masks,
            "shard_size": shard_size,
            "faces": len(faces.faces),
            "faces_sha256": hashlib.sha256(listing.encode()).hexdigest(),
        }
        if (output / records.INDEX).exists():
            found = records.read_index(output)
            for key, value in self._description.items():
                if found.get(key) != value:
                    raise UserError(
                        f"{output}: holds shards of other faces or options ({key}: "
                        f"{found.get(key)}, now {value}); choose another --output or delete it"
                    )

    def check(self, progress: Callable[[int], object]) -> None:
        """Read and decode every face without writing; `progress` gets the number of faces done."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for shard in self.plan:
                self._read(pool, shard.faces, progress)

    def run(self, progress: Callable[[int], object]) -> None:
        """Write and verify every shard that is not there in good order, then the index.

        Raises:
            UserError: a shard cannot be written or verified, or no face can be used.
        """
        try:
            # Left by a run that was killed.
            for partial in self._output.glob(".partial-*.tfrecord"):
                partial.unlink()
            if not (self._output / records.INDEX).exists():
                records.write_index(self._output, self._description, None)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                tried = [self._shard(pool, planned, progress) for planned in self.plan]
            shards = [shard for shard in tried if shard is not None]
            if not shards:
                raise UserError(f"{self._output}: none of the faces can be used")
            records.write_index(self._output, self._description, shards)
        except (OSError, tf.errors.OpError) as error:
            raise UserError(f"{self._output}: cannot write the shards ({cause(error)})") from error

    def _shard(
        self, pool: ThreadPoolExecutor, planned: PlannedShard, progress: Callable[[int], object]
    ) -> Shard | None:
        path = self._output / planned.file
        faults = len(self.faults)
        existed = path.exists()
        if existed:
            shard = self._existing(pool, planned)
            if shard is not None:
                progress(len(planned.faces))
                self.kept.append(planned.file)
                return shard
        del self.faults[faults:]
        found = self._read(pool, planned.faces, progress)
        if not found:
            path.unlink(missing_ok=True)
            return None
        shard = records.write_shard(path, found)
        (self.repaired if existed else self.written).append(planned.file)
        return shard

    def _existing(self, pool: ThreadPoolExecutor, planned: PlannedShard) -> Shard | None:
        """The shard that already exists, if it holds all it can."""
        path = self._output / planned.file
        try:
            shard = records.read_shard(path, planned.split)
        except UserError:
            return None
        present = set(shard.names)
        if shard.names != [face.name for face in planned.faces if face.name in present]:
            return None
        # A face that was left out may have been mended since.
        absent = [face for face in planned.faces if face.name not in present]
        return None if self._read(pool, absent, lambda count: None) else shard

    def _read(
        self,
        pool: ThreadPoolExecutor,
        faces: list[FaceFiles],
        progress: Callable[[int], object],
    ) -> list[Record]:
        found = []
        for face, result in zip(faces, pool.map(self._try_read, faces), strict=True):
            if isinstance(result, Record):
                found.append(result)
            elif result is not None:
                self.faults.append((face.name, result))
            progress(1)
        return found

    def _try_read(self, face: FaceFiles) -> Record | FaceError | None:
        if face.name in self._at_fault:
            return None
        try:
            return read_face(face, self._size)
        except FaceError as error:
            return error


def read_face(face: FaceFiles, size: int | None) -> Record:
    """Read one face as it will be stored.

    A JPEG or PNG file of 8-bit RGB or gray pixels is stored byte by byte, if it has the wanted
    size, is upright and has no color profile. Any other picture is decoded, averaged down to the
    size, and stored as PNG. A parsing map is stored as gray PNG, reduced to the size (nearest) if
    it is larger.

    Args:
        face: its files.
        size: side in pixels, at most the picture's own; None keeps that.

    Raises:
        FaceError: picture or parsing map cannot be used.
    """
    image = _read_image(face.image, size)
    if face.mask is None:
        return Record(face.name, face.split, image, None)
    labels = compose_parts(face.mask) if isinstance(face.mask, dict) else read_labels(face.mask)
    if size is not None and len(labels) > size:
        labels = resize_labels(labels, size)
    return Record(face.name, face.split, image, _png(labels))


def _read_image(path: Path, size: int | None) -> bytes:
    try:
        contents = path.read_bytes()
        plain = _is_plain(contents)
        # Decoded as training does it, so that what is stored is sure to decode there.
        pixels = decode_rgb(contents).numpy() if plain else read_photo(path).rgb
    except FaceError:
        raise
    except (OSError, UserError, tf.errors.OpError) as error:
        raise FaceError.corrupt(path, error, "cannot decode the picture") from error
    side = len(pixels)
    if plain and size in (None, side):
        return contents
    if size not in (None, side):
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    return _png(pixels[:, :, ::-1])


def _is_plain(contents: bytes) -> bool:
    """Whether TensorFlow decodes this file to the same upright sRGB pixels as a photo viewer."""
    try:
        with Image.open(io.BytesIO(contents), formats=("JPEG", "PNG")) as image:
            return (
                image.format in ("JPEG", "PNG")
                and image.mode in ("RGB", "L")
                and "icc_profile" not in image.info
                and image.getexif().get(0x0112, 1) == 1  # orientation
            )
    except Exception:  # Damaged; whoever reads it says how.
        return False


def _png(pixels: np.ndarray) -> bytes:
    """Encode uint8 `[S, S]` or BGR `[S, S, 3]`."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def _plan(faces: list[FaceFiles], shard_size: int) -> list[PlannedShard]:
    by_split: dict[str, list[FaceFiles]] = {}
    for face in faces:
        by_split.setdefault(face.split, []).append(face)
    plan = []
    for split, group in by_split.items():
        if not re.fullmatch(r"[\w.-]+", split):
            raise UserError(f"split {split!r}: only letters, digits, '_', '-' and '.' are allowed")
        count = -(-len(group) // shard_size)
        for number in range(count):
            part = group[number * shard_size : (number + 1) * shard_size]
            plan.append(PlannedShard(f"{split}-{number:05d}-of-{count:05d}.tfrecord", split, part))
    return plan
