"""Training data through a tf.data service on loopback."""

import itertools
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from psfr_tf.config import load_config
from psfr_tf.data.datasets import FaceFolder, training_dataset
from psfr_tf.data.service import check_dispatcher, start_dispatcher, start_worker
from psfr_tf.errors import UserError
from psfr_tf.training import run


def batches_of(toy_data, count, service=None):
    faces = FaceFolder(toy_data / "images", toy_data / "masks")
    stream = training_dataset(faces, 64, 2, seed=3, start_index=5, service=service)
    return list(itertools.islice(stream.as_numpy_iterator(), count))


def same(one, two):
    """The same faces and choices; "lq" but for roundings, since workers do without OpenCV."""
    exact = all(np.array_equal(one[name], two[name]) for name in ("hq", "parsing"))
    return exact and np.abs(one["lq"] - two["lq"]).mean() < 2.0 / 127.5


@pytest.fixture
def dispatcher():
    server = start_dispatcher()
    yield server
    server._stop()


def worker_of(dispatcher):
    return start_worker(dispatcher.target.removeprefix("grpc://"))


def test_one_worker_makes_the_same_batches(toy_data, dispatcher):
    worker = worker_of(dispatcher)
    plain = batches_of(toy_data, 6)
    served = batches_of(toy_data, 6, dispatcher.target)
    assert all(same(*pair) for pair in zip(plain, served, strict=True))
    worker._stop()


def test_two_workers_make_different_batches_of_the_same_stream(toy_data, dispatcher):
    workers = [worker_of(dispatcher) for _ in range(2)]
    plain = batches_of(toy_data, 40)
    served = batches_of(toy_data, 8, dispatcher.target)
    places = [[place for place, batch in enumerate(plain) if same(batch, one)] for one in served]
    assert all(len(place) == 1 for place in places)  # whole batches of the stream
    assert len({place[0] for place in places}) == len(served)  # and none twice
    for worker in workers:
        worker._stop()


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
def test_training_reads_from_the_servers_of_the_command(write_config, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "psfr_tf.data.service"]
    dispatcher = [*command, "dispatcher", "--port", str(port)]
    worker = [*command, "worker", "--dispatcher", f"localhost:{port}", "--host", "localhost"]
    servers = []
    try:
        for arguments in (dispatcher, worker):
            server = subprocess.Popen(
                arguments,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )
            servers.append(server)
            assert server.stdout.readline().startswith(("dispatcher: grpc://", "worker localhost"))
        losses = {"style_weight": 0, "adversarial_weight": 0}
        path = write_config(data={"val_images": 0}, losses=losses)
        service = f"data.service=grpc://localhost:{port}"
        run.train(load_config(path, [service]), tmp_path / "served", print)
        for server in servers:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
    finally:
        for server in servers:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            server.stdout.close()
    run.train(load_config(path), tmp_path / "plain", print)
    served, plain = (
        (tmp_path / name / "stats.jsonl").read_text().split('"pixel": ')[1].split(",")[0]
        for name in ("served", "plain")
    )
    assert float(served) == pytest.approx(float(plain), rel=1e-3)


def test_a_dispatcher_that_is_not_there_is_one_line():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        target = f"grpc://localhost:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"data.service: {target}: no dispatcher answers"):
        check_dispatcher(target, patience=0.0)


def test_address_is_checked(write_config):
    with pytest.raises(UserError, match=r"data\.service: .*grpc"):
        load_config(write_config(), ["data.service=localhost:5050"])
