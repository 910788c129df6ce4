"""TF Serving's warm-up file: requests that a server runs before it announces a version."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

# Fixed by TF Serving.
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"

# As `allowed_batch_sizes` in serving/batching_parameters.txt.
BATCH_SIZES = (1, 2, 4, 8)


def write_warmup(
    version: Path,
    name: str,
    signatures: Mapping[str, tf.types.experimental.ConcreteFunction],
    size: int,
) -> None:
    """Write requests with gray faces for every signature: a TFRecord of `PredictionLog`.

    Signatures of faces get one for each batch size that the server forms (`BATCH_SIZES`); the one
    of photos gets one photo, because it takes them one after the other.

    Without tensorflow-serving-api (extra `serving`), which has the protos, nothing is written; the
    first requests to a server are slower then.

    Args:
        version: folder of the SavedModel.
        name: the model's name.
        signatures: functions whose first input is a batch of images or of image files; those with
            more inputs, which have defaults, take photos.
        size: side of the model's faces in pixels.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return

    path = version / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, function in signatures.items():
            spec, *options = tf.nest.flatten(function.structured_input_signature)
            for batch in (1,) if options else BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                request.inputs[spec.name].CopyFrom(_gray_faces(spec, size, batch))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())


def _gray_faces(spec: tf.TensorSpec, size: int, batch: int):
    if spec.dtype == tf.string:
        gray = tf.fill([size, size, 3], tf.constant(127, tf.uint8))
        return tf.make_tensor_proto([tf.io.encode_png(gray).numpy()] * batch, tf.string)
    # One value stands for the whole tensor: the file stays small.
    value = 127 if spec.dtype == tf.uint8 else 0.0
    return tf.make_tensor_proto(value, spec.dtype, [batch, size, size, 3])
