"""Loops over what has no fixed number (faces, scales, blocks of boxes), and parts of the graph."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf


def stored_once(*specs: tuple[tf.DType, list]) -> Callable[[Callable], Callable]:
    """Decorator: a part of the graph that is called from several places.

    It is a function of its own there, traced and stored once: the graph is a third as large. It
    must not be kept from inlining: TensorFlow 2.21 then mixes up the frames of nested loops when a
    session, as TF Serving's, runs the graph.

    Args:
        specs: type and shape of each argument.
    """
    signature = [tf.TensorSpec(shape, dtype) for dtype, shape in specs]
    return functools.partial(tf.function, input_signature=signature, autograph=False)


def concat_of(
    count: tf.Tensor,
    function: Callable[[tf.Tensor], Sequence[tf.Tensor]],
    *specs: tuple[tf.DType, list],
    parallel: int = 1,
) -> list[tf.Tensor]:
    """Concatenate what `function` returns for 0 .. count - 1.

    Args:
        count: int32 scalar; with 0 the results are empty.
        function: returns tensors `[n, *shape]` with any n, as many as there are `specs`.
        specs: type and shape of each, without the first dimension.
        parallel: how many calls may run at the same time; each needs memory of its own.

    Returns:
        Tensors `[N, *shape]`.
    """
    arrays = [
        tf.TensorArray(dtype, count + 1, infer_shape=False, element_shape=[None, *shape]).write(
            0, tf.zeros([0, *shape], dtype)
        )  # so that there is always one
        for dtype, shape in specs
    ]

    def step(index, *arrays):
        values = function(index)
        written = zip(arrays, values, strict=True)
        return index + 1, *(array.write(index + 1, value) for array, value in written)

    _, *arrays = tf.while_loop(
        lambda index, *_: index < count, step, [0, *arrays], parallel_iterations=parallel
    )
    return [
        tf.ensure_shape(array.concat(), [None, *shape])
        for array, (_, shape) in zip(arrays, specs, strict=True)
    ]
