"""An emulated phone: the adb daemon's protocol on loopback TCP, for tests with the real adb client.

Messages are six little-endian words (command, two arguments, length and sum of the payload,
complement of the command) and the payload. The host opens streams by the name of a service; each
side confirms every WRTE with OKAY before the next one. Android's source describes it in
`packages/modules/adb/protocol.txt`, the sync service in `SYNC.TXT`.
"""

import contextlib
import queue
import secrets
import socket
import struct
import threading
from pathlib import Path

from adb_shell import run_shell
from adb_sync import serve_sync

VERSION = 0x01000001
MAX_PAYLOAD = 256 * 1024
TOKEN, SIGNATURE = 1, 2
FEATURES = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir"


class EmulatedDevice:
    """A phone whose files lie below `root`, see `phone.make_phone`.

    Args:
        root: of the phone's file system.
        authorised: whether the phone trusts the computer; if not, it shows its dialog for ever.
        capacity_bytes: space for pushed files.
    """

    def __init__(self, root: Path, authorised: bool = True, capacity_bytes: int = 1 << 30) -> None:
        self.root = root
        self.authorised = authorised
        self.capacity_bytes = capacity_bytes
        self.commands: list[str] = []
        self.port = 0
        self._connections: list[_Connection] = []
        self.plug()

    @property
    def serial(self) -> str:
        """As adb names a device that it reaches by TCP."""
        return f"127.0.0.1:{self.port}"

    def plug(self) -> None:
        """Listen, on the port of the first time."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def unplug(self) -> None:
        """Pull the cable."""
        # Without it, `accept` in the other thread would hold the port.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = listener.accept()
                connection = _Connection(self, connected)
                self._connections.append(connection)
                threading.Thread(target=connection.serve, daemon=True).start()


class _Connection:
    def __init__(self, device: EmulatedDevice, connected: socket.socket) -> None:
        self.device = device
        self._socket = connected
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams: dict[int, Stream] = {}
        self._send_lock = threading.Lock()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                header = self._receive(24)
                command, first, second, length, _, _ = struct.unpack("<4s5I", header)
                self._handle(command, first, second, self._receive(length))
        self.close()

    def close(self) -> None:
        for stream in list(self._streams.values()):
            stream.lost()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def send(self, command: bytes, first: int, second: int, payload: bytes = b"") -> None:
        magic = struct.unpack("<I", command)[0] ^ 0xFFFFFFFF
        checksum = sum(payload) & 0xFFFFFFFF if command in (b"CNXN", b"AUTH") else 0
        header = struct.pack("<4s5I", command, first, second, len(payload), checksum, magic)
        with self._send_lock:
            self._socket.sendall(header + payload)

    def _receive(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._socket.recv(length)
            if not part:
                raise ConnectionError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _handle(self, command: bytes, first: int, second: int, payload: bytes) -> None:
        if command == b"CNXN":
            self.send(b"AUTH", TOKEN, 0, secrets.token_bytes(20))
        elif command == b"AUTH":
            # The signature is not checked: whom the phone trusts is a setting of the test.
            if self.device.authorised:
                banner = (
                    f"device::ro.product.name=shiba;ro.product.model=Pixel_8;features={FEATURES}"
                )
                self.send(b"CNXN", VERSION, MAX_PAYLOAD, banner.encode())
            elif first == SIGNATURE:
                self.send(b"AUTH", TOKEN, 0, secrets.token_bytes(20))
        elif command == b"OPEN":
            stream = Stream(self, local=len(self._streams) + 1, remote=first)
            self._streams[stream.local] = stream
            service = payload.rstrip(b"\0").decode()
            threading.Thread(target=self._open, args=(service, stream), daemon=True).start()
        elif second in self._streams:
            stream = self._streams[second]
            if command == b"WRTE":
                stream.received.put(payload)
                self.send(b"OKAY", stream.local, stream.remote)
            elif command == b"OKAY":
                stream.confirmed.release()
            elif command == b"CLSE":
                stream.lost()

    def _open(self, service: str, stream: "Stream") -> None:
        with contextlib.suppress(OSError):
            kind, _, argument = service.partition(":")
            if kind == "sync":
                self.send(b"OKAY", stream.local, stream.remote)
                serve_sync(self.device, stream)
            elif kind.startswith("shell,v2"):
                self.send(b"OKAY", stream.local, stream.remote)
                self.device.commands.append(argument)
                run_shell(self.device, argument, stream)
            self.send(b"CLSE", stream.local, stream.remote)


class Stream:
    """One service in use."""

    def __init__(self, connection: _Connection, local: int, remote: int) -> None:
        self.local, self.remote = local, remote
        self.received: queue.Queue[bytes | None] = queue.Queue()
        self.confirmed = threading.Semaphore(0)
        self._connection = connection
        self._buffer = b""
        self._lost = False

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes. Raises ConnectionError when the other side has gone."""
        while len(self._buffer) < length:
            payload = self.received.get()
            if payload is None:
                raise ConnectionError
            self._buffer += payload
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def write(self, data: bytes) -> None:
        """Send, and wait until the other side has it. Raises ConnectionError when it has gone."""
        for start in range(0, len(data), MAX_PAYLOAD):
            if self._lost:
                raise ConnectionError
            payload = data[start : start + MAX_PAYLOAD]
            self._connection.send(b"WRTE", self.local, self.remote, payload)
            self.confirmed.acquire()
        if self._lost:
            raise ConnectionError

    def lost(self) -> None:
        self._lost = True
        self.received.put(None)
        self.confirmed.release()
