"""LiteRT files of a model in its inference form, and the files that `psfr restore` keeps."""

import hashlib
import logging
import tempfile
from pathlib import Path

import tensorflow as tf

from psfr_tf import files, model_folder
from psfr_tf.engines.parts import part_function
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.errors import UserError, cause
from psfr_tf.model_folder import ModelFolder
from psfr_tf.models.inference_form import inference_form
from psfr_tf.models.own_network import own_code


def restorer_content(
    folder: ModelFolder, precision: str = "float32", suffix: str = ".tflite"
) -> bytes:
    """The LiteRT file that restores a face, or the ONNX file (".onnx") that restores any number."""
    form = inference_form(folder.generator, folder.parsing_network)
    if suffix == ".onnx":
        from psfr_tf.engines import onnx_converter

        return onnx_converter.convert(*part_function(form, "restorer", batch=None))
    return convert(*part_function(form, "restorer"), precision)


def cached_file(
    path: Path,
    fidelity: float | None = None,
    precision: str = "float32",
    suffix: str = ".tflite",
) -> Path:
    """The LiteRT or ONNX file of a model folder: converted once, kept in the user's cache folder.

    The cache is `$XDG_CACHE_HOME/psfr_tf`, else `~/.cache/psfr_tf`; a file's name is a hash of the
    model and the converter's version, so changed weights are converted anew.

    Args:
        path: a model folder.
        fidelity: operating point, see `psfr_tf.model_folder`.
        precision: of `psfr_tf.engines.tensorflow_converter.PRECISIONS`; an ONNX file has float32.
        suffix: ".tflite" or ".onnx".

    Raises:
        UserError: the model cannot be read, or the cache cannot be written.
    """
    config = model_folder.read_config(path)
    fidelity = model_folder.operating_point(path, config, fidelity)
    # 2: differences in place of sums; 3: light normalization, damage gate; 4: labels, no logits.
    made_by = (
        f"inference form 4, TensorFlow {tf.__version__}, fidelity {fidelity}, {precision}{suffix}"
    )
    digest = hashlib.sha256(made_by.encode())
    networks = [name for name in config["networks"] if name != "discriminator"]
    for name in (model_folder.CONFIG_FILE, *(f"{network}.weights.h5" for network in networks)):
        try:
            digest.update((path / name).read_bytes())
        except OSError as error:
            raise UserError(f"{path / name}: {cause(error)}") from None
    digest.update(own_code(config))
    cache = files.cache_folder()
    model = cache / f"{digest.hexdigest()[:24]}{suffix}"
    if _is_whole(model):
        return model
    _check_writable(cache)
    logging.getLogger("psfr_tf").warning(
        "%s: converting to %s once, to %s",
        path,
        "ONNX" if suffix == ".onnx" else "LiteRT",
        model,
    )
    folder = model_folder.load_model_folder(path, fidelity)
    content = restorer_content(folder, precision, suffix)
    try:
        with files.atomic_path(model) as temporary:
            temporary.write_bytes(content)
        files.write_text(model.with_suffix(".sha256"), files.sha256(model))
    except OSError as error:
        raise UserError(f"{model}: {cause(error)}") from None
    return model


def _check_writable(cache: Path) -> None:
    """Before a conversion that takes half a minute."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise UserError(
            f"{cache}: the converted model cannot be kept there "
            f"({cause(error)}); set XDG_CACHE_HOME to a folder that can "
            "be written, or use --engine tensorflow"
        ) from None


def _is_whole(model: Path) -> bool:
    """Whether a file of the cache is what was written: a disk may have filled, or failed, since."""
    try:
        return model.with_suffix(".sha256").read_text("ascii") == files.sha256(model)
    except (OSError, ValueError):
        return False
