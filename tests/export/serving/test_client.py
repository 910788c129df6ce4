"""`psfr restore --server`: photos in, restored photos out, over a real connection."""

import importlib.util
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from skimage import data

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")

from psfr_tf.cli import main
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.export.serving import retry
from psfr_tf.restorer import FaceRestorer


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.01)


@pytest.fixture(scope="module")
def portrait():
    return np.ascontiguousarray(data.astronaut()[:256, 80:360])


@pytest.fixture(scope="module")
def photo(portrait, tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "eileen.png"
    Image.fromarray(portrait).save(path)
    return path


class EightBitEngine(TensorFlowEngine):
    """The local networks on faces that are rounded as those that travel. Random weights amplify
    the rounding; trained ones do not."""

    def run(self, lq):
        restored, labels = super().run(np.rint((lq + 1) * 127.5) / np.float32(127.5) - 1)
        return np.rint((restored + 1) * 127.5) / np.float32(127.5) - 1, labels


def run(*arguments, model="face"):
    command = ["psfr", "restore", *map(str, arguments), "--weights", model]
    return main.run(main.parse_arguments(command))


def report_of(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_a_photo_as_from_the_local_networks(
    server, protocol, photo, portrait, model_folder, tmp_path
):
    address = server.address(protocol)
    arguments = ("--server", address, "--protocol", protocol, "--save-faces")
    assert run(photo, "--output", tmp_path, *arguments) == 0
    image = np.asarray(Image.open(tmp_path / "restored" / "eileen.png"))
    engine = EightBitEngine(model_folder.generator, model_folder.parsing_network)
    expected = FaceRestorer(engine).restore(portrait)
    assert len(expected.faces) == 1 and np.abs(expected.image.astype(int) - portrait).max() > 20
    assert np.abs(image.astype(int) - expected.image).max() <= 1
    assert len(list((tmp_path / "faces").iterdir())) == 3
    report = report_of(tmp_path)
    assert report["counts"]["faces"] == 1
    assert report["server"] == address and report["engine"] == "serving" and report["size"] == 64


def test_a_refused_face_and_a_bad_photo_do_not_stop_the_others(
    server, photo, tmp_path, capsys, monkeypatch
):
    import grpc
    from prediction_server import Refused

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    server.model.failures = [Refused(grpc.StatusCode.INTERNAL, "out of\nmemory")]
    second = tmp_path / "second.png"
    second.write_bytes(photo.read_bytes())
    out = tmp_path / "out"
    address = server.address("grpc")
    assert run(photo, bad, second, "--output", out, "--server", address) == 1
    lines = capsys.readouterr().err.splitlines()
    errors = {line for line in lines if line.startswith("psfr: error: ")}
    # Several photos are asked for at once: either of the two may be the one that is refused.
    refused = {
        f"psfr: error: {name}: {address}: INTERNAL: out of memory" for name in (photo, second)
    }
    assert f"psfr: error: {bad}: not an image in a known format" in errors
    assert len(errors) == 2 and len(errors & refused) == 1
    assert report_of(out)["counts"]["restored"] == 1
    (kept,) = os.listdir(out / "restored")
    assert not any(kept in line for line in errors)


def test_aligned_faces_need_no_detection(server, protocol, tmp_path, faces):
    for index, face in enumerate(faces):
        Image.fromarray(face).save(tmp_path / f"{index}.png")
    out = tmp_path / "out"
    arguments = ("--server", server.address(protocol), "--protocol", protocol, "--aligned")
    assert run(tmp_path, "--output", out, *arguments) == 0
    assert len(os.listdir(out / "restored")) == 3


def test_a_server_that_is_not_there_is_one_line(server, photo, tmp_path, capsys):
    address = server.address("grpc")
    server.stop()
    arguments = ("--server", address, "--deadline", 1, "--retries", 1)
    assert run(photo, "--output", tmp_path, *arguments) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(errors) == 1 and errors[0].startswith(f"psfr: error: {address}: UNAVAILABLE")
    server.start()


def certificate(folder):
    """Private key and certificate for 127.0.0.1, signed by itself; the file of the latter."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl; Debian: apt install openssl")
    folder.mkdir()
    key, file = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command.split(), *names, "-keyout", key, "-out", file], check=True, capture_output=True
    )
    return (key.read_bytes(), file.read_bytes()), file


def test_tls(loaded, photo, tmp_path, capsys):
    """A server whose certificate is trusted; one that is not, or no TLS at all, is one line."""
    from prediction_server import PredictionServer

    pair, trusted = certificate(tmp_path / "ours")
    _, other = certificate(tmp_path / "other")
    server = PredictionServer(loaded, tls=pair)
    try:
        arguments = (photo, "--server", server.address("grpc"), "--deadline", 5, "--retries", 0)
        assert run(*arguments, "--output", tmp_path / "out", "--tls", trusted) == 0
        assert (tmp_path / "out" / "restored" / "eileen.png").is_file()
        for options in ((), ("--tls", other), ("--tls",)):
            capsys.readouterr()
            assert run(*arguments, "--output", tmp_path / "no", *options) == 1
            errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
            assert len(errors) == 1 and "UNAVAILABLE" in errors[0], options
    finally:
        server.stop()


def test_an_unknown_model_is_one_line(server, protocol, photo, tmp_path, capsys):
    arguments = ("--server", server.address(protocol), "--protocol", protocol)
    assert run(photo, "--output", tmp_path, *arguments, model="none") == 1
    assert "Servable not found for request: Latest(none)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["localhost", "localhost:", "host:0", "http://host:80", "a:1:2"]
)
def test_bad_addresses_are_bad_usage(address, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run("p.png", "--output", tmp_path, "--server", address)
    assert error.value.code == 2
    assert "is not HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_mistyped_host_is_one_line(protocol, photo, tmp_path, capsys):
    arguments = ("--server", "a..b:80", "--protocol", protocol, "--retries", 0, "--deadline", 2)
    assert run(photo, "--output", tmp_path, *arguments) == 1
    assert "psfr: error: a..b:80" in capsys.readouterr().err


def test_grpc_without_grpcio_says_what_to_install(tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "grpc" else find(name, *rest),
    )
    # The photo is never read: what is missing comes first.
    assert run(tmp_path / "none.png", "--output", tmp_path, "--server", "localhost:1") == 1
    assert capsys.readouterr().err.startswith(
        "psfr: error: --protocol grpc needs grpcio: pip install"
    )


@pytest.mark.parametrize("option", [("--fidelity", "1"), ("--engine", "litert")])
def test_what_the_server_decides_is_bad_usage(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run("p.png", "--output", tmp_path, "--server", "localhost:1", *option)
    assert error.value.code == 2
    assert f"{option[0]} does not go with --server" in capsys.readouterr().err
