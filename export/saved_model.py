"""A SavedModel for TF Serving: aligned faces in, restored faces out.

Every signature takes a batch of any size; S is the side of the model's faces in pixels.

    signature                  input                                output
    serving_default, serve     images       uint8 [B, S, S, 3]      restored  uint8 [B, S, S, 3]
    serve_float                images       float32 [B, S, S, 3]    restored  uint8 [B, S, S, 3]
    restore_bytes              image_bytes  string [B]              restored_bytes, parsing_bytes
                                                                    string [B], PNG
    parse                      images       uint8 [B, S, S, 3]      parsing   uint8 [B, S, S]
    restore_photo_bytes        see `psfr_tf.export.photo_graph.signature`; on request

Pixels are RGB, uint8 0..255 or float in [-1, 1]; a gray face (three equal channels) stays gray. A
parsing map holds class ids 0..18 (`psfr_tf.labels`).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from psfr_tf import files
from psfr_tf.data.decoding import asserted
from psfr_tf.engines.tensorflow import forward
from psfr_tf.errors import UserError, cause
from psfr_tf.export.face_bytes import decode_faces, encode_png
from psfr_tf.export.photo_graph.signature import NAME as PHOTO_SIGNATURE
from psfr_tf.export.photo_graph.signature import photo_signature
from psfr_tf.export.warmup import write_warmup
from psfr_tf.faces.color import LUMA
from psfr_tf.model_folder import ModelFolder
from psfr_tf.models.inference_form import inference_form
from psfr_tf.pictures import denormalize, normalize

# What `/v1/models/NAME:predict` and a folder can hold.
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def signatures(
    folder: ModelFolder, precision: str = "float32", photo: bool = False
) -> dict[str, tf.types.experimental.Callable]:
    """The signatures of the module's docstring, on the networks' inference form."""
    networks = inference_form(folder.generator, folder.parsing_network, precision)
    size = networks.size

    def faces(dtype):
        return tf.TensorSpec([None, size, size, 3], dtype, name="images")

    # A function of its own is stored once, and every signature calls it.
    @tf.function(input_signature=[faces(tf.float32)], autograph=False)
    def restore(lq):
        restored, labels, _ = forward(
            networks.generator, networks.parsing_network, networks.soft_parsing, lq
        )
        return tf.clip_by_value(_gray_stays_gray(lq, restored), -1.0, 1.0), labels

    @tf.function(input_signature=[faces(tf.uint8)], autograph=False)
    def serve(images):
        return {"restored": _to_pixels(restore(_from_pixels(images))[0])}

    @tf.function(input_signature=[faces(tf.float32)], autograph=False)
    def serve_float(images):
        # Written so that NaN fails. The slack is for the rounding of whoever made the floats.
        in_range = tf.reduce_all(tf.abs(images) <= 1.001)
        images = asserted(images, (in_range, ["serve_float takes values in [-1, 1]"]))
        return {"restored": _to_pixels(restore(images)[0])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")], autograph=False)
    def restore_bytes(image_bytes):
        restored, labels = restore(_from_pixels(decode_faces(image_bytes, size)))
        return {
            "restored_bytes": encode_png(_to_pixels(restored)),
            "parsing_bytes": encode_png(labels[..., tf.newaxis]),
        }

    @tf.function(input_signature=[faces(tf.uint8)], autograph=False)
    def parse(images):
        return {"parsing": restore(_from_pixels(images))[1]}

    traced = {
        function.__name__: function.get_concrete_function()
        for function in (serve, serve_float, restore_bytes, parse)
    }
    # Not traced: a traced function has lost the defaults of its arguments.
    on_photos = {PHOTO_SIGNATURE: photo_signature(restore, size)} if photo else {}
    return {"serving_default": traced["serve"], **traced, **on_photos}


def export(
    folder: ModelFolder,
    output: str | os.PathLike,
    name: str,
    version: int | None = None,
    precision: str = "float32",
    check: Callable[[Path], None] = lambda path: None,
    photo: bool = False,
) -> Path:
    """Write `output/name/version/`. It appears complete or not at all, so a server that watches
    `output/name` never loads half a version.

    Args:
        folder: the model.
        output: base folder of all models; made if absent.
        name: the model's name in requests; letters, digits, ".", "_", "-".
        version: integer >= 1; by default one more than the greatest that is there.
        precision: of weights and convolutions, "float32" or "bfloat16"; see `inference_form`.
        photo: with the signature `restore_photo_bytes`.
        check: gets the finished SavedModel before it appears; if it raises, nothing does.

    Returns:
        The version's folder.

    Raises:
        ValueError: `name` or `version` is out of range.
        UserError: the version exists, or the folder cannot be written.
    """
    if not MODEL_NAME.fullmatch(name):
        raise ValueError(f"`name` must match {MODEL_NAME.pattern}. Received: name={name!r}")
    if version is not None and version < 1:
        raise ValueError(f"`version` must be an integer >= 1. Received: version={version}")
    versions = Path(output) / name
    try:
        versions.mkdir(parents=True, exist_ok=True)
        target = versions / str(version or next_version(versions))
        if target.exists():
            raise UserError(
                f"{target}: this version exists and a server may hold it; "
                "omit --version to write the next one"
            )
        with files.atomic_folder(target) as temporary:
            _save(folder, temporary, name, precision, photo)
            check(temporary)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{versions}: cannot write the SavedModel ({cause(error)})") from error
    return target


def next_version(versions: Path) -> int:
    """One more than the greatest version in the folder of a model; 1 if there is none."""
    found = [int(path.name) for path in versions.iterdir() if path.name.isdecimal()]
    return max(found, default=0) + 1


def _save(folder: ModelFolder, path: Path, name: str, precision: str, photo: bool) -> None:
    functions = signatures(folder, precision, photo)
    traced = dict(functions)
    if photo:
        traced[PHOTO_SIGNATURE] = functions[PHOTO_SIGNATURE].get_concrete_function()
    # Only what the functions read is saved: no Keras object, so nothing of Keras or of this
    # package is needed to load it. The weights stay variables, which all signatures share;
    # as constants every signature would hold a copy, and they are not measurably faster (1 to 2 %).
    module = tf.Module()
    module.weights = list(
        {id(v): v for function in traced.values() for v in function.graph.variables}.values()
    )
    tf.saved_model.save(module, str(path), signatures=functions)
    write_warmup(path, name, traced, folder.size)


def _gray_stays_gray(lq, restored):
    """Replaces the answer to a face of three equal channels by its Rec. 601 luma."""
    gray = tf.reduce_all(lq[..., :1] == lq[..., 1:], axis=[1, 2, 3], keepdims=True)
    luma = tf.tensordot(restored, tf.constant(LUMA), [[3], [0]])[..., tf.newaxis]
    return tf.where(gray, luma, restored)


def _from_pixels(images):
    return normalize(tf.cast(images, tf.float32))


def _to_pixels(images):
    return tf.saturate_cast(tf.round(denormalize(images)), tf.uint8)
