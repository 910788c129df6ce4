import numpy as np
import tensorflow as tf

from psfr_tf.engines.delegation import delegation
from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.tensorflow_converter import convert


def delegation_of(function):
    content = convert(function, [tf.TensorSpec((1, 8, 8, 4), tf.float32, name="x")])
    interpreter = interpreter_class()(model_content=content)
    interpreter.allocate_tensors()
    return delegation(interpreter)


def layer(x):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32)
    return tf.nn.leaky_relu(tf.nn.conv2d(x, kernel, 1, "SAME"))


def test_one_partition():
    assert delegation_of(lambda x: {"y": layer(layer(x))}) == (1, [])


def test_an_operation_that_splits_the_graph():
    assert delegation_of(lambda x: {"y": layer(tf.cumsum(layer(x), axis=1))}) == (2, ["CUMSUM"])
