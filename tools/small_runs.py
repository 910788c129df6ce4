"""Short controlled runs of the mobile generator: each differs from the first in one thing.

From random weights, pixel loss only; the same faces in the same order, the same steps (for "128 px
first", the same multiply-adds), the same validation. From the root of the repository:

    python tools/small_runs.py --faces FACES --output small_runs.jsonl

A variant that the file holds already is not run again. Beside it, their curves: small_runs.png.
"""

import argparse
import json
from pathlib import Path

import keras
import tensorflow as tf

from psfr_tf.data.datasets import FaceFolder, evaluation_pairs, read_split, training_dataset
from psfr_tf.layers import style_transformation
from psfr_tf.model_folder import SHIPPED_WEIGHTS
from psfr_tf.models import FaceParsingNetwork, Generator
from psfr_tf.models.presets import generator_at
from psfr_tf.training.adam import Adam
from psfr_tf.training.psfrgan import PSFRGAN
from psfr_tf.training.schedule import LearningRate

PRESET, SIZE, BATCH, STEPS, LOG_EVERY = "psfr-mobile-256", 256, 4, 500, 50

# What all runs share where the preset, which follows their result, has something else.
BASE = {"soft_parsing": False, "noise": False}

# Multiply-adds as the preset's, within 1 % at the two largest scales, which need nearly all.
WIDE_STYLE = {"channels": {16: 112, 32: 96, 64: 54, 128: 38}, "style_hidden": 48}
NARROW_STYLE = {"channels": {16: 112, 32: 96, 64: 76, 128: 60}, "style_hidden": 16}

VARIANTS = {
    "base": {},
    "base, other seed": {"seed": 1},
    "ReLU": {"slope": 0.0},
    "soft parsing": {"generator": {"soft_parsing": True}},
    "no parsing": {"generator": {"parsing_input": False}},
    "wide style": {"generator": WIDE_STYLE},
    "narrow style": {"generator": NARROW_STYLE},
    "L2": {"losses": {"pixel": "l2", "pixel_weight": 50.0}},
    "weaker degradation": {"data": {"form": "release"}},
    "no average": {"average": 0.0},
    "augmentation": {"data": {"augment": True}},
    "128 px first": {"progressive": True},
}


class SmallRun(PSFRGAN):
    """PSFRGAN that can be given faces at half the parsing network's size."""

    def predict_parsing(self, lq):
        factor = SIZE // lq.shape[1]
        if factor > 1:
            lq = tf.image.resize(lq, (SIZE, SIZE), method="bicubic")
        return super().predict_parsing(lq)[:, ::factor, ::factor]


def run(faces, val_faces, name, seed=0, slope=0.2, data=None, progressive=False, **how):
    """Train one variant; yields {"variant", "step", "val_psnr", "val_ssim"}."""
    style_transformation.NEGATIVE_SLOPE = slope
    keras.utils.set_random_seed(seed)
    generator = Generator(**generator_at(PRESET, SIZE) | BASE | how.pop("generator", {}))
    dataset = training_dataset(faces, SIZE, BATCH, seed, **(data or {}))
    validation = evaluation_pairs(val_faces, SIZE, 0).batch(BATCH).cache()
    steps = STEPS
    if progressive:  # half of the multiply-adds at half the side: four steps for two
        small = Generator(**generator_at(PRESET, SIZE // 2) | BASE)
        halved = dataset.map(lambda batch: {key: _halved(value) for key, value in batch.items()})
        model = _model(small, 2 * STEPS, **how)
        model.fit(halved, steps_per_epoch=2 * STEPS, verbose=0)
        _take_over(model.ema_generator, generator)
        steps = STEPS // 2
    model = _model(generator, steps, **how)
    history = model.fit(
        dataset,
        epochs=steps // LOG_EVERY,
        steps_per_epoch=LOG_EVERY,
        validation_data=validation,
        verbose=0,
    ).history
    for epoch in range(steps // LOG_EVERY):
        quality = {key: round(history[key][epoch], 4) for key in ("val_psnr", "val_ssim")}
        yield {"variant": name, "step": (epoch + 1) * LOG_EVERY, **quality}


def _model(generator, steps, losses=None, average=400.0):
    parsing = FaceParsingNetwork.from_preset(PRESET, load_weights=False)
    parsing.load_weights(SHIPPED_WEIGHTS / PRESET / "parsing.weights.h5")
    losses = {"pixel": "l1", "pixel_weight": 10.0} | (losses or {})
    off = {"adversarial_weight": 0.0, "feature_matching_weight": 0.0}
    model = SmallRun(generator, None, parsing, ema_half_life=average, **losses, **off)
    model.compile(Adam(LearningRate(5e-4, steps, "cosine", 50), beta_1=0.5))
    return model


def _halved(images):
    if images.dtype == tf.uint8:  # labels
        return images[:, ::2, ::2]
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


def _take_over(small, large):
    """Copy the weights of all layers that both generators have at the same shape."""
    pairs = [(small.reference_pyramid, large.reference_pyramid), (small.constant, large.constant)]
    for ours, theirs in ((small.convs, large.convs), (small.blocks, large.blocks)):
        pairs += zip(ours, theirs, strict=False)
    for source, target in pairs:
        for value, weight in zip(source.weights, target.weights, strict=True):
            if value.shape == weight.shape:
                weight.assign(value)


def draw(records, path):
    """The validation PSNR of every variant over its steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(record["variant"] for record in records):
        own = [record for record in records if record["variant"] == name]
        steps, values = zip(*((each["step"], each["val_psnr"]) for each in own), strict=True)
        style = "-" if name.startswith("base") else "--"
        axes.plot(steps, values, style, label=f"{name}: {values[-1]:.2f} dB")
    axes.set(xlabel="step", ylabel="PSNR of the validation faces (dB)")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--output", type=Path, required=True, help="file of JSON lines")
    args = parser.parse_args()
    keras.config.set_dtype_policy("mixed_bfloat16")
    folders = args.faces / "images", args.faces / "masks"
    manifest = args.faces / "manifest.csv"
    faces = FaceFolder(*folders, read_split(manifest, "train"))
    val_faces = FaceFolder(*folders, read_split(manifest, "val")[:64])
    lines = args.output.read_text().splitlines() if args.output.is_file() else []
    done = {json.loads(line)["variant"] for line in lines}
    for name, how in VARIANTS.items():
        if name not in done:
            records = list(run(faces, val_faces, name, **how))
            print(records[-1], flush=True)
            with args.output.open("a") as file:
                file.writelines(f"{json.dumps(record)}\n" for record in records)
    lines = args.output.read_text().splitlines()
    draw([json.loads(line) for line in lines], args.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
