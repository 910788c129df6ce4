"""The two ports of a server, mixed up: said at once, not after half a minute of retries."""

import http.server
import socket
import threading
import time
from concurrent import futures

import pytest

from psfr_tf.export.serving.engine import ServingEngine
from psfr_tf.export.serving.errors import ServerError
from psfr_tf.export.serving.protocol import speaks_http1
from psfr_tf.export.serving.rest_predictor import RestPredictor

grpc = pytest.importorskip("grpc", reason="the gRPC client needs the [serving] extra")


@pytest.fixture
def rest_port():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def grpc_port():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0)


def refused(predictor) -> str:
    started = time.monotonic()
    with pytest.raises(ServerError) as error:
        ServingEngine(predictor, retries=5)
    # One retry alone would take a second at the least in sum with its successor.
    assert time.monotonic() - started < 5
    return error.value.strerror


def test_grpc_on_the_rest_port(rest_port):
    pytest.importorskip("tensorflow_serving", reason="needs the [serving] extra")
    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor

    reason = refused(GrpcPredictor(rest_port, "m", None, 10))
    assert "REST port" in reason and "--protocol rest" in reason


def test_rest_on_the_grpc_port(grpc_port):
    reason = refused(RestPredictor(grpc_port, "m", None, 10))
    assert "gRPC port" in reason and "--protocol grpc" in reason


def test_what_speaks_http(rest_port, grpc_port):
    assert speaks_http1(rest_port) and not speaks_http1(grpc_port)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not speaks_http1(f"127.0.0.1:{silent.getsockname()[1]}")
    assert not speaks_http1(f"127.0.0.1:{silent_port()}")


def silent_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
