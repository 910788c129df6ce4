"""Put LiteRT files into a model folder, from which it is restored without TensorFlow.

    python tools/ready_files.py psfr_tf/weights/psfr-mobile-256

See `psfr_tf.engines.ready_files`. The constants of two files are combined in the order in which the
converter wrote them, and that follows the names of the layers.
"""

import argparse
from pathlib import Path

import keras

from psfr_tf import files, model_folder
from psfr_tf.engines.parts import part_function
from psfr_tf.engines.ready_files import combined
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.model_folder import load_model_folder
from psfr_tf.models.inference_form import inference_form

# 3 % of a difference that is itself small; the file packs to three fifths.
_BITS_OF_DIFFERENCE = 5


def write_ready_files(path: Path) -> list[str]:
    """Write the files and their hashes; returns the names."""
    form = _form(path, None)
    contents = {
        f"restorer_{precision}.tflite": convert(*part_function(form, "restorer"), precision)
        for precision in ("int8-dynamic", "float16")
    }
    contents["parsing_float16.tflite"] = convert(*part_function(form, "parsing"), "float16")
    if "generator_faithful" in model_folder.read_config(path)["networks"]:
        faithful = convert(*part_function(_form(path, 1.0), "restorer"), "float16")
        default = contents["restorer_float16.tflite"]
        way = combined(faithful, default, 1, -1, bits=_BITS_OF_DIFFERENCE)
        contents["to_faithful_float16.tflite"] = way
    for name, content in contents.items():
        with files.atomic_path(path / name) as temporary:
            temporary.write_bytes(content)
    model_folder.record_hashes(path, list(contents))
    return list(contents)


def _form(path: Path, fidelity: float | None):
    folder = load_model_folder(path, fidelity)
    keras.backend.clear_session()  # the same names of layers each time
    return inference_form(folder.generator, folder.parsing_network)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder")
    for name in write_ready_files(parser.parse_args().model):
        print(name)
