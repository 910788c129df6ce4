import shutil
from pathlib import Path

import pytest

from psfr_tf.android_bench import affinity
from psfr_tf.android_bench.plan import (
    Case,
    Matrix,
    Plan,
    estimate_seconds,
    expand,
    find_models,
    load_plan,
)
from psfr_tf.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_matrix_is_all_combinations_each_once(make_model):
    models = [make_model("a.tflite"), make_model("b.tflite")]
    matrix = Matrix(delegates=["xnnpack", "cpu"], threads=[1, 2], affinity=["all", "0-1"])
    cases = expand(Plan(matrix=[matrix, Matrix()]), models)
    assert len(cases) == len({case.key for case in cases}) == 2 * 2 * 2 * 2
    assert str(cases[0]) == "a.tflite, xnnpack, 1 thread"


def test_the_gpu_has_one_case(make_model):
    matrix = Matrix(delegates=["gpu"], threads=[1, 2, 4], affinity=["all", "big"])
    assert expand(Plan(matrix=[matrix]), [make_model()]) == [Case(make_model(), "gpu")]


def test_patterns_choose_by_file_name_or_by_what_the_file_is(make_model):
    fields = {"weights": "psfr-test-64", "part": "restorer", "precision": "int8"}
    models = [make_model("x.tflite", **fields), make_model("y.tflite")]
    for pattern, names in (("psfr-test-64 *", ["x"]), ("y.*", ["y"]), ("*", ["x", "y"])):
        cases = expand(Plan(matrix=[Matrix(models=[pattern])]), models)
        assert [case.model.path.stem for case in cases] == names
    with pytest.raises(UserError, match="no case"):
        expand(Plan(matrix=[Matrix(models=["z*"])]), models)


def test_two_files_of_one_name_are_refused(make_model):
    other = make_model(sha256="another")
    with pytest.raises(UserError, match=r"both called a\.tflite"):
        expand(Plan(), [make_model(), other])


def test_the_estimate_knows_work_threads_and_sustained_runs(make_model):
    plan = Plan()
    small, large = make_model(), make_model("l.tflite", multiply_adds=10**12)
    assert estimate_seconds([Case(small)], plan) < estimate_seconds([Case(large)], plan)
    assert estimate_seconds([Case(large, threads=4)], plan) < estimate_seconds([Case(large)], plan)
    assert estimate_seconds([Case(small, sustained_minutes=5)], plan) == 300


@pytest.mark.parametrize(
    "text, message",
    [
        ("matrix: [{delegats: [cpu]}]", "did you mean delegates"),
        ("matrix: [{delegates: [tpu]}]", r"matrix\.0\.delegates\.0"),
        ("matrix: [{affinity: [7-4]}]", "CPUs such as 4-7"),
        ("processes: 0", "processes: input should be greater than 0, got 0"),
        ("runs: {max_seconds: .inf}", "runs.max_seconds: input should be a finite number"),
        ("runs: {max_seconds: 1.0e+12}", "runs.max_seconds: input should be less than or equal"),
        ("- 1", "expected keys such as models"),
        ("a: [", "not a YAML file"),
    ],
)
def test_a_bad_plan_is_one_line(tmp_path, text, message):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        load_plan(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("bench_*.yaml")), ids=lambda path: path.stem)
def test_plans_of_the_repository(path, make_model):
    names = ("restorer_float32.tflite", "restorer_int8-dynamic.tflite")
    fields = {"weights": "psfr-mobile-256", "part": "restorer"}
    models = [make_model(n, **fields, precision=n[9:-7]) for n in names]
    plan = load_plan(path)
    assert plan.models and len(expand(plan, models)) > 4


def test_files_folders_and_patterns(exported, tmp_path):
    folder, _ = exported
    one = folder / "parsing_int8.tflite"
    models, problems = find_models([str(one), str(folder), str(folder / "parsing_*.tflite")])
    assert len(models) == 15 and models[0].path == one and not problems
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    sources = [tmp_path / "bad.tflite", tmp_path / "none.tflite", tmp_path / "*.lite", one]
    models, problems = find_models(list(map(str, sources)))
    assert [model.path for model in models] == [one]
    assert [Path(line.split(":")[0]).name for line in problems] == [
        "*.lite",
        "bad.tflite",
        "none.tflite",
    ]


def test_a_file_that_looks_like_a_pattern(exported, tmp_path):
    folder = tmp_path / "downloads[1]"
    folder.mkdir()
    copied = Path(shutil.copy(exported[0] / "parsing_int8.tflite", folder))
    models, problems = find_models([str(copied)])
    assert [model.path for model in models] == [copied] and not problems


def test_affinity():
    top_khz = {0: 1800, 1: 1800, 2: 2400, 3: 3000}
    assert affinity.resolve("all", top_khz) is None
    assert affinity.resolve("big", top_khz) == (3,)
    assert affinity.resolve("little", top_khz) == (0, 1)
    assert affinity.resolve("0,2-3", top_khz) == (0, 2, 3)
    with pytest.raises(ValueError, match="no CPU 7"):
        affinity.resolve("7", top_khz)
    with pytest.raises(ValueError, match="alike"):
        affinity.resolve("big", {0: 0, 1: 0})
