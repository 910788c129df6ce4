"""The perceptual end against a projected discriminator (Sauer et al., NeurIPS 2021).

    python tools/projected_gan.py --init runs/natural_5 --set data.images=ALL/images \
        --set data.manifest=ALL/manifest.csv --output runs/gan

A discriminator on pixels has to learn from nothing what a face looks like, and a thousand steps
are not enough: it drew a screen pattern (docs/notes/training_the_shipped_model.md). This one reads
the frozen features that the perceptual loss reads, so only small heads are learned. Each sees the
features of one layer beside the face parsing map, after random changes of light, place and a hole
(DiffAugment, Zhao et al., NeurIPS 2020).

All other losses are those of the configuration. The run cannot be resumed; the model folder is
written after every epoch.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.data.datasets import training_dataset
from psfr_tf.labels import NUM_CLASSES
from psfr_tf.layers import SpectralNormConv2D
from psfr_tf.model_folder import save_model_folder
from psfr_tf.models.presets import PRESETS
from psfr_tf.training import initial_weights
from psfr_tf.training.build import adam, descriptor_of, networks_of, style_features_of
from psfr_tf.training.loss_terms import WEIGHTS
from psfr_tf.training.psfrgan import PSFRGAN
from psfr_tf.training.run import faces_of

LARGE = 64  # px: maps above this are halved, and halved again
GAIN = 3.0  # of the scores at the start; spectral norm alone keeps them near 0


class Head(keras.layers.Layer):
    """Scores [B, h, w, 1] of one layer's features [B, H, W, C] and a parsing map [B, S, S, 19]."""

    def __init__(self, channels: int, side: int, filters: int = 64, **kwargs):
        super().__init__(**kwargs)
        init = {"kernel_initializer": keras.initializers.HeNormal()}
        halvings = 0 if side <= LARGE // 2 else 1 if side <= LARGE else 2
        self.mix = SpectralNormConv2D(filters, kernel_size=1, **init)
        self.convs = [
            SpectralNormConv2D(filters, strides=2 if number < halvings else 1, **init)
            for number in range(2)
        ]
        self.score = SpectralNormConv2D(1, **init)
        self.mix.build((None, None, None, channels + NUM_CLASSES))
        for conv in (*self.convs, self.score):
            conv.build((None, None, None, filters))
        self.gain = self.add_weight(shape=(), initializer=keras.initializers.Constant(GAIN))
        self.built = True

    def call(self, features, parsing, training=None):
        parsing = tf.image.resize(parsing, tf.shape(features)[1:3], "area")
        x = tf.concat([features, tf.cast(parsing, features.dtype)], -1)
        for conv in (self.mix, *self.convs):
            x = 1.4 * tf.nn.leaky_relu(conv(x, training=training), 0.2)
        return self.gain * tf.cast(self.score(x, training=training), "float32")


class ProjectedDiscriminator(keras.Model):
    """Heads on frozen features; called as `MultiScaleDiscriminator`, with a head for each scale.

    Args:
        features: maps images [B, S, S, 3] in [-1, 1] to a list of feature maps.
        faces: a few sharp faces [B, S, S, 3]; the features are divided by their size on these.
    """

    def __init__(self, features: keras.Model, faces: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self._features = lambda images: keras.tree.flatten(features(images))  # not ours to learn
        maps = [np.asarray(each, "float32") for each in self._features(faces)]
        self._sizes = [float(np.sqrt(np.mean(np.square(each)))) for each in maps]
        self.heads = [Head(each.shape[-1], each.shape[1]) for each in maps]
        self.num_scales = len(self.heads)
        self.built = True

    def call(self, x, training=None):
        x = tf.cast(x, "float32")
        if training:
            x = augmented(x)
        parsing = tf.stop_gradient(x[..., 3:])
        maps = zip(self.heads, self._features(x[..., :3]), self._sizes, strict=True)
        return [
            {
                "score": head(tf.cast(each, "float32") / size, parsing, training=training),
                "features": [],
            }
            for head, each, size in maps
        ]


def augmented(x: tf.Tensor) -> tf.Tensor:
    """Light and a square hole for each picture, one shift for all; [B, S, S, C], RGB first."""
    count, side, channels = tf.shape(x)[0], x.shape[1], x.shape[-1]

    def draw(low, high):
        return tf.random.uniform((count, 1, 1, 1), low, high)

    image = x[..., :3] + draw(-0.15, 0.15)
    gray = tf.reduce_mean(image, -1, keepdims=True)
    image = gray + (image - gray) * draw(0.6, 1.4)
    mean = tf.reduce_mean(image, (1, 2, 3), keepdims=True)
    image = mean + (image - mean) * draw(0.8, 1.2)

    margin = side // 15
    around = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    x = tf.pad(tf.concat([image, x[..., 3:]], -1), around, "REFLECT")
    x = tf.image.random_crop(x, (count, side, side, channels))

    rows, columns = tf.range(side)[:, None, None], tf.range(side)[None, :, None]
    row, column = (tf.cast(draw(0.0, float(side)), "int32") for _ in range(2))
    hole = (tf.abs(rows - row) < side // 6) & (tf.abs(columns - column) < side // 6)
    return x * tf.cast(~hole, x.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/psfr_mobile_256.yaml")
    parser.add_argument("--init", required=True, help="a model or run folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--weight", type=float, default=0.03, help="of the adversarial loss")
    parser.add_argument("--lr-d", type=float, default=1e-3)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    start = [f"training.init={args.init}", f"training.parsing_weights={args.init}"]
    shape = ["training.steps=1000", "training.steps_per_epoch=100", "training.lr_g=2e-4"]
    config = load_config(args.config, [*start, *shape, *args.set])
    training, losses = config.training, config.losses
    size = PRESETS[config.preset]["size"]

    keras.utils.set_random_seed(training.seed)
    keras.config.set_dtype_policy(training.precision)
    networks = networks_of(config)
    initial_weights.load(networks, config)
    faces = faces_of(config)[0]
    data = training_dataset(
        faces,
        size,
        training.batch_size,
        training.seed,
        config.data.degradation,
        flip=config.data.flip,
        augment=config.data.augment,
    )
    features = style_features_of(losses, networks["parsing"])
    sharp = np.concatenate([batch["hq"] for batch in data.take(2)])
    weights = losses.model_dump(include={"form", "pixel", *WEIGHTS})
    model = PSFRGAN(
        networks["generator"],
        ProjectedDiscriminator(features, sharp),
        networks["parsing"],
        features,
        **{**weights, "adversarial_weight": args.weight},
        descriptor=descriptor_of(losses),
        ema_half_life=training.ema_half_life,
    )
    model.compile(adam(training.lr_g, 0.5, config), adam(args.lr_d, 0.5, config))

    def write(epoch, logs):
        save_model_folder(
            args.output,
            model.ema_generator,
            networks["parsing"],
            preset=config.preset,
            provenance={"steps": (epoch + 1) * training.steps_per_epoch},
        )

    model.fit(
        data,
        epochs=training.steps // training.steps_per_epoch,
        steps_per_epoch=training.steps_per_epoch,
        shuffle=False,
        verbose=2,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=write)],
    )


if __name__ == "__main__":
    main()
