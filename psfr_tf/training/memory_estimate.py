"""How much memory a training step will take, from its graph, without running it."""

import math

import tensorflow as tf

from psfr_tf.training.trainer import Trainer

# Operations whose output is their first input's memory.
_VIEWS = {"Identity", "Reshape", "ExpandDims", "Squeeze", "StopGradient", "ReadVariableOp"}


def weights_bytes(model: Trainer) -> int:
    """Bytes of all networks, the average, and the state of the optimizers."""
    owners = [getattr(model, name, None) for name in ("generator", "discriminator")]
    owners += [model.parsing_network, getattr(model, "style_features", None)]
    owners += [model.average.network if model.average else None]
    owners += [model.optimizer, getattr(model, "d_optimizer", None)]
    variables = {
        id(variable): variable
        for owner in owners
        if hasattr(owner, "variables")
        for variable in owner.variables
    }
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size
        for variable in variables.values()
    )


def step_bytes(model: Trainer, size: int, batch_size: int) -> int:
    """The most that the tensors of one step hold at a time, in bytes.

    Traces the step and runs through its operations in the order in which they were made: a tensor
    lives from its operation to the last one that reads it. Buffers that a kernel needs for itself,
    and what the allocator loses, are not in it; a kernel that overwrites its input saves what is
    counted here twice.
    """
    shape = (batch_size, size, size)
    batch = {
        "lq": tf.TensorSpec((*shape, 3), "float32"),
        "hq": tf.TensorSpec((*shape, 3), "float32"),
        "parsing": tf.TensorSpec(shape, "uint8"),
    }
    graph = tf.function(model.train_step).get_concrete_function(batch).graph
    operations = graph.get_operations()
    last_use: dict[int, int] = {}
    source: dict[int, int] = {}
    for number, operation in enumerate(operations):
        for tensor in operation.inputs:
            last_use[source.get(id(tensor), id(tensor))] = number
        if operation.type in _VIEWS and operation.inputs:
            first = operation.inputs[0]
            for tensor in operation.outputs:
                source[id(tensor)] = source.get(id(first), id(first))
    ends: dict[int, int] = {}
    held = most = 0
    for number, operation in enumerate(operations):
        for tensor in operation.outputs:
            if id(tensor) in source or id(tensor) not in last_use:
                continue
            nbytes = _bytes(tensor)
            held += nbytes
            end = last_use[id(tensor)]
            ends[end] = ends.get(end, 0) + nbytes
        most = max(most, held)
        held -= ends.pop(number, 0)
    return most


def _bytes(tensor: tf.Tensor) -> int:
    if not tensor.shape.is_fully_defined() or tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    return tensor.shape.num_elements() * tensor.dtype.size
