"""The SavedModel: signatures, bytes in and out, versions, and that it needs nothing of ours."""

import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.errors import UserError
from psfr_tf.export import saved_model, warmup
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.inference_form import inference_form
from psfr_tf.pictures import resize_face
from psfr_tf.restorer import FaceRestorer

SIZE = 64
SIGNATURES = {"serving_default", "serve", "serve_float", "restore_bytes", "parse"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    keras.utils.set_random_seed(5)
    path = save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
    )
    return load_model_folder(path)


@pytest.fixture(scope="module")
def version(folder, tmp_path_factory):
    return saved_model.export(folder, tmp_path_factory.mktemp("models"), "face")


@pytest.fixture(scope="module")
def signatures(version):
    return tf.saved_model.load(str(version)).signatures


@pytest.fixture(scope="module")
def faces():
    """Smooth faces, so that resizing them is well defined."""
    coarse = np.random.default_rng(2).integers(0, 256, (3, 8, 8, 3), np.uint8)
    return np.stack([cv2.resize(face, (SIZE, SIZE)) for face in coarse])


@pytest.fixture(scope="module")
def expected(folder, faces):
    restorer = FaceRestorer(TensorFlowEngine(folder.generator, folder.parsing_network))
    return restorer.restore_and_parse(faces)


def png(pixels):
    return cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def assert_same_pixels(image, other):
    assert image.dtype == np.uint8
    difference = np.abs(np.asarray(image).astype(int) - other)
    assert difference.max() <= 1 and difference.mean() < 0.01


def test_signatures_are_what_the_module_says(signatures):
    def shapes(structure):
        return {name: (spec.shape.as_list(), spec.dtype.name) for name, spec in structure.items()}

    pixels, label = ([None, SIZE, SIZE, 3], "uint8"), ([None, SIZE, SIZE], "uint8")
    strings = ([None], "string")
    found = {
        name: (shapes(function.structured_input_signature[1]), shapes(function.structured_outputs))
        for name, function in signatures.items()
    }
    assert found == {
        "serving_default": ({"images": pixels}, {"restored": pixels}),
        "serve": ({"images": pixels}, {"restored": pixels}),
        "serve_float": ({"images": (pixels[0], "float32")}, {"restored": pixels}),
        "parse": ({"images": pixels}, {"parsing": label}),
        "restore_bytes": (
            {"image_bytes": strings},
            {"restored_bytes": strings, "parsing_bytes": strings},
        ),
    }


@pytest.mark.parametrize("name", ["serving_default", "serve"])
def test_serve_equals_the_restorer(signatures, faces, expected, name):
    restored = signatures[name](images=tf.constant(faces))["restored"]
    assert_same_pixels(restored.numpy(), expected[0])
    one = signatures[name](images=tf.constant(faces[:1]))["restored"]
    assert_same_pixels(one.numpy(), expected[0][:1])


def test_serve_float_equals_serve(signatures, faces, expected):
    images = tf.constant(faces / np.float32(127.5) - 1)
    restored = signatures["serve_float"](images=images)["restored"].numpy()
    assert_same_pixels(restored, expected[0])


@pytest.mark.parametrize("value", [255.0, -1.5, float("nan")])
def test_serve_float_refuses_values_of_another_range(signatures, value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"takes values in \[-1, 1\]"):
        signatures["serve_float"](images=tf.fill([1, SIZE, SIZE, 3], value))


def test_parse_equals_the_parsing_network(signatures, faces, expected):
    parsing = signatures["parse"](images=tf.constant(faces))["parsing"].numpy()
    assert np.mean(parsing == expected[1]) > 0.999
    assert len(np.unique(expected[1])) > 1


def restore_bytes(signatures, files):
    answer = signatures["restore_bytes"](image_bytes=tf.constant(files))
    images = [cv2.imdecode(np.frombuffer(f, np.uint8), 1) for f in answer["restored_bytes"].numpy()]
    maps = [cv2.imdecode(np.frombuffer(f, np.uint8), -1) for f in answer["parsing_bytes"].numpy()]
    assert all(f.startswith(b"\x89PNG") for f in answer["restored_bytes"].numpy())
    return np.stack(images)[..., ::-1], np.stack(maps)


def test_restore_bytes_of_png_equals_serve(signatures, faces, expected):
    restored, parsing = restore_bytes(signatures, [png(face) for face in faces])
    assert_same_pixels(restored, expected[0])
    assert np.mean(parsing == expected[1]) > 0.999


def test_restore_bytes_takes_jpeg(signatures, folder, faces):
    file = cv2.imencode(".jpg", faces[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    decoded = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy()
    restored, _ = restore_bytes(signatures, [file])
    assert_same_pixels(restored, signatures["serve"](images=decoded[None])["restored"].numpy())


@pytest.mark.parametrize("side", [40, 200])
def test_restore_bytes_resizes_as_aligned_faces_are_resized(signatures, faces, side):
    """Compared with the restorer's own resize; the kernels differ a little."""
    other = cv2.resize(faces[0], (side, side), interpolation=cv2.INTER_LINEAR)
    restored, _ = restore_bytes(signatures, [png(other)])
    at_size = resize_face(other, SIZE)[None]
    reference = signatures["serve"](images=tf.constant(at_size))["restored"].numpy()
    unrelated = signatures["serve"](images=tf.constant(faces[1:2]))["restored"].numpy()

    def distance(image):
        return np.abs(restored.astype(int) - image).mean()

    assert distance(reference) < 0.2 * distance(unrelated)


def test_restore_bytes_takes_gray_alpha_and_sixteen_bits(signatures, faces):
    gray = faces[0][..., 0]
    alpha = np.dstack([faces[0], np.full((SIZE, SIZE), 7, np.uint8)])
    deep = faces[0].astype(np.uint16) * 257
    variants = [
        png(gray),
        cv2.imencode(".png", cv2.cvtColor(alpha, cv2.COLOR_RGBA2BGRA))[1].tobytes(),
        png(deep),
    ]
    restored, _ = restore_bytes(signatures, variants)
    images = np.stack([np.dstack([gray] * 3), faces[0], faces[0]])
    assert_same_pixels(restored, signatures["serve"](images=images)["restored"].numpy())


def test_an_empty_batch_is_refused(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["restore_bytes"](image_bytes=tf.constant([], tf.string))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "neither a JPEG nor a PNG"),
        (b"BM" + b"\0" * 100, "neither a JPEG nor a PNG"),
        (png(np.zeros((SIZE, 65, 3), np.uint8)), "square"),
        (png(np.zeros((2049, 2049), np.uint8)), "a side must be 1..2048"),
        (cv2.imencode(".jpg", np.zeros((2049, 2049), np.uint8))[1].tobytes(), "must be 1..2048"),
        (png(np.zeros((SIZE, SIZE, 3), np.uint8))[:60], "PNG"),
    ],
    ids=["empty", "bmp", "oblong", "large png", "large jpeg", "cut"],
)
def test_restore_bytes_refuses(signatures, file, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        signatures["restore_bytes"](image_bytes=tf.constant([file]))


def test_it_loads_and_runs_without_this_package(version, faces, expected, tmp_path):
    np.savez(tmp_path / "in.npz", faces=faces, files=[png(face) for face in faces])
    code = (
        "import sys\n"
        "for name in ('psfr_tf', 'keras', 'cv2'): sys.modules[name] = None\n"
        "import numpy as np, tensorflow as tf\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "given = np.load('in.npz')\n"
        "restored = loaded.signatures['serve'](images=tf.constant(given['faces']))['restored']\n"
        "files = tf.constant([bytes(f) for f in given['files']])\n"
        "answer = loaded.signatures['restore_bytes'](image_bytes=files)\n"
        "assert tf.io.decode_png(answer['restored_bytes'][0]).shape == restored.shape[1:]\n"
        "np.save('out.npy', restored.numpy())\n"
    )
    command = [sys.executable, "-I", "-c", code, str(version)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert_same_pixels(np.load(tmp_path / "out.npy"), expected[0])


def test_only_what_is_read_is_saved(version, folder):
    """The weights of the inference form, once for all signatures."""
    variables = tf.train.list_variables(str(version / "variables" / "variables"))
    form = inference_form(folder.generator, folder.parsing_network)
    weights = form.generator.weights + form.parsing_network.weights
    saved = sorted(
        tuple(shape) for name, shape in variables if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    )
    assert saved == sorted(tuple(weight.shape) for weight in weights)


class TestVersions:
    """With the slow part, the writing of one SavedModel, replaced."""

    @pytest.fixture(autouse=True)
    def fast(self, monkeypatch):
        def save(folder, path, name, precision, photo):
            (path / "saved_model.pb").write_bytes(b"graph")

        monkeypatch.setattr(saved_model, "_save", save)

    def test_they_count_up_from_the_greatest(self, tmp_path):
        assert saved_model.export(None, tmp_path, "m") == tmp_path / "m" / "1"
        assert saved_model.export(None, tmp_path, "m", 9) == tmp_path / "m" / "9"
        (tmp_path / "m" / "notes").mkdir()
        assert saved_model.export(None, tmp_path, "m") == tmp_path / "m" / "10"
        assert sorted(os.listdir(tmp_path / "m")) == ["1", "10", "9", "notes"]

    def test_one_that_exists_is_not_touched(self, tmp_path):
        saved_model.export(None, tmp_path, "m", 2)
        with pytest.raises(UserError, match=r"2: this version exists.*omit --version"):
            saved_model.export(None, tmp_path, "m", 2)

    def test_a_server_never_sees_half_of_one(self, tmp_path, monkeypatch):
        seen = []

        def fail(folder, path, name, precision, photo):
            (path / "saved_model.pb").write_bytes(b"half")
            seen.extend(os.listdir(tmp_path / "m"))
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(saved_model, "_save", fail)
        with pytest.raises(UserError, match="no space left on device"):
            saved_model.export(None, tmp_path, "m")
        # TF Serving takes folders whose whole name is a number.
        assert len(seen) == 1 and not seen[0].isdecimal()
        assert os.listdir(tmp_path / "m") == []

    def test_it_can_be_read_by_the_servers_user(self, tmp_path):
        umask = os.umask(0o022)
        try:
            version = saved_model.export(None, tmp_path, "m")
        finally:
            os.umask(umask)
        assert version.stat().st_mode & 0o777 == 0o755

    @pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a:b", "a b"])
    def test_names_that_do_not_fit_a_request_are_refused(self, tmp_path, name):
        with pytest.raises(ValueError, match="`name` must match"):
            saved_model.export(None, tmp_path, name)

    def test_a_file_in_the_way(self, tmp_path):
        (tmp_path / "m").write_text("")
        with pytest.raises(UserError, match=r"m: cannot write"):
            saved_model.export(None, tmp_path, "m")


def read_warmup(version):
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(version / warmup.WARMUP_FILE)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def test_the_warm_up_file_has_a_request_for_every_signature(version, signatures):
    pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")
    logs = read_warmup(version)
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    requests = [log.predict_log.request for log in logs]
    assert {request.model_spec.signature_name for request in requests} == SIGNATURES
    assert {request.model_spec.name for request in requests} == {"face"}
    sizes = {signature: [] for signature in SIGNATURES}
    for request in requests:
        ((name, proto),) = request.inputs.items()
        value = tf.constant(tf.make_ndarray(proto))
        outputs = signatures[request.model_spec.signature_name](**{name: value})
        assert all(output.shape[0] == len(value) for output in outputs.values())
        sizes[request.model_spec.signature_name].append(len(value))
    assert all(each == list(warmup.BATCH_SIZES) for each in sizes.values())
    assert (version / warmup.WARMUP_FILE).stat().st_size < 20_000


def test_without_the_serving_api_there_is_no_warm_up_file(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    warmup.write_warmup(tmp_path, "face", {}, SIZE)
    assert os.listdir(tmp_path) == []


def test_gray_stays_gray_and_only_gray(signatures, faces):
    gray = np.repeat(faces[..., 1:2], 3, axis=3)
    mixed = np.concatenate([gray[:1], faces[1:2]])
    restored = signatures["serve"](images=mixed)["restored"].numpy()
    np.testing.assert_array_equal(restored[0], np.repeat(restored[0, ..., :1], 3, axis=2))
    assert np.ptp(restored[1].astype(int), axis=-1).max() > 0
    # One face's answer does not depend on its neighbors in the batch.
    alone = signatures["serve"](images=faces[1:2])["restored"].numpy()
    assert_same_pixels(restored[1], alone[0])
    (coded,) = signatures["restore_bytes"](image_bytes=[png(faces[0, ..., 1])])[
        "restored_bytes"
    ].numpy()
    decoded = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])
