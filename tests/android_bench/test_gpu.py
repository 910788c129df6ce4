"""LiteRT's GPU accelerator: a file of ours whole, one that it refuses in part."""

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.android_bench.local import LocalTarget
from psfr_tf.android_bench.model_file import read_model_file
from psfr_tf.android_bench.plan import Case, Runs
from psfr_tf.android_bench.target import CaseFailed
from psfr_tf.engines import gpu
from psfr_tf.engines.measure import MeasurementFailed, measure
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.export.file_report import gpu_note
from psfr_tf.export.gpu_check import gpu_checker, words
from psfr_tf.export.variants import gpu_warnings
from psfr_tf.export.verification import Reference, reference
from psfr_tf.model_folder import load_model_folder

needs_driver = pytest.mark.skipif(gpu.no_driver() is not None, reason=str(gpu.no_driver()))

LOG = """\
INFO: [gpu_registry.cc:138] Dynamically loaded GPU accelerator(libLiteRtWebGpuAccelerator.so).
I0000 00:00:1 1 environment.cc:532] Selected adapter: SwiftShader Device (Subzero), arch=swift
ERROR: Following operations are not supported by GPU delegate:
RESHAPE: Tensor "a" has bad input dims size: 6.
TRANSPOSE: Tensor "b" has bad input dims size: 6.
7 operations will run on the GPU, and the remaining 3 operations will run on the CPU.
ERROR: [delegate_webgpu.cc:359] Failed to initialize WebGPU environment: INTERNAL: No adapters found
ERROR: [litert/runtime/compiled_model.cc:1036]
"""


def test_what_litert_prints():
    facts = gpu.printed_facts(LOG)
    assert facts["device"] == "SwiftShader Device (Subzero)" and facts["outside_count"] == 3
    assert [line.split(":")[0] for line in facts["outside"]] == ["RESHAPE", "TRANSPOSE"]
    assert gpu.printed_facts("") == {"device": None, "outside": [], "outside_count": 0}
    reason = "Failed to initialize WebGPU environment: INTERNAL: No adapters found"
    assert gpu.printed_error(LOG) == reason and gpu.printed_error("INFO: nothing") is None
    assert gpu.printed_error("Traceback ...\nOSError: no library\nINFO: closed\n") == "no library"


def test_the_words_of_a_report():
    taken = {"whole": True, "device": "G", "outside": [], "outside_count": 0, "psnr_db": 90.0}
    split = {**taken, **gpu.printed_facts(LOG), "whole": False, "psnr_db": 60.0}
    entry = {"file": "a.tflite", "precision": "float32", "part": "generator", "psnr_db": 140.0}
    cases = [
        (taken, "whole, 90.0 dB", []),
        (split, "3 on the CPU, 60.0 dB", ["60.0 dB, less than 70 dB (GPU)", "3 of its operations"]),
        ({"failed": "ended by SIGSEGV"}, "failed", ["does not run on the GPU: ended by SIGSEGV"]),
        ({"missing": "no driver"}, "", []),
        (None, "", []),
    ]
    for figures, cell, lines in cases:
        assert words(figures) == cell
        warnings = gpu_warnings({**entry, "gpu": figures})
        assert len(warnings) == len(lines)
        assert all(text in line for text, line in zip(lines, warnings, strict=True))
    assert gpu_note([taken, {"missing": "no driver"}]).endswith("GPU not tried: no driver")
    assert gpu_note([{}, {}]) == ""


def test_without_a_driver_one_line_says_so(monkeypatch, make_model, tmp_path):
    for name in gpu._CHOSEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpu.sys, "platform", "linux")
    monkeypatch.setattr(gpu, "_SYSTEM_DRIVERS", (str(tmp_path),))
    monkeypatch.setattr(gpu, "_BROWSERS", (str(tmp_path),))
    with pytest.raises(CaseFailed, match=r"needs a Vulkan driver.*apt-get install chromium"):
        LocalTarget().measure(Case(make_model(), "gpu"), Runs())
    nothing = Reference(*[np.zeros(0)] * 4)
    assert "Vulkan" in gpu_checker(nothing)(tmp_path, "restorer")["missing"]
    (tmp_path / "vk_swiftshader_icd.json").write_text("{}")
    assert gpu.no_driver() is None


@pytest.mark.slow
@needs_driver
def test_the_gpu_takes_a_file_whole_and_computes_the_same(exported, small_model):
    folder = load_model_folder(small_model)
    lq = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    expected = reference(folder.generator, folder.parsing_network, lq.astype(np.float32))
    file = exported[0] / "restorer_float32.tflite"
    figures = gpu_checker(expected)(file, "restorer")
    assert figures["whole"] and figures["outside_count"] == 0 and figures["device"]
    assert figures["psnr_db"] >= 60 and figures["equal_labels"] > 0.999
    model = read_model_file(file)
    quick = Runs(warm_up_runs=1, min_runs=1, min_seconds=0)
    measurement = LocalTarget().measure(Case(model, "gpu"), quick)
    assert measurement.delegated_nodes == measurement.nodes > 100 and measurement.partitions == 1


@pytest.mark.slow
@needs_driver
def test_what_the_gpu_refuses_is_named_and_runs_on_the_cpu(tmp_path, monkeypatch):
    def six_axes(x):
        y = tf.transpose(tf.reshape(x, (1, 4, 4, 4, 4, 3)), (0, 1, 3, 2, 4, 5))
        return {"y": tf.reshape(y + 1.0, (1, 16, 16, 3)) * 2.0}

    path = tmp_path / "six_axes.tflite"
    path.write_bytes(convert(six_axes, [tf.TensorSpec((1, 16, 16, 3), name="x")]))
    figures = measure(path, "--gpu", "--min-runs", 1, "--min-seconds", 0)
    assert not figures["whole"] and 0 < figures["outside_count"] < figures["operations"]
    assert any(line.startswith("TRANSPOSE: ") for line in figures["outside"])
    monkeypatch.setenv("VK_DRIVER_FILES", str(tmp_path / "none.json"))
    with pytest.raises(MeasurementFailed, match="Failed to initialize WebGPU environment"):
        measure(path, "--gpu")
