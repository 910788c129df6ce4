"""A run on several devices or machines: the strategy, steps under it, and who writes the files.

With ``training.strategy: multi_worker`` every worker runs the same program on its part of each
batch and keeps a copy of all weights. The first worker, the chief, reads the checkpoint and writes
the run folder; the others take its values.
"""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from psfr_tf.config import TrainConfig
from psfr_tf.errors import UserError
from psfr_tf.training.rendezvous import wait_for_all

TASKS = ("chief", "worker")


def strategy_of(config: TrainConfig) -> tf.distribute.Strategy:
    """The strategy that ``training.strategy`` names.

    With ``multi_worker`` this comes before anything else that TensorFlow does, and waits until
    all workers of ``TF_CONFIG`` have started.

    Raises:
        UserError: ``TF_CONFIG`` is missing, unusable or not meant for this strategy, a worker does
            not start, or the batch cannot be divided among the replicas.
    """
    name = config.training.strategy
    workers, index = _cluster()
    if name == "multi_worker" and not workers:
        raise UserError(
            "training.strategy: multi_worker needs the addresses of the workers in the "
            "environment variable TF_CONFIG, see docs/distributed.md"
        )
    if name != "multi_worker" and len(workers) > 1:
        raise UserError(
            f"TF_CONFIG names {len(workers)} workers, but training.strategy is {name}: set it to "
            "multi_worker, or unset TF_CONFIG"
        )
    if name == "multi_worker":
        print(f"worker {index + 1} of {len(workers)}, waiting for the others", flush=True)
        tf.get_logger().setLevel("WARNING")  # it notes every reduction
        wait_for_all(workers, index)
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        # TensorFlow has replaced what SIGTERM does.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    elif name == "mirrored":
        strategy = tf.distribute.MirroredStrategy()
    else:
        strategy = tf.distribute.get_strategy()
    replicas, batch_size = strategy.num_replicas_in_sync, config.training.batch_size
    if batch_size % replicas:
        raise UserError(
            f"training.batch_size: {batch_size} faces cannot be divided among {replicas} replicas "
            f"({max(len(workers), 1)} workers with {replicas // max(len(workers), 1)} devices each)"
        )
    return strategy


def is_chief() -> bool:
    """Whether this process writes the files of the run; false for all workers but the first."""
    return _cluster()[1] == 0


def _cluster() -> tuple[list[str], int]:
    """Addresses of the workers, the chief's first, and the place of this one among them.

    Without ``TF_CONFIG`` there are none, and the place is 0.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return [], 0
    try:
        values = json.loads(text)
        jobs, task = dict(values.get("cluster") or {}), values.get("task") or {}
        unknown = sorted(set(jobs) - set(TASKS))
        if unknown:
            raise ValueError(f"unknown task type {unknown[0]}, only chief and worker are used")
        addresses = [(job, index) for job in TASKS for index in range(len(jobs.get(job, [])))]
        workers = [jobs[job][index] for job, index in addresses]
        if not workers:
            return [], 0
        return workers, addresses.index((task.get("type", ""), int(task.get("index", -1))))
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f'TF_CONFIG: expected {{"cluster": {{"worker": ["HOST:PORT", ...]}}, "task": '
            f'{{"type": "worker", "index": 0}}}}: {error}'
        ) from error


class DistributedSteps(keras.Model):
    """Runs the steps of ``fit`` and ``evaluate`` under the strategy the model was made in.

    The networks, optimizers and metrics must be made in the strategy's scope. The data must come
    from ``strategy.distribute_datasets_from_function`` or ``experimental_distribute_dataset`` and
    be endless: where it ends, TensorFlow runs part of one more step on empty batches.

    Keras' own functions fail with several workers: they build the model from a distributed batch,
    and average scalars over an axis these do not have. A step's logs are results of metrics; each
    replica keeps its own sums, which are added up here.
    """

    train_function: Any
    test_function: Any

    def make_train_function(self, force: bool = False) -> Any:
        if self._distribute_strategy is None:
            return super().make_train_function(force)
        if self.train_function is None or force:
            self.train_function = self._distributed(self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        if self._distribute_strategy is None:
            return super().make_test_function(force)
        if self.test_function is None or force:
            self.test_function = self._distributed(self.test_step)
        return self.test_function

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        pass  # Everything is built by the constructors and by compile.

    def _distributed(self, step: Callable) -> Callable:
        strategy = self.distribute_strategy

        def run(iterator):
            names = strategy.run(step, args=(next(iterator),))
            return {metric.name: metric.result() for metric in self.metrics if metric.name in names}

        return run if self.run_eagerly else tf.function(run, reduce_retracing=True)


def sum_over_replicas(gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Sum of each gradient over the replicas; to be called in a replica."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return gradients
    present = [gradient for gradient in gradients if gradient is not None]
    context = tf.distribute.get_replica_context()
    summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if gradient is None else next(summed) for gradient in gradients]


def synchronize_batch_norm(network: keras.Model) -> None:
    """Let batch normalization see the whole batch, not the part of one replica."""
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def share_chief_values(strategy: tf.distribute.Strategy, variables: Iterable[tf.Variable]) -> None:
    """Overwrite ``variables`` (float32, or integers below 2**53) on all workers with the chief's.

    So only the chief reads the checkpoint: the workers need no common file system, and cannot
    start from different steps where one sees an older file.
    """
    if not _has_workers(strategy):
        return
    variables = list(variables)
    floating = [variable for variable in variables if variable.dtype.is_floating]
    integers = [variable for variable in variables if not variable.dtype.is_floating]

    def share(variables: list[tf.Variable], dtype: str) -> None:
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        values = [tf.cast(variable, dtype) for variable in variables]
        values = [tf.where(first, value, tf.zeros_like(value)) for value in values]
        for variable, value in zip(
            variables, context.all_reduce(tf.distribute.ReduceOp.SUM, values), strict=True
        ):
            variable.assign(tf.cast(value, variable.dtype))

    def replica():
        share(floating, "float32")
        share(integers, "float64")  # reductions on GPUs know few integer types

    tf.function(lambda: strategy.run(replica), autograph=False)()


def agreement(strategy: tf.distribute.Strategy) -> Callable[[bool], bool]:
    """A function that returns whether any worker called it with True.

    All workers must call it equally often; it waits for the last of them.
    """
    if not _has_workers(strategy):
        return lambda value: value

    @tf.function
    def count(value):
        def replica():
            context = tf.distribute.get_replica_context()
            # A tensor from outside has no device, which the reduction wants to know.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value))

        return strategy.experimental_local_results(strategy.run(replica))[0]

    return lambda value: float(count(tf.constant(float(value)))) > 0


@contextlib.contextmanager
def lost_worker_is_one_line() -> Iterator[None]:
    """Turn the errors of a collective operation whose other side is gone into a ``UserError``."""
    try:
        yield
    except tf.errors.OpError as error:
        workers, index = _cluster()
        others = [address for place, address in enumerate(workers) if place != index]
        if not others or "ollective" not in str(error):
            raise
        raise UserError(
            f"lost the connection to another worker ({', '.join(others)}); start this command "
            "again on every worker to continue from the last checkpoint"
        ) from error


def _has_workers(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
