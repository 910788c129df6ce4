"""What a LiteRT file says about itself: JSON in the `metadata` table of its FlatBuffer.

The entry's name is `psfr_tf`, its buffer is UTF-8 text. Any reader of the LiteRT schema gets it
(Netron shows it), and runtimes ignore it. Beside it is the standard entry of
`psfr_tf.engines.tflite_metadata`.
"""

import json
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from psfr_tf.engines import tflite_metadata

NAME = "psfr_tf"
# The schema asks for it (`force_align: 16`); its Python writer leaves it out.
_ALIGNMENT = 16


def add_metadata(content: bytes, metadata: dict[str, Any]) -> bytes:
    """The file with `metadata` (JSON values) as its `psfr_tf` entry, in place of an older one, and
    the standard entry made of it."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    new = {
        NAME: json.dumps(metadata, ensure_ascii=False).encode(),
        tflite_metadata.NAME: tflite_metadata.standard_metadata(metadata, *_tensor_names(model)),
    }
    model.metadata = [entry for entry in model.metadata or [] if _text(entry.name) not in new]
    for name, data in new.items():
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer, buffer.data = name, len(model.buffers), data
        model.metadata.append(entry)
        model.buffers.append(buffer)
    model.buffers = [_Aligned(each) for each in model.buffers]
    described = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    labels = metadata.get("labels")
    return tflite_metadata.with_labels_file(described, labels) if labels else described


def _tensor_names(model: schema.ModelT) -> tuple[list[str], list[str]]:
    """Names of the main graph's inputs and outputs, in its order, by the file's signature."""
    graph = model.subgraphs[0]
    names = {}
    for signature in model.signatureDefs or []:
        for each in [*signature.inputs, *signature.outputs]:
            names[each.tensorIndex] = _text(each.name)
    return (
        [names.get(index, f"input {index}") for index in graph.inputs],
        [names.get(index, f"output {index}") for index in graph.outputs],
    )


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
