"""Nobody gets somebody else's face: what is shared by threads answers as if each were alone."""

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage import data

from psfr_tf.engines.litert import LiteRTEngine
from psfr_tf.engines.pool import InterpreterPool
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.faces.align import template
from psfr_tf.faces.detect import Face, FaceDetector
from psfr_tf.model_folder import load_model_folder
from psfr_tf.restorer import FaceRestorer

SIZE = 64
THREADS, CALLS = 8, 50


def face(number):
    return np.random.default_rng(number).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)


def at_once(call, items):
    """`call` of each item, by eight threads that begin at the same time and change often."""
    barrier = threading.Barrier(THREADS)

    def work(part):
        barrier.wait()
        return [call(item) for item in part]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            parts = list(pool.map(work, [items[n::THREADS] for n in range(THREADS)]))
    finally:
        sys.setswitchinterval(interval)
    return [parts[n % THREADS][n // THREADS] for n in range(len(items))]


@pytest.fixture(scope="module")
def litert_file(small_model, tmp_path_factory):
    from psfr_tf.engines.litert_file import restorer_content

    path = tmp_path_factory.mktemp("threads") / "m.tflite"
    path.write_bytes(restorer_content(load_model_folder(small_model)))
    return path


@pytest.fixture(scope="module")
def make_engine(small_model, litert_file):
    def make(kind):
        if kind == "tensorflow":
            folder = load_model_folder(small_model)
            return TensorFlowEngine(folder.generator, folder.parsing_network)
        options = {
            "litert": {"interpreters": 4},
            "litert, one interpreter": {"interpreters": 1},
            "litert, low memory": {"low_memory": True},
            "litert, low memory, two": {"low_memory": True, "interpreters": 2},
        }
        return LiteRTEngine(litert_file, **options[kind])

    return make


KINDS = (
    "litert",
    "litert, one interpreter",
    "litert, low memory",
    "litert, low memory, two",
    "tensorflow",
)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_share_an_engine(make_engine, kind):
    faces = [face(number) for number in range(THREADS * CALLS)]
    alone = list(map(make_engine(kind).run, faces))
    assert len({answer[0].tobytes() for answer in alone}) == len(faces)
    together = at_once(make_engine(kind).run, faces)  # a new one: its first calls meet too
    for expected, answer in zip(alone, together, strict=True):
        np.testing.assert_array_equal(answer[0], expected[0])
        np.testing.assert_array_equal(answer[1], expected[1])


@pytest.mark.parametrize("kind", KINDS)
def test_threads_with_bad_calls_among_them(make_engine, kind):
    engine = make_engine(kind)
    expected = engine.run(face(0))[0]

    def call(number):
        if number % 2:
            with pytest.raises(ValueError, match=r"\[B, 64, 64, 3\] are needed.*\[1, 32, 64, 3\]"):
                engine.run(np.zeros((1, SIZE // 2, SIZE, 3), np.float32))
            return expected
        return engine.run(face(0))[0]

    for answer in at_once(call, range(THREADS * 10)):
        np.testing.assert_array_equal(answer, expected)


class Busy:
    """An interpreter that says so if two callers have it."""

    def __init__(self):
        self.lock = threading.Lock()

    def use(self):
        assert self.lock.acquire(blocking=False), "two callers have one interpreter"
        threading.Event().wait(0.001)
        self.lock.release()


def test_threads_get_as_many_interpreters_as_they_need_and_no_more():
    made = []

    def make():
        made.append(Busy())
        return made[-1]

    first = Busy()
    pool = InterpreterPool(first, make, most=3)

    def call(_):
        with pool.interpreter() as interpreter:
            interpreter.use()
            return interpreter

    assert all(call(0) is first for _ in range(10)) and not made  # one caller, one interpreter
    at_once(call, range(200))
    assert len(made) == 2
    assert all(call(0) is first for _ in range(10))  # alone again: the one with all threads


def test_a_failure_leaves_the_pool_as_it_was():
    failing = iter([MemoryError, None])

    def make():
        error = next(failing)
        if error:
            raise error
        return "second"

    pool = InterpreterPool("first", make, most=2)
    for _ in range(5):
        with pytest.raises(RuntimeError), pool.interpreter():
            raise RuntimeError
    with pool.interpreter() as one:
        with pytest.raises(MemoryError), pool.interpreter():
            pass
        with pool.interpreter() as other:
            assert {one, other} == {"first", "second"}
    with pytest.raises(ValueError, match="at least 1"):
        InterpreterPool("first", make, most=0)


astronaut = functools.cache(data.astronaut)


def photo(number):
    """A crop of the astronaut around her face; each has another place, light and side."""
    rng = np.random.default_rng(number)
    y, x = rng.integers(20, 60), rng.integers(110, 160)
    crop = astronaut()[y : y + 120, x : x + 120][:, :: 1 - 2 * (number % 2)]
    return np.ascontiguousarray((crop * rng.uniform(0.6, 1.0)).astype(np.uint8))


def found(faces):
    return [(each.box, each.score, each.landmarks.tolist()) for each in faces]


def test_threads_share_a_detector():
    # The networks take a fifth of a second: 400 photos were tried once, with the same end.
    photos = [photo(number) for number in range(3 * THREADS)]
    alone = list(map(found, map(FaceDetector(), photos)))
    assert len({str(faces) for faces in alone if faces}) > len(photos) / 2
    assert list(map(found, at_once(FaceDetector(), photos))) == alone


def three_faces(pixels, min_score, min_face):
    """A detector whose places depend on the photo."""
    points = template(SIZE).astype(np.float32)
    corners = np.random.default_rng(int(pixels[0, 0, 0])).uniform(0, 56, (3, 2))
    return [Face((*corner, SIZE, SIZE), 0.9, points + np.float32(corner)) for corner in corners]


@pytest.mark.parametrize("kind", ["litert", "tensorflow"])
def test_threads_share_a_restorer(make_engine, kind):
    photos = [photo(number) for number in range(10 * THREADS)]  # of three faces each
    restorer = FaceRestorer(make_engine(kind), detector=three_faces)
    alone = [restorer.restore(pixels).image for pixels in photos]
    together = at_once(FaceRestorer(make_engine(kind), detector=three_faces).restore, photos)
    for expected, answer in zip(alone, together, strict=True):
        np.testing.assert_array_equal(answer.image, expected)


def test_threads_load_the_networks_once(small_model, litert_file):
    restorer = FaceRestorer(LiteRTEngine(litert_file), small_model)
    networks = at_once(lambda name: getattr(restorer, name), ["generator", "parsing_network"] * 4)
    assert len(set(map(id, networks))) == 2


def test_threads_share_a_metric_network(tmp_path):
    import tensorflow as tf

    from psfr_tf.metrics.picture_network import picture_network

    spec = tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32)
    function = tf.function(lambda x: tf.nn.avg_pool2d(x, 8, 8, "SAME"), input_signature=[spec])
    path = tmp_path / "features.tflite"
    concrete = function.get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    faces = [face(number)[0] for number in range(THREADS * CALLS)]
    network = picture_network(path, missing="")
    alone = [network(pixels)[0].tolist() for pixels in faces]
    assert [vectors[0].tolist() for vectors in at_once(network, faces)] == alone
