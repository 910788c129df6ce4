import zipfile

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from flatbuffers.number_types import Float32Flags
from flatbuffers.table import Table

from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.litert_metadata import add_metadata, read_metadata
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.engines.tflite_metadata import LABELS_FILE
from psfr_tf.labels import LABELS


def test_metadata_comes_back_and_the_file_still_runs():
    weights = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype(np.float32)
    plain = convert(
        lambda x: {"y": tf.nn.conv2d(x, weights, 1, "SAME")},
        [tf.TensorSpec((1, 6, 6, 3), tf.float32, name="x")],
    )
    assert read_metadata(plain) is None
    first = add_metadata(plain, {"labels": ["skin"], "license": "é"})
    described = add_metadata(first, {"labels": ["nose"]})
    assert read_metadata(first) == {"labels": ["skin"], "license": "é"}
    assert read_metadata(described) == {"labels": ["nose"]}

    x = np.random.default_rng(1).normal(size=(1, 6, 6, 3)).astype(np.float32)
    outputs = [
        interpreter_class()(model_content=content).get_signature_runner()(x=x)["y"]
        for content in (plain, described)
    ]
    np.testing.assert_array_equal(*outputs)

    model = schema.Model.GetRootAsModel(described, 0)
    start = np.frombuffer(described, np.uint8).__array_interface__["data"][0]
    for index in range(model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        if isinstance(data, np.ndarray) and data.size:
            assert (data.__array_interface__["data"][0] - start) % 16 == 0


@pytest.mark.slow
def test_standard_readers_find_ranges_and_labels(exported):
    path = exported[0] / "restorer_float32.tflite"
    assert zipfile.ZipFile(path).read(LABELS_FILE).decode().split() == list(LABELS)
    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    (found,) = (entry.Buffer() for entry in entries if entry.Name() == b"TFLITE_METADATA")
    content = model.Buffers(found).DataAsNumpy().tobytes()
    assert content[4:8] == b"M001"
    root = Table(content, int.from_bytes(content[:4], "little"))
    (graph,) = tables(root, 3)
    names = [[text(each, 0) for each in tables(graph, number)] for number in (2, 3)]
    interpreter = interpreter_class()(model_path=str(path))
    details = interpreter.get_signature_runner().get_output_details()
    order = [each["index"] for each in interpreter.get_output_details()]
    in_order = sorted(details, key=lambda name: order.index(details[name]["index"]))
    assert names == [[b"lq"], [name.encode() for name in in_order]]
    assert text(root, 5) == b"CC0"
    (given,) = tables(graph, 2)
    (unit,) = tables(given, 4)
    options = Table(content, unit.Indirect(unit.Offset(6) + unit.Pos))
    mean = options.GetVectorAsNumpy(Float32Flags, options.Offset(4))
    assert mean.tolist() == [127.5]


def tables(table, number):
    offset = table.Offset(4 + 2 * number)
    start = table.Vector(offset)
    places = [start + 4 * index for index in range(table.VectorLen(offset))]
    return [Table(table.Bytes, table.Indirect(place)) for place in places]


def text(table, number):
    return table.String(table.Offset(4 + 2 * number) + table.Pos)
