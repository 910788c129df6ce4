"""A whole training run from a validated config: build, resume, fit, export."""

import contextlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import keras
import tensorflow as tf
import yaml

from psfr_tf import files
from psfr_tf.config import TrainConfig
from psfr_tf.data.datasets import (
    FaceFolder,
    FaceRecords,
    evaluation_pairs,
    read_split,
    split_by_name,
    training_dataset,
)
from psfr_tf.data.face_loader import find_damage
from psfr_tf.data.service import check_dispatcher
from psfr_tf.errors import UserError, writing
from psfr_tf.machine import describe_machine
from psfr_tf.models.presets import PRESETS
from psfr_tf.output_lock import only_run_in
from psfr_tf.training import distribution, fine_tuning, initial_weights
from psfr_tf.training.build import build_model
from psfr_tf.training.callbacks import (
    Checkpointing,
    ImageGrid,
    RunInterrupted,
    RunLog,
    StopOnNonFinite,
)
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.model_writer import PACKAGES, ModelWriter
from psfr_tf.training.stats import read_stats

GRID_FACES = 4


def dry_run(config: TrainConfig) -> tuple[str, list[str]]:
    """The resolved config, the parameter counts and the length of the run, as text; and one line
    for each thing that the run would refuse.

    Reads the names of the faces, but no picture, builds the networks and loads the weights that
    they start from.
    """
    size = PRESETS[config.preset]["size"]
    training = config.training
    problems = config.data.missing_paths() + initial_weights.missing_paths(config)
    train, val = None, None
    if not config.data.missing_paths():
        try:
            train, val = faces_of(config)
        except UserError as error:
            problems.append(str(error))
    lines = [yaml.safe_dump(config.model_dump(), sort_keys=False).rstrip(), ""]
    try:
        model = build_model(config, random_weights=True)
    except UserError as error:  # the model to fine-tune, whose networks are not known then
        return lines[0], list(dict.fromkeys([*problems, str(error)]))
    networks: dict[str, Any] = {
        "generator": getattr(model, "generator", None),
        "discriminator": getattr(model, "discriminator", None),
        "parsing": model.parsing_network,
    }
    networks = {name: network for name, network in networks.items() if network is not None}
    for name, network in networks.items():
        trainable = sum(math.prod(weight.shape) for weight in network.trainable_weights)
        lines.append(f"{name}: {trainable:,} trainable parameters")
    if not initial_weights.missing_paths(config):
        try:
            initial_weights.load(networks, config)
        except UserError as error:
            problems.append(str(error))
    images = training.batch_size * training.gradient_accumulation
    passes = ""
    if train is not None:
        lines.append(f"faces: {len(train)} for training, {len(val) if val else 0} for validation")
        passes = f"{training.steps * images / len(train):.1f} passes over the data, "
    lines.append(
        f"steps: {training.steps} of {images} faces of {size} px, {passes}"
        f"{training.steps_per_epoch} steps per epoch, "
        f"{math.ceil(training.steps / training.steps_per_epoch)} epochs"
    )
    return "\n".join(lines), problems


def train(config: TrainConfig, output: Path, say: Callable[[str], None] = print) -> Path:
    """Train, or continue the run that ``output`` holds.

    Writes to ``output``: ``config.yaml``, ``environment.json``, ``stats.jsonl``, ``tensorboard/``,
    ``grids/``, ``checkpoints/`` and ``model/`` (the weights to use, averaged).

    Returns:
        The folder of the weights.

    Raises:
        UserError: a path or weight file of the config cannot be used.
        UserError: another run is writing to ``output``.
        UserError: a face was found damaged while training; the last checkpoint stays.
        RunInterrupted: SIGTERM or SIGINT, on any worker; everything is saved.
    """
    for problem in config.data.missing_paths() + initial_weights.missing_paths(config):
        raise UserError(problem)
    if config.data.service is not None:
        check_dispatcher(config.data.service)
    output = Path(output)
    strategy = distribution.strategy_of(config)
    if distribution.is_chief():
        with writing(output):
            output.mkdir(parents=True, exist_ok=True)
    # The run folder belongs to the chief.
    lock = only_run_in(output) if distribution.is_chief() else contextlib.nullcontext()
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.training.precision)
    try:
        with lock, distribution.lost_worker_is_one_line():
            return _train(config, output, strategy, say)
    finally:
        keras.config.set_dtype_policy(policy)


def _nothing(line: str) -> None:
    """What a worker that leaves the run folder to the chief says about it."""


def _start_run_folder(output: Path, config: TrainConfig) -> None:
    with writing(output):
        (output / "report.json").unlink(missing_ok=True)  # of the command before this one
        files.remove_leftovers(output)
        files.write_text(
            output / "config.yaml", yaml.safe_dump(config.model_dump(), sort_keys=False)
        )
        files.write_json(output / "environment.json", describe_machine(*PACKAGES))


def _train(
    config: TrainConfig,
    output: Path,
    strategy: tf.distribute.Strategy,
    say: Callable[[str], None],
) -> Path:
    training = config.training
    size = PRESETS[config.preset]["size"]
    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    train_faces, val_faces = faces_of(config)
    chief, checkpoints = distribution.is_chief(), output / "checkpoints"
    if not chief:
        say = _nothing
    with strategy.scope():
        model = build_model(config)
        state = RunState(model, checkpoints, config.checkpoint.keep, training.seed, chief)
    if chief:
        state.restore(say)
        _start_run_folder(output, config)  # once it fits what is there
    distribution.share_chief_values(strategy, state.variables)
    if state.images_seen:
        say(f"resumed {output} at step {state.step} ({state.images_seen} images)")
        if state.seed != training.seed:
            say(f"the run keeps its seed {state.seed}; training.seed={training.seed} is not used")
    export = ModelWriter(output / "model", config, state)
    export.set_model(model)
    if state.step >= training.steps:
        say(f"{output}: all {training.steps} steps are done already")
        return export.write() if chief else export.directory

    seed = state.seed

    def batches() -> tf.data.Dataset:
        start_index = state.images_seen
        return strategy.distribute_datasets_from_function(
            lambda part: training_dataset(
                train_faces,
                size,
                training.batch_size,
                seed,
                config.data.degradation,
                flip=config.data.flip,
                augment=config.data.augment,
                start_index=start_index,
                part=part,
                service=config.data.service,
            )
        )

    epoch = training.steps_per_epoch * training.gradient_accumulation
    agree = distribution.agreement(strategy)
    checkpointing = Checkpointing(state, config.checkpoint.every, training.steps, agree)
    callbacks = [StopOnNonFinite(state), checkpointing]
    validation = validation_steps = None
    if val_faces is not None:
        pairs = validation_pairs(val_faces, size, config)
        validation = strategy.distribute_datasets_from_function(
            lambda part: validation_batches(pairs, training.batch_size, part)
        )
        one_replica = training.batch_size // strategy.num_replicas_in_sync
        validation_steps = math.ceil(len(val_faces) / one_replica)
    if chief:
        log = RunLog(output, state)
        callbacks[1:1] = [log, export]
        if val_faces is not None:
            grid = next(iter(pairs.batch(GRID_FACES)))
            callbacks.insert(2, ImageGrid(output, grid, state, log.writer))
    if training.fine_tune and validation is not None and not state.images_seen:
        start = model.evaluate(validation, steps=validation_steps, return_dict=True, verbose=0)
        if chief:
            log.write_start(start)
    try:
        while state.step < training.steps:
            # Epochs end after the same steps as without an interruption: the first may be short.
            done = state.images_seen // training.batch_size % epoch
            left = math.ceil((training.steps - state.step) / training.steps_per_epoch)
            model.fit(
                batches(),
                epochs=1 if done else left,
                steps_per_epoch=epoch - done,
                validation_data=validation,
                validation_steps=validation_steps,
                callbacks=callbacks,
                shuffle=False,  # the data pipeline does it
                verbose=(1 if sys.stdout.isatty() else 2) if chief else 0,
            )
    except RunInterrupted:
        if chief:
            export.write()
        raise
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        find_damage(train_faces)
        if val_faces is not None:
            find_damage(val_faces)
        raise  # Every face can be read, so it was something else.
    finally:
        checkpointing.restore_signals()
    if chief:
        export.write()
        if training.fine_tune:
            say(fine_tuning.verdict(read_stats(output / "stats.jsonl"), cast(str, training.init)))
    agree(False)  # No worker leaves before the chief has written everything.
    return export.directory


def validation_pairs(
    faces: FaceFolder | FaceRecords, size: int, config: TrainConfig
) -> tf.data.Dataset:
    """Each face once, degraded the same way every time: dicts as of `training_dataset`."""
    pairs = evaluation_pairs(faces, size, 0, config.data.degradation)
    return pairs.map(lambda pair: {key: pair[key] for key in pair if key != "name"})


def validation_batches(
    pairs: tf.data.Dataset, batch_size: int, part: tf.distribute.InputContext | None = None
) -> tf.data.Dataset:
    """All pairs, degraded once, for each replica of a worker, again and again.

    Every replica measures all of them: were they divided, some replica would at the end have none,
    and an empty batch is an error in TensorFlow's oneDNN convolution.
    """
    part = part or tf.distribute.InputContext()
    batches = pairs.batch(part.get_per_replica_batch_size(batch_size)).cache()
    replicas = part.num_replicas_in_sync // part.num_input_pipelines
    batches = batches.flat_map(lambda batch: tf.data.Dataset.from_tensors(batch).repeat(replicas))
    return batches.repeat()


def faces_of(
    config: TrainConfig,
) -> tuple[FaceFolder | FaceRecords, FaceFolder | FaceRecords | None]:
    """Training and validation faces; None where there is no validation split.

    Raises:
        UserError: a path of `data` does not exist or cannot be used, or the face parsing network
            would have to be trained without parsing maps.
    """
    data, images = config.data, cast(str, config.data.images)
    train: FaceFolder | FaceRecords
    val: FaceFolder | FaceRecords | None = None
    for problem in data.missing_paths():
        raise UserError(problem)
    if data.records is not None:
        train = FaceRecords(data.records, data.train_split)
        if data.val_images:
            val = FaceRecords(data.records, data.val_split, data.val_images)
    elif data.manifest is None and not data.val_fraction:
        train = FaceFolder(images, data.masks)
    else:
        if data.manifest is None:
            names, val_names = split_by_name(images, data.val_fraction)
        else:
            names = read_split(data.manifest, data.train_split)
            val_names = read_split(data.manifest, data.val_split) if data.val_images else []
        train = FaceFolder(images, data.masks, names)
        if data.val_images:
            val = FaceFolder(images, data.masks, val_names[: data.val_images])
    if config.model == "fpn" and not train.has_masks:
        key = "data.masks" if data.records is None else f"data.records: {data.records}"
        raise UserError(f"{key}: the face parsing network (model: fpn) learns from parsing maps")
    return train, val
