"""A LiteRT file of one operation, `max(x, 0)` on a picture, made without TensorFlow."""

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from psfr_tf.engines.litert_metadata import add_metadata


def write_relu_file(path: Path, size: int = 16, **metadata: str) -> Path:
    """float32 [1, S, S, 3] -> float32 [1, S, S, 3].

    Args:
        metadata: of the project's entry, such as `part`, `precision`, `name`.
    """
    tensors = []
    for buffer, name in enumerate((b"lq", b"restored"), 1):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [1, size, size, 3], buffer
        tensor.type = schema.TensorType.FLOAT32
        tensors.append(tensor)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [operator], [0], [1]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT() for _ in range(3)]
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    path.write_bytes(add_metadata(content, metadata) if metadata else content)
    return path
