"""`benchmark_model` of the CompiledModel API: what it prints, and on the emulated phone."""

import pytest
from phone import behave, make_benchmark_model

from psfr_tf.android_bench.android import benchmark_model, compiled_model
from psfr_tf.android_bench.android.adb import Adb
from psfr_tf.android_bench.android.phone import FOLDER, AndroidTarget
from psfr_tf.android_bench.harness import Benchmark
from psfr_tf.android_bench.plan import Case, Plan, Runs
from psfr_tf.android_bench.target import CaseFailed
from psfr_tf.errors import UserError

RUNS = Runs(warm_up_runs=2, min_runs=20, min_seconds=0)
# Of a phone, as published in a report: without statistics in one line, percentiles or peak.
PUBLISHED = """========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:92] Signature name:       prefill_1024
INFO: [benchmark_litert_model.h:94] Model initialization: 23744.73 ms
INFO: [benchmark_litert_model.h:96] Warmup (first):       7441.04 ms
INFO: [benchmark_litert_model.h:98] Warmup (avg):         7441.04 ms (1 runs)
INFO: [benchmark_litert_model.h:100] Inference (avg):      7430.20 ms (10 runs)
INFO: [benchmark_litert_model.h:104] Inference (min):      7416.40 ms
INFO: [benchmark_litert_model.h:106] Inference (max):      7448.86 ms
INFO: [benchmark_litert_model.h:108] Inference (std):      9.92
INFO: [benchmark_litert_model.h:135] Peak memory usage not available. (peak_mem_mb <= 0)
"""


def test_a_published_log(model):
    assert compiled_model.is_this_program(PUBLISHED)
    measurement = compiled_model.parse(Case(model, "gpu"), PUBLISHED, 7)
    latency = measurement.latency
    assert (latency.runs, latency.mean_ms, latency.std_ms) == (10, 7430.2, 9.92)
    assert (latency.min_ms, latency.max_ms, latency.p50_ms) == (7416.4, 7448.86, None)
    assert (measurement.init_ms, measurement.first_ms) == (23744.73, 7441.04)
    assert measurement.peak_memory_kb is measurement.delegated_nodes is None
    assert measurement.nodes == 7


@pytest.mark.parametrize(
    "log",
    [
        "",
        "garbage",
        PUBLISHED.rpartition("Inference (avg)")[0],
        PUBLISHED.replace("7430.20", "0.00"),
        PUBLISHED.replace("7430.20", "1.2.3"),
        PUBLISHED.replace("10 runs", "0 runs"),
    ],
)
def test_a_log_without_a_result(model, log):
    with pytest.raises(CaseFailed):
        compiled_model.parse(Case(model, "gpu"), log, 7)


@pytest.mark.parametrize(
    "delegate, lines, expected",
    [
        ("xnnpack", "Replacing 7 out of 7 node(s) with delegate (TfLiteXNNPackDelegate) node", 7),
        ("gpu", "Replacing 7 out of 7 node(s) with delegate (TfLiteXNNPackDelegate) node", None),
        ("gpu", "Replacing 5 out of 7 node(s) with delegate (LITERT_CL) node", 5),
        ("gpu", "5 operations will run on the GPU, and the remaining 2 operations will", 5),
        ("npu", "Replacing 1 out of 1 node(s) with delegate (DispatchDelegate) node", 1),
        ("npu", "selected 6 ops, from a total of 7 ops. resulted in 2 partitions.", 0),
        ("npu", "Replacing 0 out of 1 node(s) with delegate (DispatchDelegate) node", 0),
    ],
)
def test_what_the_accelerator_takes(model, delegate, lines, expected):
    measurement = compiled_model.parse(Case(model, delegate), f"{lines}\n{PUBLISHED}", 7)
    assert measurement.delegated_nodes == expected


def test_the_reason_of_a_failure_is_without_the_place_in_its_source():
    log = (
        "ERROR: [litert/cc/litert_model.h:89]\n"
        "ERROR: [benchmark_litert_model.cc:203] Failed to compile model.\n"
    )
    assert benchmark_model.failure(1, log).endswith("(exit code 1): Failed to compile model.")


@pytest.fixture
def program(tmp_path):
    name = "recorded_compiled_model.py"
    return make_benchmark_model(tmp_path / "benchmark_model", recorded=name)


@pytest.fixture
def libraries(tmp_path):
    folder = tmp_path / "npu"
    folder.mkdir()
    (folder / "libLiteRtDispatch_Qualcomm.so").write_bytes(b"\x7fELF")
    return folder


def test_on_a_phone(phone, program, libraries, model):
    target = AndroidTarget(Adb(phone.serial), program, libraries=libraries)
    target.prepare([model])
    assert target.delegates == ("xnnpack", "gpu", "npu")
    cpu, gpu, npu = (target.measure(Case(model, each), RUNS) for each in target.delegates)
    assert cpu.latency.mean_ms > gpu.latency.mean_ms > npu.latency.mean_ms == 4.0
    assert gpu.latency.runs == 20 and gpu.latency.p50_ms == 8.82 and gpu.latency.p95_ms == 9.9
    assert gpu.peak_memory_kb == 103936 and gpu.first_ms == 61.73
    assert cpu.delegated_nodes == gpu.delegated_nodes == gpu.nodes == 145
    assert (npu.delegated_nodes, npu.nodes) == (144, 145)
    for name in ("dispatch", "compiler_plugin"):
        assert f"--{name}_library_path={FOLDER}/libraries" in npu.command
    behave(phone.root, gpu="part", npu="none")
    gpu, npu = (target.measure(Case(model, each), RUNS) for each in ("gpu", "npu"))
    assert (gpu.delegated_nodes, gpu.nodes, npu.delegated_nodes) == (120, 145, 0)
    with pytest.raises(CaseFailed, match="writes no output"):
        target.output(Case(model, "gpu"), [])
    target.close()
    assert not (phone.root / FOLDER.lstrip("/")).exists()


def test_a_benchmark_leaves_out_what_the_program_has_not(phone, program, model, tmp_path):
    cases = [Case(model, each) for each in ("cpu", "gpu", "npu")]
    plan, lines = Plan(runs=RUNS, processes=1), []
    target = AndroidTarget(Adb(phone.serial), program)
    results = Benchmark(plan, cases, target, tmp_path, log=lines.append).run()
    assert "skipped (not available with this program): cpu" in lines
    gpu, npu = results.rows
    assert gpu.valid and gpu.accuracy_missing and gpu.delegated_nodes == 145
    assert npu.failure == "the NPU needs its libraries: --libraries DIR"
    with pytest.raises(UserError, match="android has only xnnpack, gpu, npu"):
        Benchmark(plan, cases[:1], target, tmp_path, log=lines.append).run()


def test_a_folder_without_libraries(phone, program, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no shared libraries \(\.so\) here"):
        AndroidTarget(Adb(phone.serial), program, libraries=tmp_path / "empty")
