"""Small LiteRT files for the metrics that need a network."""

import pytest


@pytest.fixture(scope="session")
def convert():
    """`convert(path, function, shape)`: `function` of one float32 input as a LiteRT file."""
    import tensorflow as tf

    def to_file(path, function, shape):
        signature = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)])
        concrete = signature.get_concrete_function()
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
        return path

    return to_file
