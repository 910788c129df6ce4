"""Model folders and LiteRT files from elsewhere."""

import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines import probe
from psfr_tf.engines.litert import LiteRTEngine
from psfr_tf.engines.litert_file import cached_file
from psfr_tf.errors import UserError
from psfr_tf.model_folder import has_hash, load_model_folder, record_hashes
from psfr_tf.restorer import FaceRestorer

LITERT_FILE = "restorer_float32.tflite"


@pytest.fixture
def folder(small_model, tmp_path):
    return shutil.copytree(small_model, tmp_path / "model")


def change(folder, keys, value):
    config = json.loads((folder / "config.json").read_text())
    place = config
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("networks", "parsing", "num_residual_blocks"), 2**70),
        (("networks", "parsing", "num_residual_blocks"), 1e300),
        (("networks", "parsing", "encoder_channels"), [8] * 10_000),
        (("networks", "parsing", "encoder_channels"), "8"),
        (("networks", "generator", "channels"), {"16": 8, "x": 4}),
        (("networks", "generator", "channels"), {}),
        (("networks", "generator", "channels", "16"), 8192),
        (("networks", "generator", "style_hidden"), 0),
        (("networks", "generator", "subpixel"), -1),
        (("networks", "generator", "image_size"), 128),
        (("networks", "generator"), None),
        (("networks", "../../outside"), {}),
        (("size",), True),
        (("size",), float("nan")),
        (("format_version",), "1"),
        (("files",), {LITERT_FILE: "0"}),
    ],
)
def test_values_out_of_range_are_refused_before_anything_is_built(folder, keys, value):
    change(folder, keys, value)
    with pytest.raises(UserError, match=r"^[^\n]*(config\.json|weights\.h5)[^\n]*$"):
        load_model_folder(folder)


def test_unbounded_nesting_is_refused(folder):
    (folder / "config.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match=r"config\.json: not a psfr_tf model configuration"):
        load_model_folder(folder)


def spoil(folder, how):
    with h5py.File(folder / "generator.weights.h5", "r+") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
        name = next(name for name in names if file[name].ndim == 4)
        how(file, name)


def not_finite(file, name):
    file[name][0, 0, 0, 0] = np.nan


def huge(file, name):
    del file[name]
    file.create_dataset(name, (2**40,), "f4", chunks=(1024,), fillvalue=0)


def elsewhere(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "/x")


def raw_elsewhere(file, name):
    shape = file[name].shape
    del file[name]
    size = int(np.prod(shape)) * 4
    file.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, size)])


def text(file, name):
    del file[name]
    file[name] = "text"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (not_finite, "not finite"),
        (huge, "more numbers"),
        (elsewhere, "link to elsewhere"),
        (raw_elsewhere, "in another file"),
        (text, "no numbers"),
    ],
)
def test_weights_are_looked_through(folder, how, reason):
    spoil(folder, how)
    with pytest.raises(UserError, match=rf"generator\.weights\.h5[^\n]*{reason}"):
        load_model_folder(folder)


def litert(function, path):
    spec = tf.TensorSpec([1, 4], tf.float32)
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    return path


def test_a_loop_without_end_is_ended(tmp_path):
    def endless(x):
        return tf.while_loop(lambda n: tf.reduce_sum(n) < 1e30, lambda n: [n * 1.0], [x])[0]

    path = litert(endless, tmp_path / "loop.tflite")
    with pytest.raises(
        UserError, match=r"loop\.tflite: not a usable LiteRT file: no end after 5 s"
    ):
        probe.check_file(path, seconds=5)


def test_a_measured_loop_is_ended(tmp_path):
    from psfr_tf.engines.measure import MeasurementFailed, measure

    def endless(x):
        return tf.while_loop(lambda n: tf.reduce_sum(n) < 1e30, lambda n: [n * 1.0], [x])[0]

    path = litert(endless, tmp_path / "loop.tflite")
    with pytest.raises(MeasurementFailed, match="no end after 6 s"):
        measure(path, seconds=6)


def test_a_user_may_have_a_limit_of_memory_already(tmp_path):
    path = litert(lambda x: x + 1, tmp_path / "m.tflite")
    code = (
        "import resource, sys\n"
        "from psfr_tf.engines.probe import check_file\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))\n"
        "check_file(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_a_crash_is_another_process(tmp_path, monkeypatch):
    path = litert(lambda x: x + 1, tmp_path / "m.tflite")
    probe.check_file(path)
    for name in ("allocated", "open_file"):
        crash = f"import os, signal\ndef {name}(*a, **k): os.kill(os.getpid(), signal.SIGSEGV)\n"
        site = tmp_path / name
        site.mkdir()
        real = "from psfr_tf.engines import litert\n"
        (site / "sitecustomize.py").write_text(real + crash + f"litert.{name} = {name}\n")
        monkeypatch.setenv("PYTHONPATH", str(site))
        with pytest.raises(UserError, match=r"m\.tflite: .* crashes the runtime \(SIGSEGV\)$"):
            probe.check_file(path)


def test_signals_have_a_name():
    assert probe.signal_name(11) == "SIGSEGV" and probe.signal_name(63) == "signal 63"


@pytest.mark.parametrize("run", [False, True])
def test_hostile_litert_files(hostile, run):
    """As many as time allows; all of them were tried."""
    for path in sorted((hostile / "tflite").glob("*.tflite"))[:: 3 if run else 5]:
        try:
            probe.check_file(path, run)
        except UserError as error:
            assert "\n" not in str(error) and path.name in str(error)


def test_a_file_of_a_model_folder_is_the_one_of_its_config(folder):
    shutil.copy(cached_file(folder), folder / LITERT_FILE)
    assert not has_hash(folder, LITERT_FILE)
    record_hashes(folder, [LITERT_FILE])
    assert has_hash(folder, LITERT_FILE)
    assert FaceRestorer.from_pretrained(folder).engine.name == "litert"
    with open(folder / LITERT_FILE, "r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    with pytest.raises(UserError, match=r"restorer_float32\.tflite: damaged or exchanged"):
        FaceRestorer.from_pretrained(folder)


def test_a_damaged_file_of_the_cache_is_made_again(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = cached_file(folder)
    LiteRTEngine(model)
    for spoil in (lambda: model.write_bytes(model.read_bytes()[:-1000]), model.unlink):
        spoil()
        assert cached_file(folder) == model
        LiteRTEngine(model)
    made = model.stat().st_mtime_ns
    assert cached_file(folder) == model and model.stat().st_mtime_ns == made


def test_pipes_and_endless_files_are_not_read(tmp_path):
    """Found in a folder of somebody else: opening a pipe waits for ever, a device never ends."""
    import os

    from psfr_tf import files
    from psfr_tf.android_bench.model_file import read_model_file
    from psfr_tf.android_bench.results import load
    from psfr_tf.csv_file import read_rows
    from psfr_tf.data.records import read_index
    from psfr_tf.metrics.fid import FeatureStatistics
    from psfr_tf.metrics.niqe import PristineModel
    from psfr_tf.model_folder import read_config
    from psfr_tf.models.vgg import load_vgg_features
    from psfr_tf.torch_file import read_checkpoint
    from psfr_tf.weights_file import load_weights
    from psfr_tf.yaml_file import read_yaml

    network = tf.keras.Sequential([tf.keras.Input([1]), tf.keras.layers.Dense(1)])
    readers = {
        "config.json": lambda path: read_config(path.parent),
        "index.json": lambda path: read_index(path.parent),
        "results.json": lambda path: load(path.parent),
        "manifest.csv": read_rows,
        "plan.yaml": lambda path: read_yaml(path, "models"),
        "a.weights.h5": lambda path: load_weights(network, path, "a network"),
        "a.tflite": read_model_file,
        "a.pth": read_checkpoint,
        "vgg.h5": load_vgg_features,
        "fid.npz": FeatureStatistics.load,
        "niqe.mat": PristineModel.load,
    }
    for name, read in readers.items():
        path = tmp_path / name
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir, empty_tera):
            make(path)
            with pytest.raises(UserError, match=rf"^[^\n]*{name}[^\n]*$"):
                read(path)
            path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(OSError, match=r"more than 1,000 bytes"):
        empty_tera(tmp_path / "a")
        files.read_bounded(tmp_path / "a", 1000)


def empty_tera(path):
    """A file of a terabyte that takes no room."""
    with open(path, "wb") as file:
        file.truncate(2**40)


def test_arrays_that_announce_terabytes_are_not_read(tmp_path):
    import io
    import zipfile

    from psfr_tf.metrics.fid import FeatureStatistics

    def npy(shape, values=b""):
        file = io.BytesIO()
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        return file.getvalue() + values

    path = tmp_path / "fid.npz"
    for shape in ((2**40,), (2**20, 2**20), (2**63, 0), (-1,), (2**70, 2**70)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mu.npy", npy((2,), bytes(16)))
            archive.writestr("sigma.npy", npy(shape))
        with pytest.raises(UserError, match=r"fid\.npz: not statistics of FID"):
            FeatureStatistics.load(path)
    np.savez(path, mu=[0.0, np.nan], sigma=np.eye(2))
    with pytest.raises(UserError, match="not finite"):
        FeatureStatistics.load(path)
    np.savez(path, mu=[0.0, 1.0], sigma=np.eye(2))
    assert FeatureStatistics.load(path).images == 0
