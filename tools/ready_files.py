"""Put LiteRT files into a model folder, from which it is restored without TensorFlow.

    python tools/ready_files.py psfr_tf/weights/psfr-mobile-256

See `psfr_tf.engines.ready_files`. Both operating points are converted from one pair of networks,
since the constants of two files are mixed in the order in which the converter wrote them, and that
follows the names of the layers.
"""

import argparse
from pathlib import Path

from psfr_tf import files, model_folder
from psfr_tf.engines.litert_file import convert_part
from psfr_tf.model_folder import load_model_folder
from psfr_tf.models.inference_form import inference_form


def write_ready_files(path: Path) -> list[str]:
    """Write the files and their hashes; returns the names."""
    default = load_model_folder(path)
    form = inference_form(default.generator, default.parsing_network)
    contents = {
        f"restorer_{precision}.tflite": convert_part(form, "restorer", precision)
        for precision in ("int8-dynamic", "float16")
    }
    contents["parsing_float16.tflite"] = convert_part(form, "parsing", "float16")
    if default.fidelity is not None:
        faithful = load_model_folder(path, 1.0)
        other = inference_form(faithful.generator, faithful.parsing_network)
        form.generator.set_weights(other.generator.get_weights())
        name = "restorer_faithful_float16.tflite"
        contents[name] = convert_part(form, "restorer", "float16")
    for name, content in contents.items():
        with files.atomic_path(path / name) as temporary:
            temporary.write_bytes(content)
    model_folder.record_hashes(path, list(contents))
    return list(contents)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder")
    for name in write_ready_files(parser.parse_args().model):
        print(name)
