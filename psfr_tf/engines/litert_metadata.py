"""What a LiteRT file says about itself: JSON in the `metadata` table of its FlatBuffer.

The entry's name is `psfr_tf`, its buffer is UTF-8 text. Any reader of the LiteRT schema gets it
(Netron shows it), and runtimes ignore it.
"""

import json
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

NAME = "psfr_tf"
# The schema asks for it (`force_align: 16`); its Python writer leaves it out.
_ALIGNMENT = 16


def add_metadata(content: bytes, metadata: dict[str, Any]) -> bytes:
    """The file with `metadata` (JSON values) as its `psfr_tf` entry, in place of an older one."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    entries = [entry for entry in model.metadata or [] if _text(entry.name) != NAME]
    entry, buffer = schema.MetadataT(), schema.BufferT()
    buffer.data = json.dumps(metadata, ensure_ascii=False).encode()
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.metadata = [*entries, entry]
    model.buffers = [_Aligned(each) for each in [*model.buffers, buffer]]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def read_metadata(content: bytes) -> dict[str, Any] | None:
    """The `psfr_tf` entry of a file, or None if it has none."""
    model = schema.Model.GetRootAsModel(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if _text(entry.Name()) == NAME:
            return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return None


class _Aligned(schema.BufferT):
    """A buffer whose data starts at a multiple of 16 bytes."""

    def __init__(self, buffer):
        super().__init__()
        self.data = buffer.data

    def Pack(self, builder):
        offset = None
        if self.data is not None and len(self.data):
            data = bytes(memoryview(self.data))
            builder.StartVector(1, len(data), _ALIGNMENT)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            offset = builder.EndVector()
        schema.BufferStart(builder)
        if offset is not None:
            schema.BufferAddData(builder, offset)
        return schema.BufferEnd(builder)


def _text(name: bytes | str | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""
