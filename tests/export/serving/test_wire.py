"""Our bytes of PredictionService's messages against the classes of tensorflow-serving-api."""

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")

from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from psfr_tf.export.serving import wire


def test_requests():
    numbers = np.arange(300, dtype=np.float32).reshape(2, 150)
    inputs = {"images": numbers, "photo_bytes": [b"a" * 200, b""], "format": b"png"}
    message = predict_pb2.PredictRequest.FromString(
        wire.predict_request("a model", 300, "serve", inputs)
    )
    assert message.model_spec.name == "a model" and message.model_spec.version.value == 300
    assert message.model_spec.signature_name == "serve"
    np.testing.assert_array_equal(tf.make_ndarray(message.inputs["images"]), numbers)
    assert tf.make_ndarray(message.inputs["photo_bytes"]).tolist() == [b"a" * 200, b""]
    assert tf.make_ndarray(message.inputs["format"]).item() == b"png"
    request = get_model_metadata_pb2.GetModelMetadataRequest.FromString(
        wire.metadata_request("m", None)
    )
    assert request.metadata_field == ["signature_def"] and request.model_spec.name == "m"


@pytest.mark.parametrize(
    "value",
    [
        np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4),
        np.array([-1, 0, 2**31 - 1], np.int32),
        np.array([[-(2**63)], [7]], np.int64),
        np.zeros((2, 0, 4), np.float32),
        np.full((3, 5), 2.5, np.float32),
        np.array([True, False]),
        np.array([b"x", b"", b"\x00" * 300], object),
        np.array(1.5, np.float64),
        np.arange(200, dtype=np.uint8),
    ],
    ids=str,
)
@pytest.mark.parametrize("one_by_one", [False, True])
def test_answers(value, one_by_one):
    message = predict_pb2.PredictResponse()
    proto = message.outputs["value"]
    proto.CopyFrom(tf.make_tensor_proto(value))
    if one_by_one and value.dtype != object:  # as a server writes them
        proto.ClearField("tensor_content")
        field = {"f": "float_val", "i": "int_val", "b": "bool_val", "u": "int_val"}[
            value.dtype.kind
        ]
        field = {np.dtype(np.float64): "double_val", np.dtype(np.int64): "int64_val"}.get(
            value.dtype, field
        )
        proto.ClearField(field)
        flat = value.ravel().tolist()
        while len(flat) > 1 and flat[-1] == flat[-2]:
            flat.pop()
        getattr(proto, field).extend(flat)
    decoded = wire.predict_outputs(message.SerializeToString())["value"]
    np.testing.assert_array_equal(decoded, value)
    assert decoded.shape == value.shape and decoded.dtype == value.dtype


@pytest.mark.parametrize("message", [b"\x0a\xff", b"\x0f", b"\xff" * 11, b"\x0a\x02\x10"])
def test_broken_messages(message):
    with pytest.raises((ValueError, KeyError)):
        wire.predict_outputs(message)
