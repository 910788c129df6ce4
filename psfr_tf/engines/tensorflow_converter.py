"""Keras networks to LiteRT files with TensorFlow's converter."""

import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from psfr_tf.backend import need_tensorflow
from psfr_tf.errors import UserError

# Of the converter's message: the operation, and its place in the graph, with the layers' names.
_UNKNOWN = re.compile(r'fused\["(\w+):", "([^"@]+)@')

PRECISIONS = ("float32", "float16", "int8-dynamic")
SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def frozen_function(function: Callable, inputs: Sequence[tf.TensorSpec]) -> tuple[Any, list[str]]:
    """A function of tensors with its variables as constants.

    Variables left in a file are read at every run, many times slower.

    Returns:
        The concrete function, which returns a list; and the names of its outputs in that order.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    traced = tf.function(function, input_signature=inputs, autograph=False).get_concrete_function()
    return convert_variables_to_constants_v2(traced), sorted(traced.structured_outputs)


def convert(
    function: Callable, inputs: Sequence[tf.TensorSpec], precision: str = "float32"
) -> bytes:
    """Convert a function of tensors to a LiteRT file of constants and built-in operations.

    Args:
        function: takes a tensor for each of `inputs`, returns a dict of tensors by output name.
        inputs: fixed shapes; their names become those of the file's signature.
        precision: of the weights, one of `PRECISIONS`. Runtimes compute with float16 weights in
            float32 (GPUs in float16), and with the int8 ones in int8: each activation is quantized
            by its own range when it is read.

    Returns:
        The contents of the file. Its signature is `serving_default`.

    Raises:
        ValueError: unknown precision.
        UserError: an operation is not among the built-ins; it names the layer.
    """
    need_tensorflow("the conversion to LiteRT")
    if precision not in PRECISIONS:
        raise ValueError(f"`precision` must be one of {PRECISIONS}. Received: {precision!r}")
    frozen, outputs = frozen_function(function, inputs)

    def serve(*tensors):
        # A frozen function returns its outputs as a list, in the order of their sorted names.
        return dict(zip(outputs, frozen(*tensors), strict=True))

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=inputs, autograph=False)
    signature = module.serve.get_concrete_function()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:  # the converter's own class is not public
            found = _UNKNOWN.search(str(error))
            if found is None:
                raise
            operation, layer = found.groups()
            raise UserError(
                f"cannot be converted to LiteRT: it has no operation {operation}, which the layer "
                f"{layer.rpartition('/')[0] or layer} uses; write the layer with others, or stay "
                "with TensorFlow (--engine tensorflow, psfr export saved-model)"
            ) from error
