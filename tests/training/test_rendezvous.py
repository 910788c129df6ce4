"""Workers that wait for each other, as threads."""

import socket
import threading
import time

import pytest

from psfr_tf.errors import UserError
from psfr_tf.training.rendezvous import wait_for_all


def addresses(count):
    listeners = [socket.create_server(("localhost", 0)) for _ in range(count)]
    found = [f"localhost:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    return found


def start(workers, index, returned):
    def wait():
        wait_for_all(workers, index, minutes=2)
        returned.append(index)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_all_go_when_the_last_has_come_and_the_port_is_free_again():
    workers = addresses(3)
    returned = []
    first = [start(workers, 0, returned)]
    time.sleep(1)
    # A worker that came and died does not count.
    with socket.create_connection(("localhost", int(workers[0].split(":")[1]))) as dead:
        dead.sendall(b"1\n")
    time.sleep(1)
    first.append(start(workers, 2, returned))
    time.sleep(2)
    assert returned == []
    for thread in [*first, start(workers, 1, returned)]:
        thread.join(60)
    assert sorted(returned) == [0, 1, 2]
    socket.create_server(("", int(workers[0].split(":")[1]))).close()


def test_missing_worker_is_named():
    workers = addresses(3)
    thread = threading.Thread(target=lambda: _quietly(workers, 2), daemon=True)
    thread.start()
    with pytest.raises(UserError, match=f"not started in time: worker {workers[1]};"):
        wait_for_all(workers, 0, minutes=0.05)
    with pytest.raises(UserError, match=f"no answer in time from the first worker, {workers[0]}"):
        wait_for_all(workers, 1, minutes=0.02)
    thread.join(60)


def _quietly(workers, index):
    with pytest.raises(UserError):
        wait_for_all(workers, index, minutes=0.1)


def test_other_programs_on_the_port_are_no_answer():
    workers = addresses(2)
    with socket.create_server(("", int(workers[0].split(":")[1]))) as other:
        thread = threading.Thread(target=lambda: other.accept()[0].sendall(b"HTTP/1.1"))
        thread.start()
        with pytest.raises(UserError, match="no answer in time"):
            wait_for_all(workers, 1, minutes=0.03)
        with pytest.raises(UserError, match="TF_CONFIG: cannot listen on port"):
            wait_for_all(workers, 0, minutes=0.03)
        thread.join(10)


def test_address_needs_a_port():
    with pytest.raises(UserError, match="expected HOST:PORT, got 'node1'"):
        wait_for_all(["node1", "node2"], 0)
