import sys

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.engines.litert import interpreter_class
from psfr_tf.engines.tensorflow_converter import convert
from psfr_tf.errors import UserError
from psfr_tf.export.file_export import export_files
from psfr_tf.export.formats import LiteRTFormat, OnnxFormat
from psfr_tf.export.quantizer import quantize


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "litert_quantizer", None)
    with pytest.raises(UserError, match=r"pip install 'psfr_tf\[quantizer\]'"):
        quantize(b"", "int8")


def test_a_missing_extra_is_said_before_anything_is_done(monkeypatch, tmp_path):
    (tmp_path / "report.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "litert_quantizer", None)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match=r"pip install 'psfr_tf\[quantizer\]'"):
        export_files(LiteRTFormat, "psfr-mobile-256", tmp_path, ["float32", "int8"])
    with pytest.raises(UserError, match=r"tf2onnx .*pip install 'psfr_tf\[onnx\]'"):
        export_files(OnnxFormat, "psfr-mobile-256", tmp_path, ["float32"])
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("precision", ["int8-weights", "int8"])
def test_kernels_above_32_mib(precision):
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 3, 960, 1000)).astype(np.float32)
    assert kernel.nbytes > 32 * 2**20
    content = convert(
        lambda x: {"y": tf.nn.conv2d(x, kernel, 1, "SAME")},
        [tf.TensorSpec((1, 2, 2, 960), tf.float32, name="x")],
    )
    x = random.uniform(-1, 1, (1, 2, 2, 960)).astype(np.float32)
    quantized = quantize(content, precision, [{"x": x}])
    assert len(quantized) < 0.3 * len(content)
    exact, near = (
        interpreter_class()(model_content=each).get_signature_runner()(x=x)["y"]
        for each in (content, quantized)
    )
    assert 0 < np.abs(near - exact).mean() < 0.03 * np.abs(exact).mean()
