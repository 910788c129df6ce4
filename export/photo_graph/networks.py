"""The networks of MTCNN as TensorFlow operations.

Their weights and their structure are read from the LiteRT files of the package, which also the
local detector runs: one source for both, and the package `mtcnn`, from which tools/convert_mtcnn.py
made the files, is not needed to export. The files hold six kinds of operations.
"""

import functools
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

Network = Callable[[tf.Tensor], dict[int, tf.Tensor]]

_weight = functools.partial(tf.Variable, trainable=False)


def mtcnn_network(name: str) -> Network:
    """One of "pnet", "rnet", "onet".

    Returns:
        A function of float32 [B, H, W, 3] in [-1, 1] that returns the outputs by their number of
        channels (2: is not a face, is a face; 4: moves of a box; 10: landmarks).
    """
    file = (files("psfr_tf.faces") / "mtcnn_networks" / f"{name}.tflite").read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file, 0))
    (graph,) = model.subgraphs
    kinds = {code: kind for kind, code in vars(schema.BuiltinOperator).items()}

    def constant(index: int) -> np.ndarray:
        tensor = graph.tensors[index]
        dtype = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT32: np.int32}
        data = model.buffers[tensor.buffer].data.tobytes()
        return np.frombuffer(data, dtype[tensor.type]).reshape(tensor.shape)

    steps = []
    for operator in graph.operators:
        kind = kinds[model.operatorCodes[operator.opcodeIndex].builtinCode]
        constants = [constant(index) for index in operator.inputs[1:]]
        step = _OPERATIONS[kind](operator.builtinOptions, *constants)
        steps.append((step, operator.inputs[0], operator.outputs[0]))

    def run(pixels: tf.Tensor) -> dict[int, tf.Tensor]:
        values = {graph.inputs[0]: pixels}
        for step, source, target in steps:
            values[target] = step(values[source])
        outputs = [values[index] for index in graph.outputs]
        return {int(output.shape[-1]): output for output in outputs}

    return run


def _convolution(options, kernel, bias):
    kernel, bias = _weight(kernel.transpose(1, 2, 3, 0)), _weight(bias)
    strides, padding = [options.strideH, options.strideW], _padding(options)
    return lambda x: tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides, padding), bias)


def _dense(options, kernel, bias):
    kernel, bias = _weight(kernel.T), _weight(bias)
    return lambda x: tf.nn.bias_add(tf.linalg.matmul(x, kernel), bias)


def _pool(options):
    window = [options.filterHeight, options.filterWidth]
    strides = [options.strideH, options.strideW]
    return lambda x: tf.nn.max_pool2d(x, window, strides, _padding(options))


def _prelu(options, slope):
    slopes = _weight(slope)
    if slope.max() <= 1:  # the same in one pass less
        return lambda x: tf.maximum(x, slopes * x)
    return lambda x: tf.where(x > 0, x, slopes * x)


def _padding(options) -> str:
    return "SAME" if options.padding == schema.Padding.SAME else "VALID"


_OPERATIONS: dict[str, Callable] = {
    "CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool,
    "PRELU": _prelu,
    "RESHAPE": lambda options, shape: lambda x: tf.reshape(x, shape),
    "SOFTMAX": lambda options: tf.nn.softmax,
}
