"""What `tools/fuzz.py` mutates: for each kind of file good ones, a way to spoil them, a reader."""

import json
from pathlib import Path

import numpy as np
from fuzz_mutations import mutated_bytes, mutated_text, mutated_values


class Kind:
    """Good inputs of a kind, and its reader.

    `case` draws an input from a generator of random numbers; `read` gives it to psfr_tf, which may
    return anything or raise `UserError`.
    """

    name = "input"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / self.name
        self.good = self.make()

    def make(self) -> list[bytes]:
        raise NotImplementedError

    def case(self, rng: np.random.Generator) -> bytes:
        return mutated_bytes(rng, self.good[rng.integers(len(self.good))])

    def read(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.check()

    def check(self) -> None:
        raise NotImplementedError


class ModelConfig(Kind):
    """`config.json` of a model folder: values out of range and of other types, damaged text."""

    name = "config.json"

    def make(self):
        from psfr_tf.model_folder import SHIPPED_WEIGHTS
        from psfr_tf.models.presets import preset

        small = {"format_version": 1, "size": 64, "provenance": {}}
        small["networks"] = {
            part: preset("psfr-test-64")[part] for part in ("generator", "parsing", "discriminator")
        }
        for part in ("generator", "parsing", "discriminator"):
            (self.folder / f"{part}.weights.h5").write_bytes(bytes(400_000))
        self.built = 0
        shipped = (SHIPPED_WEIGHTS / "psfr-mobile-256/config.json").read_bytes()
        return [json.dumps(small).encode(), shipped]

    def case(self, rng):
        good = self.good[rng.integers(len(self.good))]
        if rng.random() < 0.25:
            return mutated_text(rng, good)
        return json.dumps(mutated_values(rng, json.loads(good))).encode()

    def check(self):
        from psfr_tf import model_config, model_folder

        config = model_config.read_config(self.folder)
        names = ("generator", "parsing")
        for name in names:
            weights = self.folder / f"{name}.weights.h5"
            model_config.check_weight_count(config["networks"][name], name, weights)
        self.built += 1
        if self.built % 10 == 1:  # Building takes a second; the files here hold no weights.
            model_folder.load_model_folder(self.folder)


class WeightsFile(Kind):
    """A Keras weights file: bytes spoilt, cut off, values that are not finite."""

    name = "generator.weights.h5"

    def make(self):
        from psfr_tf.models import Generator

        self.network = Generator(16, {8: 4, 16: 2}, style_hidden=2)
        self.network.save_weights(self.path)
        return [self.path.read_bytes()]

    def check(self):
        from psfr_tf.weights_file import load_weights

        load_weights(self.network, self.path, "the generator")
        for weight in self.network.get_weights():
            assert np.isfinite(weight).all()


class LiteRTFile(Kind):
    """A LiteRT file: each is opened in a process of its own, so this takes a second a case."""

    name = "m.tflite"

    def make(self):
        import tensorflow as tf

        def function(x):
            x = tf.nn.conv2d(x, tf.ones([3, 3, 3, 8]), 1, "SAME")
            x = tf.nn.depth_to_space(tf.nn.leaky_relu(x), 2)
            return {"y": tf.reduce_mean(tf.concat([x, x], -1), [1, 2])}

        spec = tf.TensorSpec([1, 8, 8, 3], tf.float32)
        concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
        return [tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()]

    def check(self):
        from psfr_tf.android_bench.model_file import read_model_file
        from psfr_tf.engines.probe import check_file

        check_file(self.path, seconds=10)
        read_model_file(self.path)


class Checkpoint(Kind):
    """A PyTorch checkpoint of the small generator: bytes spoilt, tensors of other kinds."""

    name = "generator.pth"

    def make(self):
        import torch

        from psfr_tf.conversion.layout import network_layout
        from psfr_tf.models import Generator

        self.network = Generator.from_preset("psfr-test-64")
        targets = network_layout(self.network).targets
        rng = np.random.default_rng(0)
        state = {
            name: torch.tensor(rng.normal(size=target.torch_shape).astype(np.float32))
            for name, target in targets.items()
        }
        plain = {name.replace("weight_orig", "weight"): value for name, value in state.items()}
        made = []
        for values in (state, plain, {"params": state, "step": 3}):
            torch.save(values, self.path)
            made.append(self.path.read_bytes())
        self.state = state
        return made

    def case(self, rng):
        if rng.random() < 0.5:
            return super().case(rng)
        import io

        import torch

        state = dict(self.state)
        for _ in range(2 ** int(rng.integers(3))):
            name = list(state)[rng.integers(len(state))]
            value = self.state[name]
            others = (
                *(value.bfloat16(), torch.nn.Parameter(value), value.to_sparse(), value.double()),
                *(
                    torch.zeros(()),
                    torch.zeros(0),
                    torch.zeros(1).expand(10**6, 10**6),
                    value * np.nan,
                ),
                *(
                    value.flatten(),
                    value.to("meta"),
                    value.to(torch.int64),
                    3,
                    "text",
                    None,
                    [value],
                ),
                *(torch.complex(value.float(), value.float()), {"a": value}, value > 0),
            )
            state[name] = others[rng.integers(len(others))]
        file = io.BytesIO()
        torch.save(state, file)
        return file.getvalue()

    def check(self):
        from psfr_tf.conversion.checkpoint import load_state, read_checkpoint

        load_state(self.network, read_checkpoint(self.path), "generator.pth")


class Records(Kind):
    """A folder of `psfr prepare`: the shard's bytes, and the index."""

    name = "train-00000-of-00001.tfrecord"

    def make(self):
        import cv2

        from psfr_tf.data import records

        png = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        mask = cv2.imencode(".png", np.ones((8, 8), np.uint8))[1].tobytes()
        faces = [records.Record(name, "train", png, mask) for name in ("a", "b", "c")]
        shard = records.write_shard(self.path, faces)
        records.write_index(self.folder, {"masks": True, "size": 8}, [shard])
        self.index = (self.folder / records.INDEX).read_bytes()
        self.shard = self.path.read_bytes()
        return [self.shard, self.index]

    def case(self, rng):
        if rng.random() < 0.5:
            data = mutated_bytes(rng, self.shard)
            if rng.random() < 0.5:  # The same size: otherwise the index is right to refuse it.
                data = data[: len(self.shard)].ljust(len(self.shard), b"\0")
            return data
        if rng.random() < 0.3:
            return b"I" + mutated_text(rng, self.index)
        return b"I" + json.dumps(mutated_values(rng, json.loads(self.index))).encode()

    def read(self, data):
        index = data[:1] == b"I"
        (self.folder / "index.json").write_bytes(data[1:] if index else self.index)
        self.path.write_bytes(self.shard if index else data)
        self.check()

    def check(self):
        from psfr_tf.data import records
        from psfr_tf.data.face_records import FaceRecords

        FaceRecords(self.folder, "train").find_damage()
        records.read_shard(self.path, "train", decode=True)


class Config(Kind):
    """A training config in YAML."""

    name = "config.yaml"

    def make(self):
        folder = Path(__file__).parents[1] / "configs"
        whole = [path.read_bytes() for path in sorted(folder.glob("*.yaml"))]
        return [text for text in whole if b"base:" not in text] + [
            b"model: fpn\npreset: &a psfr-test-64\ndata: {images: *a}\ntraining: {steps: 3}\n"
        ]

    def case(self, rng):
        return mutated_text(rng, self.good[rng.integers(len(self.good))])

    def check(self):
        from psfr_tf.config import load_config

        load_config(self.path)


class Plan(Config):
    """A benchmark plan in YAML."""

    def make(self):
        return [
            b"models: [out/*.tflite]\nmatrix:\n- {delegates: [cpu, gpu], threads: [1, 4], "
            b"affinity: [big, 4-7]}\nruns: {min_runs: 10, max_seconds: 20}\nprocesses: 3\n"
        ]

    def check(self):
        from psfr_tf.android_bench.plan import load_plan

        load_plan(self.path)


class Manifest(Kind):
    """The lists of faces: of a degraded set, and of the splits."""

    name = "manifest.csv"

    def make(self):
        from psfr_tf.evaluation.degradation_manifest import COLUMNS

        row = "a,a.jpg,paper,0,0,64,1,average,1.5,3,3,3,25.5,42,bilinear,1,17.5,1,-7,5,1,64,0,a,b,c"
        splits = "name,split\nface_1,train\nface_2,val\n"
        return [f"{','.join(COLUMNS)}\n{row}\n{row}\n".encode(), splits.encode()]

    def case(self, rng):
        return mutated_text(rng, self.good[rng.integers(len(self.good))])

    def check(self):
        from psfr_tf.data.face_folder import read_split
        from psfr_tf.errors import UserError
        from psfr_tf.evaluation.degradation_manifest import read_manifest

        failed = []
        for read in (read_manifest, lambda path: read_split(path, "train")):
            try:
                read(self.path)
            except UserError as error:
                failed.append(error)
        if len(failed) == 2:
            raise failed[0]


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


class Picture(Kind):
    """Photos in the formats that people have."""

    name = "photo"

    def make(self):
        import io

        from PIL import Image

        pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
        made = []
        for mode, format, options in (
            *(("RGB", "JPEG", {}), ("RGB", "JPEG", {"progressive": True}), ("L", "JPEG", {})),
            *(("RGB", "PNG", {}), ("RGBA", "PNG", {}), ("I;16", "PNG", {}), ("P", "PNG", {})),
            *(("RGB", "WEBP", {}), ("RGB", "TIFF", {}), ("RGB", "BMP", {}), ("P", "GIF", {})),
        ):
            file = io.BytesIO()
            image = Image.fromarray(pixels)
            image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
            exif = Image.Exif()
            exif[0x0112] = 6
            options = {**options, "exif": exif} if format in ("JPEG", "PNG", "WEBP") else options
            image.save(file, format, **options)
            made.append(file.getvalue())
        return made

    def check(self):
        from psfr_tf.photo import read_photo

        read_photo(self.path)


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
