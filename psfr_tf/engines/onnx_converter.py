"""Networks to ONNX files, by tf2onnx."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from psfr_tf.backend import need_tensorflow
from psfr_tf.engines.tensorflow_converter import frozen_function
from psfr_tf.errors import UserError

OPSET = 18


def need_packages() -> None:
    """Raises UserError: Keras runs without TensorFlow, or a package of the extra is missing."""
    need_tensorflow("the conversion to ONNX")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise UserError(f"{error.name} is not installed: pip install 'psfr_tf[onnx]'") from None


def convert(
    function: Callable, inputs: Sequence[tf.TensorSpec], metadata: dict[str, Any] | None = None
) -> bytes:
    """Convert a function of tensors to an ONNX file of constants and operations of opset 18.

    The frozen graph is converted: `keras.Model.export(format="onnx")` makes inputs of the constants
    that the inference form holds.

    Args:
        function: takes a tensor for each of `inputs`, returns a dict of tensors by output name.
        inputs: a first dimension of None is the batch; their names become those of the file.
        metadata: JSON values for the file's `metadata_props`; texts as they are, others as JSON.

    Raises:
        UserError: tf2onnx is not installed, or does not know an operation.
    """
    need_packages()
    import onnx
    import tf2onnx

    frozen, outputs = frozen_function(function, inputs)
    names = {tensor.name: spec.name for tensor, spec in zip(frozen.inputs, inputs, strict=True)}
    names |= {tensor.name: name for tensor, name in zip(frozen.outputs, outputs, strict=True)}
    given = [tensor.name for tensor in frozen.inputs]
    made = [tensor.name for tensor in frozen.outputs]
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # It uses functions that TensorFlow calls old.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        model, _ = tf2onnx.convert.from_graph_def(
            frozen.graph.as_graph_def(), input_names=given, output_names=made, opset=OPSET
        )
    except ValueError as error:
        raise UserError(f"cannot be converted to ONNX: {' '.join(str(error).split())}") from error
    finally:
        logger.setLevel(level)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
        first = value.type.tensor_type.shape.dim[0]
        if first.dim_param:
            first.dim_param = "batch"
    model.graph.name = "psfr_tf"
    onnx.helper.set_model_props(
        model,
        {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in (metadata or {}).items()
        },
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()
