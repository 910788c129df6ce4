"""`psfr export onnx` on a small model, its files in ONNX Runtime, and the samples for a phone."""

import json
import sys

import numpy as np
import pytest

from psfr_tf import FaceRestorer
from psfr_tf.android_bench.accuracy import by_name
from psfr_tf.android_bench.local import LocalTarget
from psfr_tf.android_bench.model_file import read_model_file
from psfr_tf.android_bench.plan import Matrix, Plan, Runs, expand
from psfr_tf.cli import main
from psfr_tf.engines import probe
from psfr_tf.engines.onnx import OnnxEngine
from psfr_tf.errors import UserError
from psfr_tf.export import check_output
from psfr_tf.network_folder import refuse_ready_files


@pytest.fixture(scope="module")
def onnx_files(small_model, tmp_path_factory):
    output = tmp_path_factory.mktemp("onnx")
    command = ["psfr", "export", "onnx", "--weights", str(small_model), "--output", str(output)]
    assert main.run(main.parse_arguments([*command, "--license", "CC0"])) == 0
    return output


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


@pytest.mark.slow
def test_files_are_near_and_describe_themselves(onnx_files):
    import onnx

    files = {
        entry["file"]: entry
        for entry in json.loads((onnx_files / "report.json").read_text())["files"]
    }
    assert set(files) == {f"{part}_float32.onnx" for part in ("restorer", "parsing", "generator")}
    assert files["generator_float32.onnx"]["psnr_db"] > 100
    model = onnx.load(onnx_files / "restorer_float32.onnx")
    (given,) = model.graph.input  # no constant has become an input
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == [
        "batch",
        64,
        64,
        3,
    ]
    assert {output.name for output in model.graph.output} == {"restored", "labels"}
    assert ("", 18) in {(each.domain, each.version) for each in model.opset_import}
    told = {each.key: each.value for each in model.metadata_props}
    assert told["license"] == "CC0" and told["part"] == "restorer" and "skin" in told["labels"]


@pytest.mark.slow
def test_the_engine_restores_as_tensorflow_does(onnx_files, small_model, faces):
    expected = FaceRestorer.from_pretrained(small_model, "tensorflow").restore_and_parse(faces)
    restored, labels = FaceRestorer.from_pretrained(
        onnx_files / "restorer_float32.onnx"
    ).restore_and_parse(faces)
    assert np.mean(np.abs(restored.astype(int) - expected[0]) > 1) < 0.01
    assert np.mean(labels != expected[1]) < 0.01
    with pytest.raises(UserError, match=r"parsing_float32\.onnx: not a restorer with labels"):
        OnnxEngine(onnx_files / "parsing_float32.onnx")
    with pytest.raises(UserError, match="omit these options"):
        FaceRestorer.from_pretrained(onnx_files / "restorer_float32.onnx", "litert")
    with pytest.raises(Exception, match="was made of the weights that are there now"):
        refuse_ready_files(onnx_files)


@pytest.mark.slow
def test_a_model_folder_keeps_its_file(small_model, faces, tmp_path, monkeypatch):
    from psfr_tf.engines import litert_file

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = FaceRestorer.from_pretrained(small_model, "onnx").restore_aligned(faces)
    monkeypatch.setattr(litert_file, "restorer_content", lambda *_: pytest.fail("converted twice"))
    second = FaceRestorer.from_pretrained(small_model, "onnx").restore_aligned(faces)
    np.testing.assert_array_equal(first, second)


def test_no_file_and_no_package(tmp_path, monkeypatch):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("bad.onnx", "none.onnx"):
        with pytest.raises(UserError, match=f"{name}: "):
            OnnxEngine(tmp_path / name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'psfr_tf\[onnx\]'"):
        OnnxEngine(tmp_path / "bad.onnx")


@pytest.mark.slow
def test_what_a_phone_wrote_is_compared(onnx_files, tmp_path, capsys):
    about = json.loads((onnx_files / "samples.json").read_text())
    lq = np.fromfile(onnx_files / about["lq"], "<f4").reshape(about["shape"])
    golden = onnx_files / about["restored"]["float32"]["file"]
    right = OnnxEngine(onnx_files / "restorer_float32.onnx").run(lq)[0]
    face = np.fromfile(golden, "<f4").reshape(about["shape"])
    assert np.abs(np.clip(face, -1, 1) - right).max() < 1e-5

    def check(values, *options):
        path = tmp_path / "phone_float32.bin"
        path.write_bytes(np.ascontiguousarray(values).tobytes())
        code = check_output.main([str(path), "--samples", str(onnx_files), *options])
        return code, "".join(capsys.readouterr())

    assert check(right)[0] == 0
    code, line = check(right[..., ::-1])
    assert code == 1 and "BGR" in line
    code, line = check(right.transpose(0, 3, 1, 2))
    assert code == 1 and "NCHW" in line
    assert check(right * np.float32("nan"))[0] == 1
    code, line = check(right[:, :32])
    assert code == 2 and "bytes; float32 [1, 64, 64, 3] has 49152" in line
    assert check(right, "--precision", "int8")[0] == 2
    assert check_output.main([str(tmp_path / "phone_float32.bin")]) == 2  # no samples beside it


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1, 4, 16, 3]},
        {"shape": "abc"},
        {"shape": [1, 8.0, 8.0, 3]},
        {"restored": ["float32"]},
        {"restored": {"float32": {"file": "golden.bin"}}},
        {"restored": {"float32": {"file": "golden.bin", "min_psnr_db": None}}},
        None,
    ],
)
def test_samples_that_psfr_export_did_not_write(tmp_path, capsys, change):
    face = np.zeros((1, 8, 8, 3), np.float32)
    for name in ("golden.bin", "float32.bin"):
        (tmp_path / name).write_bytes(face.tobytes())
    about = {"shape": [1, 8, 8, 3]}
    about["restored"] = {"float32": {"file": "golden.bin", "min_psnr_db": 50}}
    file = tmp_path / "samples.json"
    file.write_text(json.dumps(about))
    assert check_output.main([str(tmp_path / "float32.bin")]) == 0
    file.write_text("[" * 100_000 if change is None else json.dumps(about | change))
    assert check_output.main([str(tmp_path / "float32.bin")]) == 2
    assert capsys.readouterr().err == f"error: {file}: not written by psfr export\n"


@pytest.mark.slow
def test_it_is_a_row_of_the_benchmark(onnx_files, exported):
    model = read_model_file(onnx_files / "restorer_float32.onnx")
    beside = read_model_file(exported[0] / "restorer_float32.tflite")
    assert model.label.endswith("restorer float32-onnx") and model.size == 64
    assert 0.8 < model.multiply_adds / beside.multiply_adds < 1.2
    plan = Plan(matrix=[Matrix(delegates=["xnnpack", "onnxruntime"])])
    cases = {case.model.path.suffix: case for case in expand(plan, [model, beside])}
    assert {suffix: case.delegate for suffix, case in cases.items()} == {
        ".onnx": "onnxruntime",
        ".tflite": "xnnpack",
    }
    runs = Runs(warm_up_runs=1, min_runs=3, min_seconds=0, max_seconds=60)
    assert LocalTarget().measure(cases[".onnx"], runs).latency.runs == 3
    face = np.random.default_rng(3).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    outputs = by_name(model, LocalTarget().output(cases[".onnx"], [face]))
    expected = OnnxEngine(model.path).run(face)
    np.testing.assert_allclose(np.clip(outputs["restored"], -1, 1), expected[0], atol=1e-5)
    np.testing.assert_array_equal(outputs["labels"], expected[1])


def onnx_file(path, restored=None, batch="batch"):
    """A restorer of 8 px that gives back its input, or what `restored` makes of it."""
    onnx = pytest.importorskip("onnx")
    value, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    kinds = onnx.TensorProto
    shape = onnx.numpy_helper.from_array(np.array([-1, 5], np.int64), "shape")
    true = onnx.numpy_helper.from_array(np.array(True), "true")
    on = [value(name, kinds.BOOL, []) for name in ("on", "on_")]
    body = onnx.helper.make_graph(
        [node("Identity", ["on"], ["on_"]), node("Identity", ["x"], ["x_"])],
        "body",
        [value("i", kinds.INT64, []), on[0], value("x", kinds.FLOAT, None)],
        [on[1], value("x_", kinds.FLOAT, None)],
    )
    first = {
        None: node("Identity", ["lq"], ["restored"]),
        "reshape": node("Reshape", ["lq", "shape"], ["restored"]),
        "flatten": node("Flatten", ["lq"], ["restored"]),
        "loop": node("Loop", ["", "true", "lq"], ["restored"], body=body),
    }[restored]
    face = [batch, 8, 8, 3]
    graph = onnx.helper.make_graph(
        [
            first,
            node("ArgMax", ["lq"], ["largest"], axis=3, keepdims=0),
            node("Cast", ["largest"], ["labels"], to=kinds.UINT8),
        ],
        "graph",
        [value("lq", kinds.FLOAT, face)],
        [value("restored", kinds.FLOAT, None), value("labels", kinds.UINT8, face[:3])],
        [shape, true],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_onnx_files_that_do_not_fit(tmp_path):
    good = onnx_file(tmp_path / "good.onnx")
    faces = np.zeros((2, 8, 8, 3), np.float32)
    assert FaceRestorer.from_pretrained(good).engine.run(faces)[0].shape == faces.shape
    spoiled = tmp_path / "name.onnx"
    spoiled.write_bytes(good.read_bytes().replace(b"labels", b"lab\xffls"))
    for path, reason in {
        onnx_file(tmp_path / "one.onnx", batch=1): "not a restorer with labels, of any batch",
        onnx_file(tmp_path / "fails.onnx", "reshape"): "not a usable ONNX file: .*Reshape",
        spoiled: "not a usable ONNX file: .*utf-8",
    }.items():
        with pytest.raises(UserError, match=rf"^[^\n]*{path.name}: {reason}"):
            FaceRestorer.from_pretrained(path)
    with pytest.raises(UserError, match=r"flat\.onnx: made \[2, 192\]"):
        OnnxEngine(onnx_file(tmp_path / "flat.onnx", "flatten")).run(faces)
    with pytest.raises(UserError, match=r"fails\.onnx: does not run: "):
        OnnxEngine(tmp_path / "fails.onnx").run(faces)
    with pytest.raises(UserError, match=r"name\.onnx: "):
        read_model_file(spoiled)


def test_an_onnx_loop_without_end_is_ended(tmp_path):
    path = onnx_file(tmp_path / "loop.onnx", "loop")
    with pytest.raises(UserError, match=r"loop\.onnx: not a usable ONNX file: no end after 3 s"):
        probe.check_file(path, seconds=3)
