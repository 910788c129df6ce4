"""`psfr evaluate` from end to end with random weights and drawn faces."""

import csv
import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.errors import UserError
from psfr_tf.evaluation.plan import load_plan
from psfr_tf.metrics import psnr
from psfr_tf.metrics.choice import DEFAULT


def evaluate(*arguments):
    return main.run(main.parse_arguments(["psfr", "evaluate", *map(str, arguments)]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    import keras

    from psfr_tf.model_folder import save_model_folder
    from psfr_tf.models import FaceParsingNetwork, Generator

    keras.utils.set_random_seed(0)
    return save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for seed in range(4):
        rgb, labels = draw_face(seed, 64)
        Image.fromarray(rgb).save(folder / "images" / f"face_{seed}.png")
        Image.fromarray(labels).save(folder / "masks" / f"face_{seed}.png")
    rows = ["name,split", "face_0,test", "face_1,train", "face_2,test", "face_3,test"]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def pixels(path):
    return np.asarray(Image.open(path))


def test_model(weights, data, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--split", "test", "--save-images", "--metrics", "psnr", "ssim"]
    assert evaluate("--weights", weights, "--data", data, "--output", out, *options) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["images"] == 3 and list(report["metrics"]) == ["psnr", "ssim"]
    assert report["settings"]["seed"] == 0 and report["settings"]["degradation"] == "paper"
    assert (out / "table.md").read_text() in capsys.readouterr().out

    # A restored face as saved, compared by hand, has the value of the table.
    with open(out / "per_image.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["face_0", "face_2", "face_3"]
    values = [
        psnr(pixels(out / "restored" / f"{row['name']}.png"), pixels(image_of(data, row["name"])))
        for row in rows
    ]
    np.testing.assert_allclose([float(row["psnr_restored"]) for row in rows], values, rtol=1e-5)
    mean = report["metrics"]["psnr"]["mean"]
    assert mean["restored"] == pytest.approx(np.mean(values))
    # Drawn faces degraded with noise, blur and JPEG are still recognizable; random weights are not.
    assert mean["input"] > mean["restored"]
    iou = report["parsing"]["restored"]["per_class"]
    assert len(iou) == 19 and 0 <= report["parsing"]["restored"]["mean_iou"] < 1
    assert math.fsum(entry["reference_share"] for entry in iou.values()) == pytest.approx(1)
    assert pixels(out / "contact_sheet.png").shape == (24 + 3 * 68, 4 + 4 * 68, 3)


def test_niqe_model_of_the_training_faces(tmp_path):
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    lines = ["name,split"]
    for seed in range(40):
        grain = rng.normal(0, 6, (192, 192, 1))
        rgb = np.clip(draw_face(seed, 192)[0] + grain, 0, 255).astype(np.uint8)
        Image.fromarray(rgb).save(tmp_path / "images" / f"{seed}.png")
        lines.append(f"{seed},{'test' if seed < 2 else 'train'}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    data = {"faces": str(tmp_path), "split": "test", "size": 192, "niqe_split": "train"}
    plan = {"data": data, "systems": [{"name": "input", "baseline": "bicubic"}]}
    (tmp_path / "plan.yaml").write_text(json.dumps({**plan, "metrics": ["niqe"]}))
    assert evaluate("--plan", tmp_path / "plan.yaml", "--output", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] == 2 and report["settings"]["niqe_split"] == "train"
    assert "the 38 originals of the split train" in " ".join(report["notes"])
    assert report["metrics"]["niqe"]["mean"]["input"] > 0


def image_of(data, name):
    return data / "images" / f"{name}.png"


def test_all_metrics_and_the_same_numbers_twice(weights, data, tmp_path, capsys):
    for name in ("a", "b"):
        arguments = ["--weights", weights, "--data", data, "--output", tmp_path / name]
        options = ["--seed", 3, "--degradation", "release", "--metric-files", tmp_path / "none"]
        assert evaluate(*arguments, *options) == 0
    a, b = ((tmp_path / name / "report.json").read_text() for name in "ab")
    assert a == b
    report = json.loads(a)
    left_out = {"lpips_alex", "lpips_vgg", "fid", "face_mesh", "identity", "niqe"}
    assert set(report["metrics_left_out"]) == left_out
    assert list(report["metrics"]) == [name for name in DEFAULT if name not in left_out]
    # Each line says what to fetch and where to put it; NIQE's, that drawn faces are too small.
    error = capsys.readouterr().err
    path = tmp_path / "none" / "alexnet-owt-7be5be79.pth"
    assert f"psfr: lpips_alex is skipped: {path}" in error
    assert "37 are needed" in report["metrics_left_out"]["niqe"]


def test_one_bad_face(weights, data, tmp_path, capsys):
    import shutil

    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "images" / "face_2.png").write_bytes(b"")
    arguments = ["--weights", weights, "--data", tmp_path / "data", "--metrics", "psnr"]
    assert evaluate(*arguments, "--output", tmp_path / "out") == 1
    assert "face_2.png: the file is empty" in capsys.readouterr().err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] == 3 and len(report["problems"]) == 1


def test_folders(data, tmp_path, capsys):
    restored = tmp_path / "restored"
    restored.mkdir()
    for name in ("face_0", "face_1"):
        Image.fromarray(pixels(image_of(data, name)) ^ 1).save(restored / f"{name}.png")
    out = tmp_path / "out"
    arguments = ["--restored", restored, "--reference", data / "images", "--output", out]
    # face_2 and face_3 have no restored picture.
    assert evaluate(*arguments, "--metrics", "psnr") == 1
    error = capsys.readouterr().err
    assert error.count("no picture of this name in") == 2 and "face_3" in error
    report = json.loads((out / "report.json").read_text())
    assert report["metrics"]["psnr"]["mean"]["restored"] == pytest.approx(20 * math.log10(255))
    assert report["images"] == 2 and report["parsing"] == {}


def test_plan(weights, data, tmp_path, capsys):
    """Two models, a baseline, a folder; a system that is missing does not stop the others."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("face_0", "face_2", "face_3"):
        Image.fromarray(pixels(image_of(data, name)) ^ 1).save(theirs / f"{name}.png")
    plan = {
        "title": "A table",
        "data": {"faces": str(data), "split": "test", "seed": 1},
        "systems": [
            {"name": "bicubic", "baseline": "bicubic"},
            {"name": "nlm", "baseline": "nlm_unsharp"},
            {"name": "theirs", "folder": str(theirs)},
            {"name": "absent", "folder": str(tmp_path / "absent")},
            {"name": "ours", "weights": str(weights)},
        ],
        "metrics": ["psnr", "psnr_y"],
    }
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(plan))  # JSON is YAML
    assert evaluate("--plan", path, "--output", tmp_path / "out") == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["versions_compared"] == ["bicubic", "nlm", "theirs", "ours"]
    assert report["problems"] == [f"absent: {tmp_path}/absent: no such folder"]
    psnrs = report["metrics"]["psnr"]["mean"]
    assert psnrs["theirs"] == pytest.approx(20 * math.log10(255))
    assert report["settings"]["title"] == "A table" and report["settings"]["size"] == 64
    assert "<h1>A table</h1>" in (tmp_path / "out" / "index.html").read_text()

    # The same faces as a finished set, with the same degraded faces, give the same numbers.
    saved = tmp_path / "saved"
    assert (
        main.run(
            main.parse_arguments(
                ["psfr", "evaluate", "--plan", str(path), "--save-images", "--output", str(saved)]
            )
        )
        == 1
    )
    plan["data"] = {"reference": str(data / "images"), "lq": str(saved / "bicubic")}
    plan["systems"] = [plan["systems"][0]]
    path.write_text(json.dumps(plan))
    # face_1 has no degraded version.
    assert evaluate("--plan", path, "--output", tmp_path / "again") == 1
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["images"] == 3
    assert again["metrics"]["psnr"]["mean"]["bicubic"] == pytest.approx(psnrs["bicubic"])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({}, "missing key data"),
        ({"data": {"faces": "f", "reference": "r"}}, "either faces .* or reference"),
        ({"systems": [{"name": "a"}]}, "one of weights, folder, baseline"),
        ({"systems": [{"name": "a", "folder": "f"}] * 2}, "two systems have one name"),
        ({"metrics": ["beauty"]}, "unknown metric 'beauty'"),
        ({"color": 1}, "unknown key color"),
    ],
)
def test_mistakes_in_a_plan(tmp_path, plan, message):
    valid = {"data": {"faces": "f"}, "systems": [{"name": "a", "folder": "f"}]}
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps({**valid, **plan} if plan else {}))
    with pytest.raises(UserError, match=rf"plan\.yaml: .*{message}"):
        load_plan(path)


@pytest.mark.parametrize("table", ["paper_table1", "paper_table2"])
def test_shipped_plans_are_valid(table):
    path = Path(__file__).parents[2] / "configs" / "evaluation" / f"{table}.yaml"
    assert load_plan(path).data.size == 512


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--weights", "w"],
        ["--restored", "r"],
        ["--weights", "w", "--restored", "r", "--data", "d"],
        ["--weights", "w", "--data", "d", "--manifest", "m.csv"],
        ["--weights", "w", "--data", "d", "--reference", "x"],
        ["--restored", "r", "--reference", "x", "--seed", "0"],
        ["--restored", "r", "--reference", "x", "--against", "nlm_unsharp"],
        ["--weights", "w", "--data", "d", "--against", "magic"],
        ["--weights", "w", "--data", "d", "--against", "input=x"],
        ["--restored", "r", "--reference", "x", "--niqe-split", "train"],
        ["--weights", "w", "--data", "d", "--niqe-split", "train", "--niqe-model", "m.npz"],
        ["--plan", "p.yaml", "--data", "d"],
        ["--plan", "p.yaml", "--fidelity", "1"],
        ["--restored", "r", "--reference", "x", "--fidelity", "1"],
        ["--weights", "w", "--data", "d", "--fidelity", "1.5"],
        ["--restored", "r", "--reference", "x", "--metrics", "beauty"],
    ],
)
def test_bad_usage(tmp_path, arguments):
    with pytest.raises(SystemExit) as exit_code:
        evaluate(*arguments, "--output", tmp_path / "out")
    assert exit_code.value.code == 2
    assert not (tmp_path / "out").exists()


def test_bad_input_is_one_line(weights, data, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate("--weights", "none", "--data", data, "--output", out) == 1
    assert evaluate("--weights", weights, "--data", tmp_path / "x", "--output", out) == 1
    assert evaluate("--weights", weights, "--data", data, "--split", "x", "--output", out) == 1
    (tmp_path / "file").write_text("")
    assert evaluate("--weights", weights, "--data", data, "--output", tmp_path / "file") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and all(line.startswith("psfr: error: ") for line in lines)
    assert "none: neither a model folder" in lines[0]
    assert "no such folder" in lines[1]
    assert "no face of split 'x'" in lines[2]
    assert "cannot write to the output folder" in lines[3]


def test_a_signal_ends_with_a_report_and_the_next_run_goes_on(data, tmp_path, monkeypatch, capsys):
    from psfr_tf.evaluation.state import EvaluationState

    out, images = tmp_path / "out", data / "images"
    arguments = ["--restored", images, "--reference", images, "--metrics", "psnr", "--output", out]
    append, calls = EvaluationState.append, []

    def interrupted(self, *values):
        calls.append(values)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        append(self, *values)

    monkeypatch.setattr(EvaluationState, "append", interrupted)
    assert evaluate(*arguments) == 1
    assert "run the same command again to continue" in capsys.readouterr().err
    report = json.loads((out / "report.json").read_text())
    assert report["command"] == "evaluate" and report["interrupted"]
    assert evaluate(*arguments) == 0
    assert "goes on after 2 images" in capsys.readouterr().err
    assert json.loads((out / "report.json").read_text())["images"] == 4


def test_metrics_are_put_together():
    args = ["psfr", "evaluate", "--plan", "p", "--output", "o", "--metrics", "psnr"]
    assert main.parse_arguments([*args, "--metrics", "ssim"]).metrics == ["psnr", "ssim"]


def test_several_systems_in_one_table(weights, data, tmp_path, capsys):
    """Results of two other systems, one at another size and under names of its own."""
    theirs, large = tmp_path / "theirs", tmp_path / "large"
    for folder in (theirs, large):
        folder.mkdir()
    for path in (data / "images").iterdir():
        face = Image.open(path)
        face.point(lambda level: min(255, level + 3)).save(theirs / f"{path.stem}_00.png")
        face.resize((128, 128)).save(large / path.name)
    arguments = ["--reference", data / "images", "--lq", theirs, "--weights", f"mine={weights}"]
    arguments += ["--restored", f"A={theirs}", f"B={large}", "--metrics", "PSNR,ms-ssim", "MS-SSIM"]
    assert evaluate(*arguments, "--output", tmp_path / "odd") == 1
    assert "or use --resize" in capsys.readouterr().err
    assert evaluate(*arguments, "--resize", "--output", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["versions_compared"] == ["input", "A", "B", "mine"]
    psnr_of = report["metrics"]["psnr"]
    low, high = psnr_of["difference_interval"]["mine"]
    assert low <= psnr_of["difference"]["mine"] <= high < 0
    assert psnr_of["difference_interval"]["A"] == [0, 0]
    table = (tmp_path / "out" / "table.md").read_text()
    assert "difference from input (95 % interval)" in table
    latex = (tmp_path / "out" / "table.tex").read_text().splitlines()
    row = next(line for line in latex if line.startswith("PSNR"))
    b = psnr_of["mean"]["B"]
    assert row.count("textbf") == 1 and rf"\textbf{{{b:.2f}}}" in row
    assert "input" in latex[2] and "textbf" not in latex[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--restored", "a/x", "b/y"], "beside other columns it needs a name, NAME=a/x"),
        (["--restored", "A=a", "A=b"], "give each column a name of its own"),
        (["--restored", "A=a", "B=b", "--metrics", "lpip"], "did you mean lpips"),
        (["--weights", "w"], "with --reference needs --lq"),
    ],
)
def test_columns_need_names(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate(*arguments, "--reference", "x", "--output", tmp_path / "out")
    assert message in capsys.readouterr().err
