import json
import sys

import keras
import pytest

from psfr_tf.cli import main
from psfr_tf.errors import UserError
from psfr_tf.export import saved_model, saved_model_report
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    keras.utils.set_random_seed(1)
    return save_model_folder(
        tmp_path_factory.mktemp("weights") / "my-model",
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
    )


def export(*arguments):
    args = main.parse_arguments(["psfr", "export", "saved-model", *map(str, arguments)])
    return args.run(args)


def test_it_writes_a_version_and_the_report(weights, tmp_path, capsys):
    pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")
    assert export("--weights", weights, "--output", tmp_path) == 0
    version = tmp_path / "my-model" / "1"
    assert (version / "saved_model.pb").is_file()
    assert (version / "variables" / "variables.index").is_file()
    assert (version / "assets.extra" / "tf_serving_warmup_requests").is_file()
    assert capsys.readouterr().out == f"SavedModel: {version}\n"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["path"] == "my-model/1" and report["model_version"] == 1
    assert report["size"] == 64 and report["has_warmup"]
    assert report["size_bytes"] == sum(p.stat().st_size for p in version.rglob("*") if p.is_file())
    assert 50 < report["psnr_db"] < 62 and report["equal_labels"] > 0.999
    assert report["max_error"] >= 0.5 / 127.5  # uint8
    assert f"| PSNR (dB) | {report['psnr_db']:.1f} |" in (tmp_path / "table.md").read_text(
        encoding="utf-8"
    )


def test_a_model_that_is_off_is_not_published(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(saved_model_report.LIMITS, "float32", (99.0, 0.999))
    with pytest.raises(UserError, match=r"^my-model: not exported: 5\d\.\d dB, less than 99 dB"):
        export("--weights", weights, "--output", tmp_path)
    assert not list((tmp_path / "my-model").iterdir())
    assert export("--weights", weights, "--output", tmp_path, "--allow-degraded") == 0
    assert (tmp_path / "my-model" / "1" / "saved_model.pb").is_file()
    assert json.loads((tmp_path / "report.json").read_text())["shortfalls"]


def test_bfloat16(tmp_path):
    """Half of the bytes of the weights, and its own limits; shipped weights have true margins."""
    arguments = ("--weights", "psfr-mobile-256", "--output", tmp_path)
    assert export(*arguments, "--precision", "bfloat16") == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["precision"] == "bfloat16" and not report["shortfalls"]
    variables = tmp_path / "psfr-mobile-256" / "1" / "variables" / "variables.data-00000-of-00001"
    folder = load_model_folder("psfr-mobile-256")
    numbers = folder.generator.count_params() + folder.parsing_network.count_params()
    assert 2 <= variables.stat().st_size / numbers < 2.4  # float32: 4 and more
    assert "SavedModel, bfloat16" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_name_version_and_a_missing_warm_up(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    arguments = ("--weights", weights, "--output", tmp_path, "--name", "face", "--version", 12)
    assert export(*arguments) == 0
    assert (tmp_path / "face" / "12" / "saved_model.pb").is_file()
    assert "pip install 'psfr_tf[serving]'" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"12: this version exists"):
        export(*arguments)


def test_bad_names_and_weights(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(saved_model, "export", lambda *_: pytest.fail("exported"))
    with pytest.raises(SystemExit) as error:
        export("--weights", weights, "--output", tmp_path, "--name", "a/b")
    assert error.value.code == 2 and "--name: 'a/b' cannot be" in capsys.readouterr().err
    with pytest.raises(UserError, match="neither a model folder nor shipped weights"):
        export("--weights", tmp_path / "none", "--output", tmp_path)
    with pytest.raises(SystemExit) as error:
        export("--weights", weights, "--output", tmp_path, "--version", "0")
    assert error.value.code == 2
