"""Time and memory of one full training step, on random faces and random weights."""

import statistics
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.machine import peak_memory_bytes
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.presets import PRESETS, generator_at
from psfr_tf.models.vgg import VGGFeatures
from psfr_tf.training.adam import Adam
from psfr_tf.training.psfrgan import PSFRGAN


def build_step(
    name: str, size: int, form: str, jit_compile: bool = False, average: bool = True
) -> PSFRGAN:
    """All networks of preset ``name`` for faces of ``size`` px, all losses, VGG19 included."""
    parsing = FaceParsingNetwork.from_preset(name, load_weights=False, image_size=size)
    model = PSFRGAN(
        Generator(**generator_at(name, size)),
        MultiScaleDiscriminator.from_preset(name, load_weights=False, image_size=size),
        parsing,
        VGGFeatures(form),
        form=form,
        pixel="l1",
        style_weight=1.0,
        ema_half_life=10000.0 if average else 0.0,
    )
    model.compile(Adam(1e-4, beta_1=0.5), Adam(4e-4, beta_1=0.5), jit_compile=jit_compile)
    return model


def measure(
    name: str,
    size: int | None = None,
    batch_size: int = 1,
    form: str = "release",
    jit_compile: bool = False,
    steps: int = 5,
    average: bool = True,
) -> dict[str, Any]:
    """Train for a few steps under the current dtype policy.

    Args:
        name: preset.
        size: side of the faces in px; None: the preset's own.
        batch_size: faces in one step.
        form: of the losses, "paper" or "release".
        jit_compile: compile the step with XLA.
        steps: measured steps, after one that traces and one that warms up.
        average: keep the moving average of the generator.

    Returns:
        ``step_s`` (median), ``steps_s`` (each), ``cpu_s`` (CPU seconds of a step, all cores
        together, median), ``images_per_second``, and
        ``peak_memory_bytes``: the largest resident size of this process so far, Python and
        TensorFlow included. The device memory of a GPU is not counted.
    """
    size = size or PRESETS[name]["size"]
    model = build_step(name, size, form, jit_compile, average)
    model.make_train_function()
    generator = np.random.default_rng(0)
    faces = generator.uniform(-1, 1, (2, batch_size, size, size, 3)).astype("float32")
    labels = generator.integers(NUM_CLASSES, size=(batch_size, 8, 8), dtype=np.uint8)
    labels = labels.repeat(size // 8, axis=1).repeat(size // 8, axis=2)
    batch = {"lq": faces[0], "hq": faces[1], "parsing": labels}
    data = iter(tf.data.Dataset.from_tensors(batch).repeat())
    times, cpu_times = [], []
    for _ in range(steps + 2):
        begun, cpu_begun = time.perf_counter(), time.process_time()
        logs = model.train_function(data)
        float(logs["loss_g"])
        times.append(time.perf_counter() - begun)
        cpu_times.append(time.process_time() - cpu_begun)
    median = statistics.median(times[2:])
    return {
        "preset": name,
        "size": size,
        "batch_size": batch_size,
        "form": form,
        "precision": keras.config.dtype_policy().name,
        "xla": jit_compile,
        "average": average,
        "step_s": median,
        "steps_s": times[2:],
        "cpu_s": statistics.median(cpu_times[2:]),
        "images_per_second": batch_size / median,
        "peak_memory_bytes": peak_memory_bytes(),
    }
