"""`restore_photo_bytes`, exported with the shipped weights: by a server, and what it answers."""

import asyncio
import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")

from prediction_server import LoadedModel, PredictionServer

from psfr_tf.cli import main
from psfr_tf.export.photo_graph import codec
from psfr_tf.export.serving import retry
from psfr_tf.export.serving.async_predictor import AsyncGrpcPredictor
from psfr_tf.export.serving.errors import ServerError, TransientServerError
from psfr_tf.export.serving.grpc_predictor import GrpcPredictor
from psfr_tf.export.serving.rest_predictor import RestPredictor
from psfr_tf.photo import read_photo
from psfr_tf.restorer import FaceRestorer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    base = tmp_path_factory.mktemp("photo")
    arguments = ["export", "saved-model", "--photo", "--weights", "psfr-mobile-256", "--output"]
    args = main.parse_arguments(["psfr", *arguments, str(base)])
    assert args.run(args) == 0
    return base / "psfr-mobile-256" / "1"


@pytest.fixture(scope="module")
def server(version):
    server = PredictionServer(LoadedModel(version, "face", 1))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def grpc_predictor(server):
    return GrpcPredictor(server.address("grpc"), "face", deadline=600)


@pytest.fixture(scope="module")
def rest_predictor(server):
    return RestPredictor(server.address("rest"), "face", deadline=600)


@pytest.fixture(scope="module")
def restorer():
    return FaceRestorer.from_pretrained("psfr-mobile-256", "tensorflow")


def file_of(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def pixels_of(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


PORTRAIT = data.astronaut()


def assert_as_local(answer, photo, expected):
    assert len(answer.scores) == len(expected.faces)
    for box, points, face in zip(answer.boxes, answer.landmarks, expected.faces, strict=True):
        np.testing.assert_allclose(points, face.landmarks, atol=0.5)
        np.testing.assert_allclose(box, face.box, atol=0.5)
    image = pixels_of(answer.file)
    difference = np.abs(image.astype(int) - expected.image)
    assert difference.max() <= 2
    apart = np.ones(photo.shape[:2], bool)
    for face in expected.faces:  # three times the box: all of the aligned square
        x, y, width, height = face.box
        rows = slice(max(0, int(y - height)), int(y + 2 * height))
        apart[rows, max(0, int(x - width)) : int(x + 2 * width)] = False
    np.testing.assert_array_equal(image[apart], photo[apart])


def test_a_group_by_both_protocols(photos_dir, restorer, grpc_predictor, rest_predictor):
    path = photos_dir / "Solvay_conference_1927.jpg"
    photo = read_photo(path).rgb
    expected = restorer.restore(photo)
    for predictor in (grpc_predictor, rest_predictor):
        answer = predictor.restore_photo(path.read_bytes())
        assert len(answer.scores) == 29
        assert_as_local(answer, photo, expected)


PHOTOS = {
    "portrait": PORTRAIT,
    "gray": np.repeat(PORTRAIT[..., :1], 3, axis=2),
    "large": np.repeat(np.repeat(PORTRAIT, 3, 0), 3, 1)[:1400],
    "small": PORTRAIT[::3, ::3],
    "on its side": np.rot90(PORTRAIT),
    "dark": PORTRAIT // 4,
    "cut by the edge": PORTRAIT[:, 200:],
    "stones": np.repeat(data.gravel()[..., None], 3, axis=2),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_equals_psfr_restore(grpc_predictor, restorer, name):
    photo = np.ascontiguousarray(PHOTOS[name])
    answer = grpc_predictor.restore_photo(file_of(photo))
    assert_as_local(answer, photo, restorer.restore(photo))


def test_strength_score_and_format(grpc_predictor):
    jpeg = file_of(PORTRAIT, "JPEG", quality=95)
    whole, none, unsure = (
        grpc_predictor.restore_photo(jpeg, **options)
        for options in ({}, {"strength": 0}, {"min_score": 1.0})
    )
    assert whole.file.startswith(b"\x89PNG") and len(whole.scores) == 1
    np.testing.assert_array_equal(pixels_of(none.file), pixels_of(jpeg))
    assert unsure.file == jpeg and unsure.scores.shape == (0,)
    assert unsure.landmarks.shape == (0, 5, 2)
    assert grpc_predictor.restore_photo(jpeg, format="keep").file.startswith(b"\xff\xd8")


def test_transparency_is_kept(grpc_predictor):
    alpha = np.arange(512 * 512, dtype=np.uint8).reshape(512, 512, 1)
    answer = grpc_predictor.restore_photo(file_of(np.concatenate([PORTRAIT, alpha], axis=2)))
    restored = np.asarray(Image.open(io.BytesIO(answer.file)))
    np.testing.assert_array_equal(restored[..., 3:], alpha)
    assert (restored[..., :3] != PORTRAIT).any()


def png_head(width, height):
    return file_of(np.zeros((1, 1), np.uint8))[:16] + np.array([width, height], ">i4").tobytes()


BAD = {
    "no photo": (b"hello", "neither a JPEG nor a PNG"),
    "empty": (b"", "neither a JPEG nor a PNG"),
    "animation": (file_of(PORTRAIT[::8, ::8], "GIF"), "neither a JPEG nor a PNG"),
    "cut": (file_of(PORTRAIT)[:5000], ""),
    "bomb": (png_head(10_000, 10_000), "at most 50000000 pixels"),
    "long": (png_head(20_000, 10), "a side must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_photos_are_refused_in_one_line(grpc_predictor, rest_predictor, name):
    contents, reason = BAD[name]
    for predictor in (grpc_predictor, rest_predictor):
        with pytest.raises(ServerError, match=rf"(INVALID_ARGUMENT|HTTP 400): .*{reason}") as error:
            predictor.restore_photo(contents)
        assert not isinstance(error.value, TransientServerError)
        assert "\n" not in error.value.strerror and "node" not in error.value.strerror
        assert len(error.value.strerror) < 250


def test_options_out_of_range(grpc_predictor):
    file = file_of(PORTRAIT[::8, ::8])
    for options in ({"strength": 2}, {"min_score": float("nan")}, {"format": "webp"}):
        with pytest.raises(ServerError, match=f"INVALID_ARGUMENT: .*{next(iter(options))}"):
            grpc_predictor.restore_photo(file, **options)


@pytest.mark.parametrize(
    "photo",
    [
        file_of(np.zeros((1, 1, 3), np.uint8)),
        file_of(PORTRAIT[::8, ::8, 0].astype(np.uint16) * 257),
        file_of(np.zeros((3000, 1, 3), np.uint8), "JPEG"),
    ],
    ids=["1x1", "16 bits", "line"],
)
def test_a_photo_without_a_face_comes_back_unchanged(grpc_predictor, photo):
    assert grpc_predictor.restore_photo(photo).file == photo


def test_concurrent_answers_are_those_computed_alone(grpc_predictor):
    photos = [file_of(np.roll(PORTRAIT, shift, (0, 1))[::2, ::2]) for shift in (0, 40, 80, 120)]
    alone = [grpc_predictor.restore_photo(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(grpc_predictor.restore_photo, photos * 2))
    for expected, answer in zip(alone * 2, together, strict=True):
        np.testing.assert_allclose(answer.landmarks, expected.landmarks, atol=0.01)
        difference = pixels_of(answer.file).astype(int) - pixels_of(expected.file)
        assert np.abs(difference).max() <= 1


def test_the_asynchronous_client(server):
    file = file_of(PORTRAIT[::2, ::2])

    async def both():
        address = f"dns:///localhost:{server.address('grpc').split(':')[1]}"
        async with AsyncGrpcPredictor(address, "face", photo_deadline=300) as predictor:
            return await asyncio.gather(
                predictor.restore_photo(file),
                predictor.restore_photo(b"none"),
                return_exceptions=True,
            )

    good, bad = asyncio.run(both())
    assert len(good.scores) == 1
    assert isinstance(bad, ServerError) and "INVALID_ARGUMENT" in bad.strerror


def test_one_deadline_for_all_attempts(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.2)
    started = time.monotonic()

    async def nobody():
        async with AsyncGrpcPredictor("localhost:1", "face", photo_deadline=1) as predictor:
            await predictor.restore_photo(b"")

    with pytest.raises(TransientServerError):
        asyncio.run(nobody())
    predictor = GrpcPredictor("localhost:1", "face")
    with pytest.raises(TransientServerError):
        retry.with_retries(
            lambda timeout: predictor.restore_photo(b"", timeout=timeout),
            100,
            end=time.monotonic() + 1,
        )
    assert time.monotonic() - started < 5


def test_the_command_line_needs_no_heavy_packages(server, tmp_path):
    for name, contents in (("a.png", file_of(PORTRAIT)), ("b.jpg", b"bad")):
        (tmp_path / name).write_bytes(contents)
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'cv2', 'PIL', 'scipy', 'skimage', 'matplotlib', "
        "'ai_edge_litert', 'tensorflow_serving', 'google.protobuf'): sys.modules[name] = None\n"
        "from psfr_tf.cli import main\n"
        "sys.exit(main.run(main.parse_arguments(['psfr', 'restore', *sys.argv[1:]])))\n"
    )
    options = ["--server", server.address("grpc"), "--photo", "--weights", "face"]
    command = [sys.executable, "-c", code, str(tmp_path), "--output", str(tmp_path / "out")]
    result = subprocess.run([*command, *options], capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "b.jpg: " in result.stderr and "neither a JPEG nor a PNG" in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["counts"]["restored"] == 1 and report["counts"]["failed"] == 1
    assert (tmp_path / "out" / "restored" / "a.png").is_file()


def test_psfr_benchmark_serving(server, tmp_path):
    options = ["--address", server.address("grpc"), "--model", "face", "--concurrency", "1,2"]
    command = ["psfr", "benchmark", "serving", *options, "--seconds", "1"]
    args = main.parse_arguments([*command, "--output", str(tmp_path)])
    assert args.run(args) == 0
    loads = json.loads((tmp_path / "report.json").read_text())["loads"]
    assert [load["concurrency"] for load in loads] == [1, 2, 1, 2]
    assert all(load["answered"] and not load["errors"] for load in loads)
    assert all(load["p50_ms"] <= load["p99_ms"] for load in loads)
    assert (tmp_path / "chart.png").is_file() and (tmp_path / "table.md").is_file()


def test_it_is_small_and_loads_without_this_package(version, tmp_path):
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    assert size < 25_000_000
    (tmp_path / "in.png").write_bytes(file_of(PORTRAIT))
    code = (
        "import sys\n"
        "for name in ('psfr_tf', 'keras', 'cv2'): sys.modules[name] = None\n"
        "import tensorflow as tf\n"
        "restore = tf.saved_model.load(sys.argv[1]).signatures['restore_photo_bytes']\n"
        "answer = restore(photo_bytes=tf.constant([open('in.png', 'rb').read()]),\n"
        "    strength=tf.constant(1.0), min_score=tf.constant(0.8), format=tf.constant('auto'))\n"
        "assert answer['count'].numpy().tolist() == [1]\n"
    )
    command = [sys.executable, "-I", "-c", code, str(version)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_orientation_of_exif(orientation, byte_order, tmp_path):
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x010F], exif[0x0112] = "maker", orientation
    pixels = PORTRAIT[:32, :48]
    contents = file_of(pixels, "JPEG", exif=exif, comment=b"\xff\xe1")
    (tmp_path / "a.jpg").write_bytes(contents)
    decoded, _, gray = codec.decode_photo(tf.constant(contents))
    np.testing.assert_array_equal(decoded, read_photo(tmp_path / "a.jpg").rgb)
    assert not gray
