"""The `TFLITE_METADATA` of a LiteRT file, which Android Studio and other viewers read.

Its schema is metadata_schema.fbs of TensorFlow's tflite-support (identifier M001). No package that
is kept up for today's Python writes it, and a few of its tables suffice, so they are written by
field number: color and range of pictures, names of dimensions, labels, license.
"""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np

NAME = "TFLITE_METADATA"
LABELS_FILE = "parsing_labels.txt"

# A table: its fields by number.
_Table = dict[int, Any]
_FEATURE, _IMAGE, _RGB, _NORMALIZATION = 1, 2, 1, 1
_AXIS_LABELS, _VALUE_LABELS = 2, 3

_IMAGE_DIMENSIONS = ["batch", "height", "width", "color"]
_TENSORS: dict[str, tuple[str, list[str]]] = {
    "lq": ("aligned face, RGB, -1 to 1", _IMAGE_DIMENSIONS),
    "restored": ("restored face, RGB, -1 to 1, not clipped", _IMAGE_DIMENSIONS),
    "labels": ("part of the face at each pixel", ["batch", "height", "width"]),
    "parsing": ("parts of the face, a channel each", ["batch", "height", "width", "part"]),
}


def standard_metadata(
    metadata: dict[str, Any], inputs: Sequence[str], outputs: Sequence[str]
) -> bytes:
    """The contents of the entry.

    Args:
        metadata: our own, see `psfr_tf.export.file_export`; what is missing is left out.
        inputs, outputs: names of the file's tensors in its order, see `psfr_tf.engines.parts`;
            of others, the name alone is written.
    """
    graph = {
        2: [_tensor(name) for name in inputs],
        3: [_tensor(name) for name in outputs],
    }
    texts = {
        0: metadata.get("name"),
        1: f"face restoration, {metadata.get('part')}, {metadata.get('precision')}",
        2: metadata.get("psfr_tf_version"),
        5: metadata.get("license"),
        7: "1.0.0",
    }
    model: _Table = {key: text for key, text in texts.items() if text}
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, {**model, 3: [graph]}), file_identifier=b"M001")
    return bytes(builder.Output())


def with_labels_file(content: bytes, labels: Sequence[str]) -> bytes:
    """The file with the names of the labels, a line each, as a ZIP archive behind it: where readers
    of the metadata look for files that it names."""
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        # The same bytes at each export.
        entry = zipfile.ZipInfo(LABELS_FILE, (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, "".join(f"{label}\n" for label in labels))
    return stream.getvalue()


def _tensor(name: str) -> _Table:
    if name not in _TENSORS:
        return {0: name}
    description, dimensions = _TENSORS[name]
    table: _Table = {0: name, 1: description, 2: dimensions}
    if name in ("lq", "restored"):
        # From 0..255 to what goes in, and from what comes out to 0..255: (x - mean) / std.
        mean, std = (127.5, 127.5) if name == "lq" else (-1, 1 / 127.5)
        normalization = {0: _NORMALIZATION, 1: {0: _floats(mean), 1: _floats(std)}}
        content = {0: _IMAGE, 1: {0: _RGB}}
        return {**table, 3: content, 4: [normalization], 5: {0: _floats(1), 1: _floats(-1)}}
    kind = _VALUE_LABELS if name == "labels" else _AXIS_LABELS
    return {**table, 3: {0: _FEATURE, 1: {}}, 6: [{0: LABELS_FILE, 2: kind}]}


def _floats(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def _write(builder: flatbuffers.Builder, value: Any) -> int:
    """Write a text, a vector (of numbers, texts or tables) or a table; returns its offset."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, list):
        offsets = [_write(builder, each) for each in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    # Small whole numbers (enumerations, kinds of unions) lie in the table itself.
    fields = {
        key: each if isinstance(each, int) else _write(builder, each) for key, each in value.items()
    }
    builder.StartObject(max(fields, default=-1) + 1)
    for key, each in fields.items():
        if isinstance(value[key], int):
            builder.PrependUint8Slot(key, each, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(key, each, 0)
    return builder.EndObject()
