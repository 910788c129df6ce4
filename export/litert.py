"""One LiteRT file that restores a face: face in, restored face and parsing logits out."""

import hashlib
import logging
import os
from pathlib import Path

import tensorflow as tf
from keras import ops

from psfr_tf import files, model_folder
from psfr_tf.errors import UserError
from psfr_tf.model_folder import ModelFolder

# How far below the maximum a logit must be to count as "not the class". Logits nearer than this to
# the maximum get a value between 0 and 1.
ONE_HOT_MARGIN = 1e-3


def one_hot_without_comparison(logits):
    """One-hot of the largest logit as relu(1 - (max - x) / margin).

    EQUAL and CAST, which the plain form lowers to, are not in LiteRT's XNNPACK delegate and would
    split the graph. The two agree but for pixels whose two best logits are within the margin.
    """
    gap = ops.max(logits, axis=-1, keepdims=True) - logits
    return ops.relu(1.0 - gap * (1.0 / ONE_HOT_MARGIN))


def convert(folder: ModelFolder) -> bytes:
    """Convert parsing network and generator to one float32 LiteRT file.

    The file has a fixed input, float32 [1, S, S, 3] RGB in [-1, 1], and two outputs: `restored`
    float32 [1, S, S, 3], not clipped, and `parsing` float32 [1, S, S, 19], the logits. It holds
    constants and built-in operations only, so it runs without TensorFlow.

    Args:
        folder: the model.

    Returns:
        The contents of the `.tflite` file.
    """
    size = folder.size

    @tf.function(input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name="lq")])
    def restore(lq):
        logits = folder.parsing_network(lq, training=False)["logits"]
        parsing = one_hot_without_comparison(logits)
        return {
            "restored": folder.generator([lq, parsing], training=False),
            "parsing": logits,
        }

    # Freezing by hand: with the variables left in, the file would read them at every run.
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    frozen = convert_variables_to_constants_v2(restore.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def cached_file(path: Path) -> Path:
    """The LiteRT file of a model folder: converted once, then kept in the user's cache folder.

    The cache is `$XDG_CACHE_HOME/psfr_tf`, else `~/.cache/psfr_tf`; a file's name is a hash of the
    model, so changed weights are converted anew.

    Args:
        path: a model folder.

    Raises:
        UserError: the model cannot be read, or the cache cannot be written.
    """
    digest = hashlib.sha256()
    for name in (model_folder.CONFIG_FILE, "generator.weights.h5", "parsing.weights.h5"):
        try:
            digest.update((path / name).read_bytes())
        except OSError as error:
            raise UserError(f"{path / name}: {(error.strerror or str(error)).lower()}") from None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psfr_tf"
    model = cache / f"{digest.hexdigest()[:24]}.tflite"
    if model.is_file():
        return model
    logging.getLogger("psfr_tf").warning("%s: converting to LiteRT once, to %s", path, model)
    content = convert(model_folder.load_model_folder(path))
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with files.atomic_path(model) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"{model}: {(error.strerror or str(error)).lower()}") from None
    return model
