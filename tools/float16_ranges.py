"""How near a model comes to the limits of float16, in which phones' GPUs compute.

    python tools/float16_ranges.py --weights psfr-mobile-256

runs the whole (`InferenceForm.restorer`) on faces in usual and extreme light, and prints for each
operation that could leave float16's range (sums, squares, the largest values) how far it stays
below, and the PSNR and the equal labels when every intermediate result and every weight is rounded
to float16. Sums inside convolutions are not emulated: GPUs accumulate them in float32 or in parts.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from psfr_tf.android_bench.face import damaged_face
from psfr_tf.model_folder import load_model_folder
from psfr_tf.models.inference_form import InferenceForm, inference_form
from psfr_tf.pictures import normalize

LARGEST = 65504.0  # of float16
MARGIN = 4.0  # times below it an operation is safe


def light_faces(size: int) -> dict[str, np.ndarray]:
    """One face in usual and extreme light, each float32 [size, size, 3] RGB in [-1, 1]."""
    face = damaged_face(size) / 255.0
    lights = {
        "usual": face,
        "dark": 0.06 * face,
        "bright": 0.9 + 0.1 * face,
        "saturated": np.clip(5.0 * (face - 0.5) + 0.5, 0.0, 1.0),
        "tinted": face * np.array([1.0, 0.3, 0.05]),
        "noisy": face + np.random.default_rng(0).normal(0.0, 0.3, face.shape),
        "black and white": np.indices(face.shape[:2]).sum(0)[..., None] % 2 * np.ones(3),
        "black": np.zeros_like(face),
    }
    return {
        name: normalize(np.clip(255.0 * each, 0.0, 255.0)).astype(np.float32)
        for name, each in lights.items()
    }


def frozen_graph(form: InferenceForm) -> tuple[tf.compat.v1.GraphDef, str, dict[str, str]]:
    """The whole with its weights as constants: graph, name of the input, outputs by name."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    face = tf.TensorSpec((1, form.size, form.size, 3), tf.float32, name="lq")
    traced = tf.function(form.restorer, input_signature=[face]).get_concrete_function()
    frozen = convert_variables_to_constants_v2(traced)
    names = sorted(traced.structured_outputs)
    outputs = {name: tensor.name for name, tensor in zip(names, frozen.outputs, strict=True)}
    return frozen.graph.as_graph_def(), frozen.inputs[0].name, outputs


def largest_values(form: InferenceForm, faces: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest magnitude, over all faces, of what an operation makes or adds up.

    Returns:
        values by "OPERATION name": for sums, that of the absolute values, in whatever order they
        are added; for all others, of the output.
    """
    graph_def, given, _ = frozen_graph(form)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        watched = {
            f"{op.type} {op.name}": _watched(op)
            for op in graph.get_operations()
            if op.type != "Const" and any(out.dtype == tf.float32 for out in op.outputs)
        }
        with tf.compat.v1.Session(graph=graph) as session:
            found = [session.run(watched, {given: face[None]}) for face in faces.values()]
    return {name: max(float(each[name]) for each in found) for name in watched}


def _watched(op: tf.Operation) -> tf.Tensor:
    if op.type == "Mean":
        axes = tf.reshape(op.inputs[1], [-1])
        return tf.reduce_max(tf.reduce_sum(tf.abs(op.inputs[0]), axes))
    if op.type == "AvgPool":
        window = list(op.get_attr("ksize"))
        sums = tf.nn.avg_pool(tf.abs(op.inputs[0]), window, op.get_attr("strides"), "VALID")
        return tf.reduce_max(sums) * float(np.prod(window))
    return tf.reduce_max(tf.abs(op.outputs[0]))


def in_float16(form: InferenceForm) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The whole with every weight and every intermediate result rounded to float16.

    Sums of means, too: one that leaves the range makes the mean infinite.

    Returns:
        A function of a face [S, S, 3] that gives `restored` [S, S, 3] and `logits` [S, S, 19].
    """
    graph_def, given, outputs = frozen_graph(form)
    with tf.Graph().as_default() as plain:
        tf.import_graph_def(graph_def, name="")
        rounded: dict[str, tf.Tensor] = {}
        with tf.Graph().as_default() as graph:
            for op in plain.get_operations():
                _copy(op, graph, rounded)
    session = tf.compat.v1.Session(graph=graph)

    def run(face: np.ndarray) -> dict[str, np.ndarray]:
        fetched = {name: rounded[tensor] for name, tensor in outputs.items()}
        values = session.run(fetched, {graph.get_tensor_by_name(given): face[None]})
        return {name: value[0] for name, value in values.items()}

    return run


def _copy(op: tf.Operation, graph: tf.Graph, rounded: dict[str, tf.Tensor]) -> None:
    """Add an operation to `graph`, and the roundings of its outputs to `rounded`."""
    inputs = [rounded[each.name] for each in op.inputs]
    if op.type == "Mean" and inputs[0].dtype == tf.float32:
        count = np.prod([inputs[0].shape[axis] for axis in tf.get_static_value(op.inputs[1]).flat])
        sums = _round(tf.reduce_sum(inputs[0], inputs[1], keepdims=True))
        made = [tf.reshape(sums / float(count), op.outputs[0].shape)]
    else:
        made = graph.create_op(
            op.type,
            inputs,
            [each.dtype for each in op.outputs],
            name=op.name,
            attrs={name: value for name, value in op.node_def.attr.items() if name[0] != "_"},
        ).outputs
    for tensor, copy in zip(op.outputs, made, strict=True):
        rounded[tensor.name] = _round(copy) if copy.dtype == tf.float32 else copy


def _round(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(tensor, tf.float16), tf.float32)


def agreement(form: InferenceForm, faces: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """(PSNR in dB, share of equal labels) of float16 against float32, by face."""
    run, found = in_float16(form), {}
    for name, face in faces.items():
        exact, half = form.restorer(face[None]), run(face)
        error = np.clip(half["restored"], -1, 1) - np.clip(np.asarray(exact["restored"])[0], -1, 1)
        mean = float(np.mean(np.square(error.astype(np.float64))))
        labels = np.asarray(exact["logits"])[0].argmax(-1) == half["logits"].argmax(-1)
        psnr = 10 * np.log10(4 / mean) if mean else np.inf
        found[name] = float(np.nan_to_num(psnr, nan=-np.inf)), float(labels.mean())
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="psfr-mobile-256", metavar="W")
    parser.add_argument("--show", type=int, default=15, metavar="N", help="operations to print")
    args = parser.parse_args(argv)
    folder = load_model_folder(args.weights)
    form = inference_form(folder.generator, folder.parsing_network)
    faces = light_faces(form.size)
    values = largest_values(form, faces)
    print("largest value, how many times below 65504, operation")
    for name, value in sorted(values.items(), key=lambda item: -item[1])[: args.show]:
        print(f"{value:10.1f} {LARGEST / max(value, 1e-30):8.1f}  {name}")
    print("float16 against float32: PSNR dB, equal labels %, face")
    for name, (psnr, labels) in agreement(form, faces).items():
        print(f"{psnr:8.1f} {100 * labels:8.2f}  {name}")
    return 0 if min(LARGEST / value for value in values.values()) >= MARGIN else 1


if __name__ == "__main__":
    sys.exit(main())
