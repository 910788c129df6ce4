import dataclasses
import struct

import pytest

from psfr_tf.android_bench.android import benchmark_model
from psfr_tf.android_bench.android.result_file import parse_result_file
from psfr_tf.android_bench.model_file import ModelFile, Tensor
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed, Latency, Measurement

FACE = Tensor("lq", (1, 256, 256, 3), "float32")

# Of a phone with XNNPACK, version of 2024: no percentiles, no peak.
XNNPACK_2024 = """INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Num threads: [4]
INFO: Graph: [/data/local/tmp/psfr_benchmark/0.tflite]
INFO: #threads used for CPU inference: [4]
INFO: Loaded model /data/local/tmp/psfr_benchmark/0.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: Replacing 145 out of 150 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 3 partitions for the whole graph.
INFO: Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate w/ 2 delegate kernels.
INFO: The input model file size (MB): 8.13
INFO: Initialized session in 92.318ms.
INFO: Running benchmark for at least 2 iterations and at least 0 seconds but terminate if exceeding 120 seconds.
INFO: count=2 first=249042 curr=211669 min=211669 max=249042 avg=230356 std=18686

INFO: Running benchmark for at least 10 iterations and at least 2 seconds but terminate if exceeding 120 seconds.
INFO: count=13 first=187533 curr=140990 min=140071 max=195121 avg=1.45528e+05 std=13583

INFO: Inference timings in us: Init: 92318, First inference: 249042, Warmup (avg): 230356, Inference (avg): 1.45528e+05
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=54.2852 overall=73.4102
"""  # noqa: E501
# Lines that the version of 2025 has in place of these.
STATISTICS_2025 = (
    "count=13 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 "
    "p5=140545 median=141253 p95=187533"
)
PEAK = "INFO: Overall peak memory footprint (MB) via periodic monitoring: 81.5\n"


def parse(case, log):
    return benchmark_model.parse(case, log, operations=150)


def case(delegate="xnnpack", **changes):
    model = ModelFile("m.tflite", "0" * 64, 10, (FACE,), (FACE,), None, None, None, 0, 256)
    return Case(model, delegate, **changes)


def test_what_the_program_of_2024_prints():
    measurement = parse(case(), XNNPACK_2024)
    assert measurement.latency == Latency(
        13, mean_ms=145.528, std_ms=13.583, min_ms=140.071, max_ms=195.121
    )
    assert (measurement.init_ms, measurement.first_ms) == (92.318, 249.042)
    assert (measurement.delegated_nodes, measurement.nodes, measurement.partitions) == (145, 150, 2)
    assert measurement.peak_memory_kb is None


def test_percentiles_and_peak_of_newer_versions():
    old = XNNPACK_2024.splitlines()[-5]
    log = XNNPACK_2024.replace(old, old.split(":")[0] + ": " + STATISTICS_2025) + PEAK
    measurement = parse(case(), log)
    assert (measurement.latency.p50_ms, measurement.latency.p95_ms) == (141.253, 187.533)
    assert measurement.latency.p90_ms is measurement.latency.p99_ms is None
    assert measurement.peak_memory_kb == 83456


def test_equal_times_are_given_once():
    statistics = XNNPACK_2024.splitlines()[-5]
    log = XNNPACK_2024.replace(statistics, "INFO: count=5 curr=140000(all same)")
    latency = parse(case(), log).latency
    assert (latency.runs, latency.std_ms) == (5, 0.0)
    assert latency.min_ms == latency.p50_ms == latency.max_ms == 140.0


def test_nodes_are_those_of_the_delegate_that_was_asked_for():
    gpu = (
        "INFO: Replacing 120 out of 150 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding"
    )
    log = XNNPACK_2024.replace("INFO: Replacing", f"{gpu} 9 partitions.\nINFO: Replacing", 1)
    assert parse(case("gpu"), log).delegated_nodes == 120
    assert parse(case("xnnpack-fp16"), log).delegated_nodes == 145
    assert parse(case("cpu"), log).delegated_nodes == 0


@pytest.mark.parametrize(
    "text, delegated, partitions",
    [
        ("", None, None),
        ("Though GPU delegate is explicitly applied, the model graph will not be", 0, 0),
        ("Explicitly applied GPU delegate, and the model graph will be completely", 150, 1),
    ],
)
def test_without_the_number_of_nodes(text, delegated, partitions):
    lines = [line for line in XNNPACK_2024.splitlines() if "delegate" not in line]
    measurement = parse(case("gpu"), "\n".join([*lines, f"{text} executed by the delegate."]))
    assert (measurement.delegated_nodes, measurement.partitions) == (delegated, partitions)
    assert measurement.nodes == 150


@pytest.mark.parametrize(
    "log",
    [
        "",
        "\0\ufffd garbage",
        XNNPACK_2024.rpartition("INFO: Inference timings")[0],
        XNNPACK_2024.replace("Inference (avg): 1.45528e+05", "Inference (avg): 1.4.5e"),
        XNNPACK_2024.replace("Inference (avg): 1.45528e+05", "Inference (avg): 0"),
        XNNPACK_2024 + XNNPACK_2024,
    ],
)
def test_a_log_without_a_result(log):
    with pytest.raises(CaseFailed) as raised:
        parse(case(), log)
    assert raised.value.log == log


@pytest.mark.parametrize(
    "code, log, reason",
    [
        (
            1,
            "INFO: x\nERROR: CONV_2D: no OpenCL\nERROR: Failed to apply GPU delegate.\n",
            "the GPU delegate refused the model (CONV_2D: no OpenCL)",
        ),
        (1, "ERROR: Failed to apply GPU delegate.\n", "the GPU delegate refused the model"),
        (139, "INFO: Loaded\nSegmentation fault", "benchmark_model crashed (signal 11)"),
        (134, "ERROR: a\nFATAL: b\nAborted", "benchmark_model crashed (signal 6): b"),
        (1, "Failed to apply GPU delegate.", "the GPU delegate refused the model"),
        (1, "ERROR: Failed to load model", "benchmark_model failed (exit code 1): Failed to load"),
        (127, "sh: not found", "benchmark_model failed (exit code 127): sh: not found"),
        (1, "", "benchmark_model failed (exit code 1): no message"),
    ],
)
def test_reason_of_a_failure(code, log, reason):
    assert benchmark_model.failure(code, log).startswith(reason)


def test_options_of_a_measurement():
    flags = benchmark_model.measure_flags(
        case("xnnpack-fp16", threads=2), "/d/g.tflite", Runs(min_seconds=1.5), "/d/result.pb"
    )
    assert {"--graph=/d/g.tflite", "--num_threads=2", "--min_secs=1.5"} <= set(flags)
    assert {"--use_xnnpack=true", "--xnnpack_force_fp16=true"} <= set(flags)
    assert "--use_gpu=true" in benchmark_model.measure_flags(case("gpu"), "g", Runs(), "r")
    assert "--use_xnnpack=false" in benchmark_model.measure_flags(case("cpu"), "g", Runs(), "r")


def test_options_of_an_output():
    two = dataclasses.replace(case().model, inputs=(FACE, FACE))
    flags = benchmark_model.output_flags(Case(two), "g", ["/d/a.bin", "/d/b.bin"], "/d/o.bin")
    assert "--input_layer=input0,input1" in flags
    assert "--input_layer_shape=1,256,256,3:1,256,256,3" in flags
    assert "--input_layer_value_files=input0:/d/a.bin,input1:/d/b.bin" in flags
    assert "--output_filepath=/d/o.bin" in flags


def test_options_that_the_program_does_not_know():
    assert benchmark_model.unknown_flags(XNNPACK_2024) is None
    log = "WARN: Unconsumed cmdline flags: --output_filepath=/d/o.bin\nINFO: x"
    assert benchmark_model.unknown_flags(log) == "--output_filepath=/d/o.bin"


def test_result_file():
    """Fields of benchmark_result.proto: 2.2 min_ms, 2.5 median_ms, 2.7 p95_ms; 4.2 num_runs."""
    latency = b"".join(
        bytes([n << 3 | 5]) + struct.pack("<f", v) for n, v in ((2, 1.25), (5, 2.5), (7, 3.5))
    )
    misc = bytes([2 << 3 | 0, 0x96, 0x01])
    content = bytes([0x0A, 2]) + b"ab" + bytes([2 << 3 | 2, len(latency)]) + latency
    content += bytes([4 << 3 | 2, len(misc)]) + misc
    plain = Measurement(Latency(13, mean_ms=2.0, max_ms=9.0))
    filled = parse_result_file(content, plain)
    assert filled.latency == Latency(
        13, mean_ms=2.0, min_ms=1.25, max_ms=9.0, p50_ms=2.5, p95_ms=3.5
    )
    assert parse_result_file(b"", plain) == plain
    for damaged in (content[:-1], content[:9], b"\x0f\x01", b"\xff" * 12):
        with pytest.raises(ValueError):
            parse_result_file(damaged, plain)
