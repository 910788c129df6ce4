"""The gRPC and the REST client against a server on loopback, with the exported SavedModel."""

import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import grpc
import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")

from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.export.serving import retry
from psfr_tf.export.serving.engine import ServingEngine
from psfr_tf.export.serving.errors import ServerError, TransientServerError

SIZE = 64


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def png_header(width, height):
    """A PNG that announces a size and ends there."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (header, data, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.05)


@pytest.fixture(scope="module")
def local(model_folder):
    return TensorFlowEngine(model_folder.generator, model_folder.parsing_network)


def assert_as_local(local, engine, faces):
    lq = faces / np.float32(127.5) - 1
    restored, labels = engine.run(lq)
    expected, expected_labels = local.run(lq)
    # One level of 8 bits is 2 / 255.
    assert np.abs(restored - expected).max() < 0.008
    assert np.mean(labels == expected_labels) > 0.999
    assert restored.dtype == np.float32 and labels.dtype == np.uint8


@pytest.mark.parametrize("batch_size", [8, 2, 1])
def test_faces_come_back_as_from_the_local_networks(connect, local, faces, batch_size):
    engine = ServingEngine(connect(), batch_size)
    assert engine.size == SIZE
    assert_as_local(local, engine, faces)


def test_a_version_can_be_named(connect, faces):
    files = [png(face) for face in faces]
    assert connect(version=7).restore(files) == connect().restore(files)
    with pytest.raises(ServerError, match=r"NOT_FOUND.*Specific\(face, 8\)|404.*face, 8"):
        connect(version=8).restore(files)


def test_an_unknown_model_is_refused_at_once(connect):
    with pytest.raises(ServerError, match=r"Latest\(other\)") as error:
        ServingEngine(connect(model="other"))
    assert not isinstance(error.value, TransientServerError)


def test_a_model_of_another_kind_is_refused(connect, server, monkeypatch):
    without = {name: s for name, s in server.model.signatures.items() if name != "restore_bytes"}
    monkeypatch.setattr(server.model, "signatures", without)
    with pytest.raises(ServerError, match="the model face does not restore faces"):
        ServingEngine(connect())


def test_the_port_of_the_other_protocol(server):
    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor
    from psfr_tf.export.serving.rest_predictor import RestPredictor

    for predictor, protocol in ((GrpcPredictor, "rest"), (RestPredictor, "grpc")):
        with pytest.raises(ServerError):
            ServingEngine(predictor(server.address(protocol), "face", None, 5), retries=0)


@pytest.mark.parametrize(
    "answer", [[], [(b"", b"")], [(png(np.zeros((9, 9, 3), np.uint8)), b"GIF")]]
)
def test_an_answer_that_is_not_a_face_is_an_error(connect, monkeypatch, answer):
    predictor = connect()
    engine = ServingEngine(predictor)
    monkeypatch.setattr(predictor, "restore", lambda files: answer)
    with pytest.raises(ServerError, match="the server returned"):
        engine.run(np.zeros((1, SIZE, SIZE, 3), np.float32))


def test_concurrent_requests(connect, local, faces):
    """One connection, eight threads: each gets the answer to its own faces."""
    predictor = connect()
    turned = [np.rot90(faces, quarter, axes=(1, 2)) for quarter in range(4)] * 4

    def run(batch):
        assert_as_local(local, ServingEngine(predictor), np.ascontiguousarray(batch))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, turned))


@pytest.mark.parametrize("signature", ["serving_default", "restore_bytes"])
def test_no_sum_is_fused_with_a_convolution(models, faces, signature):
    """TensorFlow's operation of both mixes up faces of concurrent requests (`inference_form`)."""
    metadata = tf.compat.v1.RunMetadata()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        model = tf.compat.v1.saved_model.load(session, ["serve"], str(models / "face" / "7"))
        signature = model.signature_def[signature]
        (images,) = signature.inputs.values()
        session.run(
            [output.name for output in signature.outputs.values()],
            {images.name: [png(face) for face in faces] if images.dtype == tf.string else faces},
            tf.compat.v1.RunOptions(output_partition_graphs=True),
            metadata,
        )
    nodes = [node for graph in metadata.partition_graphs for node in graph.node]
    fused = [list(node.attr["fused_ops"].list.s) for node in nodes if "fused_ops" in node.attr]
    assert [b"BiasAdd", b"LeakyRelu"] in fused
    assert not [operations for operations in fused if b"Add" in operations]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "neither a JPEG nor a PNG"),
        (b"\x89PNG", "neither a JPEG nor a PNG"),
        (b"GIF89a" + b"\0" * 100, "neither a JPEG nor a PNG"),
        (png(np.zeros((SIZE, SIZE, 3), np.uint8))[:-30], ""),
        (cv2.imencode(".jpg", np.zeros((SIZE, SIZE, 3), np.uint8))[1].tobytes()[:100], ""),
        (png(np.zeros((SIZE, 80, 3), np.uint8)), "square"),
        (png_header(100_000, 100_000), "a side must be"),
        (png_header(2**31 - 1, 2**31 - 1), "a side must be"),
        (png_header(0, 0), "a side must be"),
        (png_header(64, 64), ""),
    ],
    ids=[
        "empty",
        "start",
        "gif",
        "cut png",
        "cut jpeg",
        "oblong",
        "huge",
        "max",
        "zero",
        "no data",
    ],
)
def test_bad_images_are_refused_and_the_server_stays_up(connect, faces, file, reason):
    predictor = connect()
    good = [png(face) for face in faces]
    with pytest.raises(ServerError, match=rf"(INVALID_ARGUMENT|HTTP 400): .*{reason}") as error:
        predictor.restore([good[0], file])
    assert not isinstance(error.value, TransientServerError)
    assert "\n" not in error.value.strerror
    assert len(predictor.restore(good)) == 3


def test_messages_above_grpcs_default_limit_travel_both_ways(connect):
    rng = np.random.default_rng(0)
    files = [png(rng.integers(0, 256, (160, 160, 3), np.uint8)) for _ in range(64)]
    assert sum(map(len, files)) > 4 * 2**20
    answer = connect(deadline=120).restore(files)
    assert len(answer) == 64


@pytest.mark.parametrize("protocol", ["grpc"])
def test_large_answers_are_received(connect, server, monkeypatch):
    large = np.array([b"x" * (5 * 2**20)], object)
    answer = {"restored_bytes": large, "parsing_bytes": large}
    monkeypatch.setattr(server.model, "predict", lambda signature, inputs: answer)
    ((restored, _),) = connect().restore([b""])
    assert len(restored) == 5 * 2**20


def test_a_message_above_the_servers_limit_is_refused_and_not_repeated(loaded, faces):
    from prediction_server import PredictionServer

    from psfr_tf.export.serving.grpc_predictor import GrpcPredictor

    server = PredictionServer(loaded, max_message_bytes=20_000)
    try:
        predictor = GrpcPredictor(server.address("grpc"), "face", None, 30)
        files = [png(face) for face in faces]
        assert sum(map(len, files)) > 20_000 > len(files[0])
        with pytest.raises(ServerError, match=r"RESOURCE_EXHAUSTED.*larger than max") as error:
            predictor.restore(files)
        assert not isinstance(error.value, TransientServerError)
        assert len(predictor.restore(files[:1])) == 1
    finally:
        server.stop()


def test_a_slow_server_meets_the_deadline(connect, server, faces):
    predictor = connect(deadline=0.5)
    server.model.delay = 1.5
    with pytest.raises(TransientServerError, match=r"DEADLINE_EXCEEDED|timed out"):
        predictor.restore([png(face) for face in faces])
    server.model.delay = 0.0
    assert len(predictor.restore([png(faces[0])])) == 1


def test_an_overloaded_server_is_asked_again(connect, server, local, faces, caplog):
    from prediction_server import Refused

    engine = ServingEngine(connect(), retries=2)
    busy = Refused(grpc.StatusCode.UNAVAILABLE, "The batch scheduling queue is full")
    server.model.failures = [busy, busy]
    assert_as_local(local, engine, faces)
    assert "queue is full; retry 2 of 2" in caplog.text

    server.model.failures = [busy] * 3
    with pytest.raises(TransientServerError, match="queue is full"):
        engine.run(np.zeros((1, SIZE, SIZE, 3), np.float32))
    assert server.model.failures == []


def test_a_server_that_restarts_in_the_middle(connect, server, local, faces, caplog):
    """The first batch is answered, the second is cut off, the rest finds the new server."""
    engine = ServingEngine(connect(), batch_size=1, retries=20)
    answered = threading.Event()
    predict = server.model.predict

    def restart():
        answered.wait(30)
        server.stop()
        time.sleep(0.5)
        server.start()

    def signal_then_predict(signature, inputs):
        answered.set()
        return predict(signature, inputs)

    server.model.predict = signal_then_predict
    server.model.delay = 0.3
    thread = threading.Thread(target=restart)
    thread.start()
    try:
        assert_as_local(local, engine, faces)
    finally:
        thread.join()
        del server.model.predict
    assert "retry 1 of 20" in caplog.text


def test_no_server(connect, server):
    predictor = connect(deadline=2)
    server.stop()
    with pytest.raises(TransientServerError, match=r"UNAVAILABLE|refused") as error:
        ServingEngine(predictor, retries=1)
    assert error.value.filename == predictor.address
    server.start()


def test_threads_share_an_engine_and_its_connection(connect):
    faces = [
        np.random.default_rng(number).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
        for number in range(8 * 50)
    ]
    engine = ServingEngine(connect())
    alone = [engine.run(face) for face in faces]
    assert len({restored.tobytes() for restored, _ in alone}) == len(faces)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ServingEngine(connect()).run, faces))
    for expected, answer in zip(alone, together, strict=True):
        # One level: the server's sums may round the other way when its threads are shared.
        assert np.abs(answer[0] - expected[0]).max() <= 1.01 / 127.5
        assert np.mean(answer[1] == expected[1]) > 0.999
