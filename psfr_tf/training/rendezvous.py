"""Waiting for the other workers of a run before TensorFlow does.

TensorFlow waits for them without an end, in C++: no signal reaches Python there, SIGTERM only
becomes a line in its log, and nobody learns which worker is missing.
"""

import select
import socket
import time

from psfr_tf.errors import UserError, cause

GO = b"psfr go\n"
MINUTES = 10.0


def wait_for_all(workers: list[str], index: int, minutes: float = MINUTES) -> None:
    """Return once all workers have called this.

    The first worker listens on its address, which is free again when this returns; the others
    connect and wait until it lets them go.

    Args:
        workers: "HOST:PORT" of each worker.
        index: place of this one.
        minutes: time after which to give up.

    Raises:
        UserError: a worker is missing, or the port is in use.
    """
    deadline = time.monotonic() + 60.0 * minutes
    if index == 0:
        _gather(workers, deadline)
    else:
        _report(workers, index, deadline)


def _gather(workers: list[str], deadline: float) -> None:
    port = _host_and_port(workers[0])[1]
    try:
        server = socket.create_server(("", port))
    except OSError as error:
        raise UserError(f"TF_CONFIG: cannot listen on port {port}: {cause(error)}") from error
    there: dict[int, socket.socket] = {}
    with server:
        while len(there) < len(workers) - 1:
            readable, _, _ = select.select([server], [], [], 1.0)
            if readable:
                connection, _ = server.accept()
                index = _index(connection)
                if 0 < index < len(workers):
                    there[index] = connection  # instead of an earlier one of a worker that died
            there = {index: each for index, each in there.items() if not _closed(each)}
            if time.monotonic() > deadline:
                missing = [w for place, w in enumerate(workers) if place and place not in there]
                raise UserError(f"not started in time: worker {', '.join(missing)}; start all")
        for connection in there.values():
            connection.sendall(GO)
            connection.close()


def _report(workers: list[str], index: int, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(_host_and_port(workers[0]), timeout=1.0) as connection:
                connection.sendall(b"%d\n" % index)
                while not select.select([connection], [], [], 1.0)[0]:
                    if time.monotonic() > deadline:
                        break
                else:
                    if connection.recv(len(GO)) == GO:
                        return
        except OSError:
            pass  # not there yet
        time.sleep(0.5)  # also where an earlier run still holds the port
    raise UserError(
        f"no answer in time from the first worker, {workers[0]}: start all workers, and check that "
        "this machine can reach it"
    )


def _index(connection: socket.socket) -> int:
    try:
        connection.settimeout(1.0)
        index = int(connection.recv(16))
        connection.settimeout(None)
        return index
    except (OSError, ValueError):
        return -1


def _closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"TF_CONFIG: expected HOST:PORT, got {address!r}")
    return host.strip("[]"), int(port)
