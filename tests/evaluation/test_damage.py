"""Several kinds of damage in one table, with drawn faces and tiny networks."""

import csv
import functools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.evaluation import damage, groups
from psfr_tf.evaluation.degraded import DegradedFaces
from psfr_tf.evaluation.plan import load_plan
from psfr_tf.metrics import psnr
from psfr_tf.metrics.face_region import INSIDE, FaceRegion

SIZE = 80
FORMS = ["none", "paper"]


@functools.cache
def drawn(seed):
    return draw_face(seed, SIZE)


def evaluate(*arguments):
    return main.run(main.parse_arguments(["psfr", "evaluate", *map(str, arguments)]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from psfr_tf.model_folder import save_model_folder
    from psfr_tf.models import FaceParsingNetwork, Generator

    keras.utils.set_random_seed(0)
    return save_model_folder(
        tmp_path_factory.mktemp("model"),
        Generator.from_preset("psfr-test-64", load_weights=False),
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False),
    )


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(0)
    chips = keras.Input((24, 24, 3))
    x = keras.layers.Dense(5)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(chips)))
    keras.Model(chips, x).save(folder / "face.keras")
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, 2, name="early")(keras.layers.Rescaling(1 / 255)(images))
    keras.Model(images, x).save(folder / "features.keras")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of faces; of one it is known who wears glasses, of the other a beard, too."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    lines = {first: ["name,split,glasses"], second: ["name,split,glasses,note"]}
    for seed in range(8):
        folder = first if seed < 6 else second
        Image.fromarray(drawn(seed)[0]).save(folder / f"face_{seed}.png")
        line = f"face_{seed},{'train' if seed == 0 else 'test'},{int(seed == 1)}"
        lines[folder].append(
            line + (",soft;full-beard" if seed == 7 else ",")[: folder == second and 99]
        )
    for folder, rows in lines.items():
        (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return [first, second]


@pytest.fixture
def plan(folders, weights, networks, tmp_path):
    content = {
        "data": {
            "faces": [str(folder) for folder in folders],
            "split": "test",
            "degradation": FORMS,
            "size": SIZE,
        },
        "systems": [
            {"name": "input", "baseline": "bicubic"},
            {"name": "nlm", "baseline": "nlm_unsharp"},
            {"name": "ours", "weights": str(weights)},
        ],
        "networks": {
            "identity": str(networks / "face.keras"),
            "perceptual": str(networks / "features.keras"),
            "perceptual_layers": ["early"],
            "parsing": str(weights),
        },
    }
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(autouse=True)
def drawn_parsing(monkeypatch):
    """The true parsing map of a drawn face in place of a network's."""
    known = {drawn(seed)[0].tobytes(): drawn(seed)[1] for seed in range(8)}
    monkeypatch.setattr(
        "psfr_tf.evaluation.systems.load_parser", lambda _: lambda face: known[face.tobytes()]
    )


def test_table_of_damages(plan, folders, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert evaluate("--plan", plan, "--output", out, "--save-images") == 0
    printed = capsys.readouterr()
    # Drawn faces are too small for NIQE, which is one line and no error.
    assert printed.err.count("niqe is skipped") == 1
    report = json.loads((out / "report.json").read_text())
    assert list(report["damage"]) == FORMS and report["images"] == 7
    names = [f"face_{seed}" for seed in range(1, 8)]
    none, paper = (report["damage"][form]["systems"] for form in ("none", "paper"))
    assert list(none) == ["nlm", "ours"]

    # Undamaged inputs are perfect, and the worst is that of the PSNR itself.
    assert none["ours"]["psnr_face"]["equal_in"] == 7
    assert none["ours"]["identity_distance"]["in"] == 0 < none["ours"]["identity_distance"]["out"]
    assert none["ours"]["perceptual_distance"]["in"] < 1e-6
    assert none["nlm"]["ssim_face"]["in"] == 1 and none["nlm"]["sharpness_face"]["in"] == 1
    assert none["nlm"]["sharpness_face"]["out"] != 1

    # By hand, from the pictures as saved.
    values = []
    for name in names:
        folder = folders[0] if int(name[-1]) < 6 else folders[1]
        original, labels = drawn(int(name[-1]))
        np.testing.assert_array_equal(original, Image.open(folder / f"{name}.png"))
        inside = np.isin(labels, INSIDE)
        values.append(
            [
                psnr(picture[inside][None], original[inside][None])
                for picture in (
                    np.asarray(Image.open(out / "paper" / version / f"{name}.png"))
                    for version in ("nlm", "ours")
                )
            ]
        )
    for system, column in zip(("nlm", "ours"), np.transpose(values), strict=True):
        assert paper[system]["psnr_face"]["out"] == pytest.approx(column.mean())
    changes = column_changes(out / "paper" / "per_image.csv", "psnr_face_input", "psnr_face_ours")
    assert paper["ours"]["psnr_face"]["worst"] == pytest.approx(min(changes))

    table = (out / "table.md").read_text()
    assert table in printed.out
    for text in ("## nlm", "## ours", "| none | perfect -> ", "the paper's", "worst 5 %"):
        assert text in table
    assert "no glasses | 6 |" in table and "beard (1)" in table
    assert report["groups"]["beard"]["images"] == report["groups"]["no beard"]["images"] == 1

    # What is measured already is not measured again.
    def fail(*_):
        raise AssertionError("measured again")

    (out / "report.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(damage, "evaluate", fail)
        assert evaluate("--plan", plan, "--output", out, "--save-images") == 0
    assert json.loads((out / "report.json").read_text()) == report


def column_changes(path, before, after):
    with open(path, newline="") as file:
        return [float(row[after]) - float(row[before]) for row in csv.DictReader(file)]


def test_a_network_that_is_not_there_leaves_its_column_out(plan, tmp_path, capsys):
    content = json.loads(plan.read_text())
    content["networks"]["identity"] = str(tmp_path / "absent.keras")
    content["data"]["degradation"] = ["none"]
    content["systems"] = content["systems"][:2]
    plan.write_text(json.dumps(content))
    assert evaluate("--plan", plan, "--output", tmp_path / "out") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "absent.keras" in line]
    assert len(lines) == 1 and "identity_distance is skipped" in lines[0]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "identity_distance" not in report["metrics"]
    assert "perceptual_distance" in report["metrics"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"systems": [{"name": "a", "folder": "f"}]}, "needs a system with baseline: bicubic"),
        ({"data": {"faces": "f", "degradation": ["paper", "paper"]}}, "listed twice"),
        (
            {"data": {"reference": "f", "degradation": ["paper"]}},
            "a list of degradations needs faces",
        ),
        ({"data": {"faces": ["f", "g"], "manifest": "m.csv"}}, "one folder of faces"),
    ],
)
def test_mistakes_in_a_plan(plan, change, message, tmp_path, capsys):
    plan.write_text(json.dumps({**json.loads(plan.read_text()), **change}))
    assert evaluate("--plan", plan, "--output", tmp_path / "out") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_worst_share_and_perfect_results():
    before, after = np.full(40, 30.0), np.full(40, 31.0)
    after[[3, 5, 7]] = 20.0, 25.0, 27.0
    result = damage.summary(before, after, decibels=True)
    assert result["worst"] == pytest.approx((-10 - 5) / 2)  # two of 40
    inf, nan = float("inf"), float("nan")
    result = damage.summary([inf, inf, nan], [inf, 40.0, 1.0], decibels=True)
    assert (result["equal_in"], result["equal_out"], result["images"]) == (2, 1, 2)
    assert (result["in"], result["out"], result["worst"]) == (60.0, 50.0, 40.0)
    assert damage.summary([nan], [1.0]) == {"images": 0, "in": None, "out": None}


def test_groups_by_lightness_of_skin_and_turn_of_the_head(tmp_path):
    for seed in range(6):
        face = drawn(0)[0] * (0.4 + 0.1 * seed)
        Image.fromarray(face.astype(np.uint8)).save(tmp_path / f"{seed}.png")
    faces = DegradedFaces(tmp_path, SIZE, 0, "none")
    labels = drawn(0)[1]
    points = iter([None, *([[30.0, 40], [60, 40], [45 + x, 55]] for x in (0, 1, 4, -5, 9))])
    found = groups.face_groups(faces, [], FaceRegion(lambda _: labels), lambda _: next(points))
    dark, between, light = (found[label] for label in found if label.startswith("skin"))
    assert (dark, between, light) == (["0", "1"], ["2", "3"], ["4", "5"])
    assert found["turned up to 10°"] == ["1", "2"]
    assert found["turned 10° to 20°"] == ["3", "4"] and found["turned above 20°"] == ["5"]
    assert found["glasses"] == found["no glasses"] == []


def test_shipped_plan():
    plan = load_plan(Path(__file__).parents[2] / "configs" / "evaluation" / "damage.yaml")
    assert len(plan.data.forms) == 5
    trained_on = {"activation_2", "activation_4", "mixed0", "mixed2"}
    assert not trained_on & set(plan.networks.perceptual_layers)
