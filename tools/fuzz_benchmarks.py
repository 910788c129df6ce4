"""Kinds of `tools/fuzz.py`: what a benchmark is told, and what it tells."""

import json

from fuzz_kind import Kind
from fuzz_mutations import mutated_text, mutated_values


class Plan(Kind):
    """A benchmark plan in YAML."""

    name = "plan.yaml"

    def make(self):
        return [
            b"models: [out/*.tflite]\nmatrix:\n- {delegates: [cpu, gpu], threads: [1, 4], "
            b"affinity: [big, 4-7]}\nruns: {min_runs: 10, max_seconds: 20}\nprocesses: 3\n"
        ]

    def case(self, rng):
        return mutated_text(rng, self.good[0])

    def check(self):
        from psfr_tf.android_bench.plan import load_plan

        load_plan(self.path)


class Phone(Kind):
    """What adb and benchmark_model print, and the result file."""

    name = "adb.txt"

    def make(self):
        return [
            b"[ro.product.model]: [Pixel 8]\n[ro.product.cpu.abilist]: [arm64-v8a]\n",
            b"present:0-7\ncpu0/cpufreq/cpuinfo_max_freq:1700000\n"
            b"cpu0/cpufreq/scaling_governor:schedutil\n",
            b"Current Battery Service state:\n  status: 2\n  level: 80\n  scale: 100\n"
            b"  temperature: 250\nMemTotal: 8000000 kB\n",
            b"Thermal Status: 0\nCurrent temperatures from HAL:\n"
            b"Temperature{mValue=30.5, mType=0, mName=CPU}\nCurrent cooling devices\n",
            b"thermal_zone0/type:cpu\nthermal_zone0/temp:30500\ncooling_device0/type:cpufreq\n"
            b"cooling_device0/cur_state:0\n",
            b"Inference timings in us: Init: 92318, First inference: 249042, Warmup (avg): 2e+05, "
            b"Inference (avg): 145528\ncount=13 first=140071 curr=150000 min=140071 max=195121 "
            b"avg=145528 std=13583\nOverall peak memory footprint (MB) via periodic monitoring: "
            b"60.5\nReplacing 145 out of 150 node(s) with delegate (TfLiteXNNPackDelegate) node\n"
            b"applied XNNPACK delegate, w/ 2 delegate kernels\n",
            b"some output\npsfr-exit-code:0\n",
            bytes([0x12, 0x0F, 0x15, 0, 0, 128, 63, 0x1D, 0, 0, 0, 64, 0x25, 0, 0, 128, 63]),
        ]

    def case(self, rng):
        return mutated_text(rng, self.good[rng.integers(len(self.good))])

    def read(self, data):
        from types import SimpleNamespace

        from psfr_tf.android_bench.android import adb, benchmark_model, device
        from psfr_tf.android_bench.android.result_file import parse_result_file
        from psfr_tf.android_bench.target import CaseFailed, Latency, Measurement, TargetLost
        from psfr_tf.errors import UserError

        text = data.decode("utf-8", "replace")
        phone = adb.Adb("phone")
        phone._run = lambda *arguments, timeout: (0, text)
        top_khz, governors = device.parse_cores(text)
        about = device.describe(device.parse_properties(text), top_khz, governors, text, text)
        json.dumps(about, allow_nan=False)
        device.parse_thermal_service(text), device.parse_thermal_files(text)
        case = SimpleNamespace(delegate="xnnpack")
        try:
            phone.shell("true")
            benchmark_model.failure(3, text), benchmark_model.unknown_flags(text)
            found = benchmark_model.parse(case, text, 150)
            json.dumps(vars(found.latency), allow_nan=False)
        except (CaseFailed, TargetLost) as error:
            assert str(error).isprintable()
        try:
            parse_result_file(data, Measurement(Latency(1, 1.0)))
        except ValueError as error:  # which its caller takes for "no such file"
            raise UserError(error) from None


class BenchmarkResults(Kind):
    """A results.json, and the reports made of it."""

    name = "results.json"

    def make(self):
        case = {"model": "m", "file": "m.tflite", "sha256": "a" * 64, "size_bytes": 10}
        case |= {"weights": "m", "part": "restorer", "precision": "float32", "face_px": 64}
        case |= {"multiply_adds": 100, "delegate": "xnnpack", "threads": 1, "affinity": "all"}
        accuracy = {"reference": "m.tflite", "reference_sha256": "a" * 64, "psnr_db": 40.0}
        accuracy |= {"equal_labels": 0.9, "picture": "pictures/a.jpg"}
        latency = {"runs": 2, "mean_ms": 1.0, "p50_ms": 1.0}
        process = {"started": "2026-11-27T23:33:30+00:00", "latency": latency}
        process |= {"latencies_ms": [1.0, 1.1], "peak_memory_kb": 1000}
        row = {**case, "runs": 2, "mean_ms": 1.0, "p50_ms": 1.0, "noise_ms": 0.1, "init_ms": 1.0}
        row |= {"first_ms": 1.0, "peak_memory_kb": 1000, "accuracy": accuracy, "valid": True}
        row |= {"processes": [process], "nodes": 10, "delegated_nodes": 10, "reasons": ["x"]}
        row["windows"] = [{"elapsed_s": 1.0, "runs": 3, "p50_ms": 1.0}]
        results = {"schema_version": 1, "target": "android", "psfr_tf": "0", "created": "2026"}
        results |= {"device": {"name": "Phone", "memory_kb": 10}, "plan": {}, "rows": [row, row]}
        return [json.dumps(results).encode()]

    def case(self, rng):
        if rng.random() < 0.2:
            return mutated_text(rng, self.good[0])
        return json.dumps(mutated_values(rng, json.loads(self.good[0]))).encode()

    def check(self):
        from psfr_tf.android_bench.report import write_reports
        from psfr_tf.android_bench.results import load

        for path in write_reports([load(self.path)], self.folder):
            assert "\x1b" not in path.read_text()
