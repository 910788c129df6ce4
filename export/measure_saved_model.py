"""Latency and peak memory of a SavedModel, one face at a time, in a process of its own.

    python -m psfr_tf.export.measure_saved_model DIR --threads 2

prints one line of JSON. The memory is that of Python with TensorFlow and the model.
"""

import argparse
import json
import os
import sys

from psfr_tf.export.measure_litert import FIGURES, in_new_process, timed


def measure_saved_model(path: str | os.PathLike, threads: int) -> dict:
    """Run the signature `serve` in a new process; see `measure_litert.measure`."""
    return in_new_process(__spec__.name, path, "--threads", threads)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m psfr_tf.export.measure_saved_model")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    serve = tf.saved_model.load(args.folder).signatures["serve"]
    size = serve.structured_input_signature[1]["images"].shape[1]
    pixels = tf.random.stateless_uniform((1, size, size, 3), (0, 1), 0, 256, tf.int32)
    face = tf.cast(pixels, tf.uint8)
    result = timed(lambda: serve(images=face)["restored"].numpy(), args.threads)
    print(json.dumps({name: result[name] for name in FIGURES}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
