"""The kinds of input that `tools/fuzz.py` knows."""

from fuzz_benchmarks import BenchmarkResults, Phone, Plan
from fuzz_data import Config, Manifest, Picture, Records
from fuzz_models import Checkpoint, LiteRTFile, ModelConfig, WeightsFile

KINDS = {
    "config": ModelConfig,
    "h5": WeightsFile,
    "tflite": LiteRTFile,
    "pth": Checkpoint,
    "records": Records,
    "yaml": Config,
    "plan": Plan,
    "manifest": Manifest,
    "adb": Phone,
    "results": BenchmarkResults,
    "picture": Picture,
}
