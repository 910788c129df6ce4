"""Pairs of degraded and sharp faces as `tf.data` pipelines.

The stream is a pure function of the seed and of the position in it: epoch e visits the faces in a
permutation drawn from (seed, e), and sample number g (counted from the start of training) is
flipped, augmented and degraded with a seed derived from (seed, g). Training can therefore resume
at any sample without replaying what came before. Faces come from a folder of pictures or from
TFRecord shards; the same faces in the same order give the same stream (but for the last bit after
augmentation, where TensorFlow optimizes the two graphs differently).
"""

from __future__ import annotations

import tensorflow as tf

from psfr_tf.data.augmentation import random_augmentation, random_flip
from psfr_tf.data.degradation import Degradation
from psfr_tf.data.face_folder import FaceFolder, read_split, split_by_name
from psfr_tf.data.face_loader import face_loader
from psfr_tf.data.face_records import FaceRecords
from psfr_tf.pictures import normalize

__all__ = [
    "FaceFolder",
    "FaceRecords",
    "evaluation_pairs",
    "evaluation_seed",
    "read_split",
    "split_by_name",
    "training_dataset",
]

# Second word of the seeds, so that the three uses of one seed never meet.
_ORDER, _SAMPLE, _EVALUATION = 1, 2, 3


def training_dataset(
    faces: FaceFolder | FaceRecords,
    size: int,
    batch_size: int,
    seed: int,
    form: str = "paper",
    flip: bool = True,
    shuffle: bool = True,
    repeat: bool = True,
    augment: str = "none",
    start_index: int = 0,
    part: tf.distribute.InputContext | None = None,
    service: str | None = None,
) -> tf.data.Dataset:
    """Batches of degraded faces, sharp faces and parsing maps.

    Args:
        faces: the faces; without parsing maps the batches have no "parsing".
        size: side S in pixels; pictures are averaged down (or enlarged bicubically) to it.
        batch_size: faces per batch of all replicas together.
        seed: int32; the stream depends on nothing else.
        form: form of the degradation, "paper" or "release".
        flip: mirror half of the faces, with left and right labels exchanged.
        shuffle: a new random order in each epoch; otherwise the order of `faces`.
        repeat: never end; batches then run across epochs and are all full.
        augment: change of pose and color before the degradation, see `random_augmentation`: "none",
            "mild" or "strong".
        start_index: number of samples already consumed; the stream continues there exactly as
            it would have without the interruption.
        part: the part of each batch that this worker reads, in equal pieces of B faces, one after
            the other, for its replicas; None is the whole batch as one piece.
        service: "grpc://HOST:PORT" of the dispatcher of a tf.data service whose workers make the
            batches. Several workers make whole batches each, which arrive in any order.

    Returns:
        Dataset of dicts: "lq" and "hq" float32 `[B, S, S, 3]` RGB in [-1, 1], "parsing" uint8
        `[B, S, S]` labels.

    Raises:
        UserError: a picture or parsing map cannot be used; the message names it.
        ValueError: unknown form, or a number out of range.
    """
    if batch_size < 1 or start_index < 0:
        raise ValueError(
            "`batch_size` must be 1 or more and `start_index` 0 or more. "
            f"Received: batch_size={batch_size}, start_index={start_index}"
        )
    part = part or tf.distribute.InputContext()
    degrade = Degradation(form, size)
    # The workers of a service get the graph, with everything that it keeps in memory.
    load = face_loader(faces, size, keep=service is None)

    # Nothing below branches on a tensor in Python; converting it would double a trace's time.
    @tf.autograph.experimental.do_not_convert
    def sample(position: tf.Tensor, index: tf.Tensor) -> dict[str, tf.Tensor]:
        flip_seed, augment_seed, degradation_seed = _split(_seed(seed, _SAMPLE, position), 3)
        hq, parsing = load(index)
        if flip:
            hq, parsing = random_flip(hq, parsing, flip_seed)
        if augment != "none":
            hq, parsing = random_augmentation(hq, parsing, augment_seed, augment)
        return _example(degrade, hq, parsing, degradation_seed, faces)

    dataset = _order(len(faces), seed, shuffle, repeat, start_index, batch_size, part)
    dataset = dataset.map(sample, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(part.get_per_replica_batch_size(batch_size), drop_remainder=repeat)
    if service is not None:
        sharding = tf.data.experimental.service.ShardingPolicy.DYNAMIC
        dataset = dataset.apply(tf.data.experimental.service.distribute(sharding, service))
    return dataset.prefetch(2)


def evaluation_pairs(
    faces: FaceFolder | FaceRecords, size: int, seed: int, form: str = "paper"
) -> tf.data.Dataset:
    """Each face once, in order, with a degradation that depends on the seed and its place only.

    Args:
        faces: the faces; without parsing maps the dicts have no "parsing".
        size: side S in pixels.
        seed: int32.
        form: form of the degradation, "paper" or "release".

    Returns:
        Dataset of dicts: "lq" and "hq" float32 `[S, S, 3]` RGB in [-1, 1], "parsing" uint8
        `[S, S]` labels, "name" string.

    Raises:
        UserError, ValueError: as in `training_dataset`.
    """
    degradation = Degradation(form, size)
    load = face_loader(faces, size, keep=True)

    @tf.autograph.experimental.do_not_convert
    def sample(index: tf.Tensor, name: tf.Tensor) -> dict[str, tf.Tensor]:
        hq, parsing = load(index)
        example = _example(degradation, hq, parsing, evaluation_seed(seed, index), faces)
        return {**example, "name": name}

    indices = tf.data.Dataset.range(len(faces))
    dataset = tf.data.Dataset.zip(indices, tf.data.Dataset.from_tensor_slices(faces.names))
    return dataset.map(sample, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def evaluation_seed(seed: int, index: tf.Tensor | int) -> tf.Tensor:
    """Seed int32 `[2]` of the degradation of the face at place `index` of an evaluation."""
    return _seed(seed, _EVALUATION, tf.cast(index, tf.int64))


def _example(
    degrade: Degradation,
    hq: tf.Tensor,
    parsing: tf.Tensor,
    seed: tf.Tensor,
    faces: FaceFolder | FaceRecords,
) -> dict[str, tf.Tensor]:
    lq, hq = degrade(hq, seed)
    example = {"lq": normalize(lq), "hq": normalize(hq)}
    if faces.has_masks:
        example["parsing"] = parsing
    return example


def _order(
    count: int,
    seed: int,
    shuffle: bool,
    repeat: bool,
    start_index: int,
    batch_size: int,
    part: tf.distribute.InputContext,
) -> tf.data.Dataset:
    """(position in the stream, index of the face) from `start_index` on, int64 scalars.

    Each element of the source is one batch, of which `part` is taken: a tf.data service hands out
    these elements, so that its workers make different batches.
    """
    share = batch_size // part.num_input_pipelines
    first = start_index + part.input_pipeline_id * share

    def positions(batch: tf.Tensor) -> tf.data.Dataset:
        begin = first + batch * batch_size
        end = begin + share
        return tf.data.Dataset.range(begin, end if repeat else tf.minimum(end, count))

    def face(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, place = position // count, position % count
        if shuffle:
            place = tf.random.experimental.index_shuffle(
                place, _seed(seed, _ORDER, epoch), tf.constant(count - 1, tf.int64)
            )
        return position, place

    batches = tf.data.Dataset.range(2**40)
    # Known to be endless, it is read without asking at each step whether there is more.
    batches = batches.repeat() if repeat else batches.take(-(-(count - start_index) // batch_size))
    return batches.flat_map(positions).map(face)


def _seed(seed: int, use: int, number: tf.Tensor) -> tf.Tensor:
    """Seed int32 `[2]` of one use and number (epoch, sample or face)."""
    return tf.random.experimental.stateless_fold_in([seed, use], number, alg="philox")


def _split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    return tf.unstack(tf.random.experimental.stateless_split(seed, count, alg="philox"))
