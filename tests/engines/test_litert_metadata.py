import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.litert_metadata import add_metadata, read_metadata
from psfr_tf.engines.tensorflow_converter import convert


def test_metadata_comes_back_and_the_file_still_runs():
    weights = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype(np.float32)
    plain = convert(
        lambda x: {"y": tf.nn.conv2d(x, weights, 1, "SAME")},
        [tf.TensorSpec((1, 6, 6, 3), tf.float32, name="x")],
    )
    assert read_metadata(plain) is None
    first = add_metadata(plain, {"labels": ["skin"], "licence": "é"})
    described = add_metadata(first, {"labels": ["nose"]})
    assert read_metadata(first) == {"labels": ["skin"], "licence": "é"}
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
