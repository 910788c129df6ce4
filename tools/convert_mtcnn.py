"""Make psfr_tf/faces/mtcnn_networks/*.tflite from the package `mtcnn`, a development dependency.

    python tools/convert_mtcnn.py [--output DIR]

P-Net takes pictures of any size (`resize_tensor_input`), R-Net and O-Net any number of patches.
Each file is compared with its Keras network before it is written.
"""

import argparse
import importlib.metadata
import itertools
from pathlib import Path

import numpy as np
import tensorflow as tf
from mtcnn import MTCNN

from psfr_tf.engines.litert import interpreter_class
from psfr_tf.files import atomic_path

OUTPUT = Path(__file__).parents[1] / "psfr_tf" / "faces" / "mtcnn_networks"
# Of the input; None is free.
SIDES = {"pnet": None, "rnet": 24, "onet": 48}
# Shapes to compare with Keras.
SHAPES = {
    "pnet": [(1, 12, 12), (1, 13, 40), (1, 97, 64), (1, 240, 321)],
    "rnet": [(1, 24, 24), (7, 24, 24), (64, 24, 24)],
    "onet": [(1, 48, 48), (5, 48, 48), (32, 48, 48)],
}
TOLERANCE = 1e-5


def forward(layers: list, x: tf.Tensor) -> list[tf.Tensor]:
    """The layers one after the other; those named `...-1`, `...-2`, `...-3` are the outputs."""
    outputs = []
    for layer in layers:
        if "-" in layer.name:
            outputs.append(layer(x))
        elif layer.name == "permute":  # `transposed` has it in the weights that follow
            continue
        elif layer.name.startswith("flatten"):
            # Keras would compute the shape of a free batch at each run.
            x = tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])
        else:
            x = layer(x)
    return outputs


def transposed(layers: list) -> None:
    """Let the first dense layer take height x width where it had width x height."""
    for before, dense in itertools.pairwise(layers):
        if before.name.startswith("flatten"):
            kernel, bias = dense.get_weights()
            kernel = kernel.reshape(3, 3, -1, kernel.shape[1]).swapaxes(0, 1)
            dense.set_weights([kernel.reshape(-1, kernel.shape[-1]), bias])


def convert(name: str, layers: list) -> bytes:
    side = SIDES[name]
    spec = tf.TensorSpec([1 if side is None else None, side, side, 3], tf.float32)
    function = tf.function(lambda x: forward(layers, x), autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(spec)], tf.Module()
    )
    return converter.convert()


def difference(name: str, network, file: bytes) -> float:
    """Greatest difference to Keras; the outputs are told apart as in psfr_tf.faces.mtcnn."""
    interpreter = interpreter_class()(model_content=file)
    rng = np.random.default_rng(0)
    worst = 0.0
    for shape in SHAPES[name]:
        pictures = rng.uniform(-1, 1, (*shape, 3)).astype(np.float32)
        (detail,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(detail["index"], pictures.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(detail["index"], pictures)
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        found = {o["shape"][-1]: interpreter.get_tensor(o["index"]) for o in outputs}
        for expected in network(pictures):
            error = np.abs(found[expected.shape[-1]] - expected.numpy()).max()
            worst = max(worst, float(error))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, stage in zip(SIDES, MTCNN(device="CPU:0").stages, strict=True):
        layers = stage.model.layers
        weights = stage.model.get_weights()
        transposed(layers)
        file = convert(name, layers)
        stage.model.set_weights(weights)
        error = difference(name, stage.model, file)
        if not error <= TOLERANCE:
            raise SystemExit(f"{name}: differs from Keras by {error:.1e}")
        with atomic_path(folder / f"{name}.tflite") as path:
            path.write_bytes(file)
        print(f"{name}.tflite: {len(file):,} bytes, differs from Keras by at most {error:.1e}")
    package = importlib.metadata.distribution("mtcnn")
    (license_file,) = (each for each in package.files if each.name == "LICENSE")
    notice = (
        f"pnet.tflite, rnet.tflite and onet.tflite hold the weights of the package mtcnn "
        f"{package.version},\nconverted by tools/convert_mtcnn.py. Its license:\n\n"
    )
    with atomic_path(folder / "LICENSE") as path:
        path.write_text(notice + license_file.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
