"""The degradation of PSFR-GAN (section 4.1 of the paper) as one graph of TensorFlow ops.

Order: one of four blurs, downsampling, white noise, JPEG, resize back. `Degradation.draw` makes
every random choice, `Degradation.apply` is the deterministic rest.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from psfr_tf.data.degradation import natural
from psfr_tf.data.degradation.blur import average_matrix, gaussian_matrix, motion_blur
from psfr_tf.data.degradation.jpeg import jpeg
from psfr_tf.data.degradation.median import median_blur
from psfr_tf.data.degradation.noise import add_noise
from psfr_tf.data.degradation.resampling import (
    METHODS,
    resample_image,
    resample_rows,
    resampling_taps,
)
from psfr_tf.data.degradation.separable import apply_separable, round_to_8_bit
from psfr_tf.data.forms import FORMS

BLURS = ("gaussian", "average", "median", "motion")

# Ranges for a face of 512 pixels.
REFERENCE_SIZE = 512
GAUSSIAN_SIGMA = (3.0, 15.0)
AVERAGE_K = (3, 15)
MEDIAN_K = (3, 15)
MOTION_K = (5, 25)
# Ranges that do not depend on the size of the model.
LOW_SIZE = (32, 256)
NOISE_SIGMA = (0.0, 0.1 * 255.0)
JPEG_QUALITY = (35, 90)  # "compression" 10..65

# Probability of each stage: blur, noise, noise per channel, JPEG, gray.
PROBABILITY = {
    "paper": (1.0, 1.0, 1.0, 1.0, 0.0),
    "release": (0.5, 0.2, 0.5, 0.7, 0.3),
    "natural": (1.0, 1.0, 0.5, 1.0, 0.0),  # then softened
    # For measuring: the same draws as "release", and one kind of damage at a time.
    "release_color": (0.5, 0.2, 0.5, 0.7, 0.0),
    "none": (0.0, 0.0, 0.0, 0.0, 0.0),
    "jpeg75": (0.0, 0.0, 0.0, 1.0, 0.0),
    "reduced192": (0.0, 0.0, 0.0, 0.0, 0.0),
}
# Weakest Gaussian blur of "natural".
LEAST_SIGMA = 0.8


class DegradationParameters(NamedTuple):
    """Every random choice for one image, scalar tensors.

    Lengths are in pixels of the model's size; `blur` indexes `BLURS`, `interpolation` indexes
    `resampling.METHODS`.
    """

    blurred: tf.Tensor  # bool
    blur: tf.Tensor  # int32
    gaussian_sigma: tf.Tensor  # float32
    average_k: tf.Tensor  # int32
    median_k: tf.Tensor  # int32
    motion_k: tf.Tensor  # int32
    motion_angle: tf.Tensor  # float32, degrees
    low_size: tf.Tensor  # int32
    interpolation: tf.Tensor  # int32
    noisy: tf.Tensor  # bool
    noise_sigma: tf.Tensor  # float32, gray levels
    noise_per_channel: tf.Tensor  # bool
    noise_seed: tf.Tensor  # int32 [2]
    compressed: tf.Tensor  # bool
    jpeg_quality: tf.Tensor  # int32
    gray: tf.Tensor  # bool
    # The rest is neutral but for "natural".
    gain: tf.Tensor  # float32 [3], factor of R, G, B
    offset: tf.Tensor  # float32, gray levels
    compressed_again: tf.Tensor  # bool, at size S
    second_quality: tf.Tensor  # int32


class Degradation:
    """Random degradation of a face, for `tf.data.Dataset.map`.

    Args:
        form: "paper": all four stages, always, with independent noise in each channel.
            "release": as in the authors' code, blur with probability 0.5, noise 0.2 (half of it
            equal in all channels), JPEG 0.7, and both pictures turned gray with probability 0.3.
            "natural": from no damage through weak forms of each stage to the paper's, a second
            JPEG, and another light or color of both pictures; see docs/degradation.md.
            "release_color": as "release", but never gray. "none", "jpeg75" (quality 75 at size
            S), "reduced192" (area average to 192 pixels, or S if that is less): the same damage
            for every face and seed.
        size: side S of the faces in pixels, 32..512. Blur sigmas and kernel sizes are those for
            512 pixels times S / 512 (kernels at least 3); the low-resolution size is 32..256
            pixels of the face, at most S, whatever S is.

    Raises:
        ValueError: unknown form, or size out of range.

    Example:
        >>> degradation = Degradation("paper", size=256)
        >>> lq, hq = degradation(hq, tf.constant([0, 17]))
    """

    def __init__(self, form: str = "paper", size: int = REFERENCE_SIZE):
        if form not in FORMS:
            raise ValueError(f"`form` must be one of {', '.join(FORMS)}. Received: {form!r}")
        if not LOW_SIZE[0] <= size <= REFERENCE_SIZE:
            raise ValueError(
                f"`size` must be {LOW_SIZE[0]}..{REFERENCE_SIZE} pixels. Received: {size}"
            )
        self.form = form
        self.size = size
        scale = size / REFERENCE_SIZE
        self.gaussian_sigmas = (GAUSSIAN_SIGMA[0] * scale, GAUSSIAN_SIGMA[1] * scale)
        self.average_sizes = _odd_sizes(AVERAGE_K, scale)
        self.median_sizes = _odd_sizes(MEDIAN_K, scale)
        self.motion_sizes = _odd_sizes(MOTION_K, scale)
        self.low_sizes = (LOW_SIZE[0], min(LOW_SIZE[1], size))

    # Nothing here branches on a tensor in Python; converting it would double the time of a trace.
    @tf.autograph.experimental.do_not_convert
    def __call__(self, hq: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Degrade one face.

        Args:
            hq: float32 `[S, S, 3]` RGB in [0, 255].
            seed: int32 `[2]`; the same seed gives the same result.

        Returns:
            `(lq, hq)`, both float32 `[S, S, 3]` in [0, 255]; lq holds whole numbers and is
            already enlarged to S (bicubic). hq is the input, or its gray version ("release"), or
            the input in the light and color of lq ("natural").
        """
        return self.apply(hq, self.draw(seed))

    def draw(self, seed: tf.Tensor) -> DegradationParameters:
        """Make every random choice for one image from a seed, int32 `[2]`."""
        choices_seed, noise_seed = tf.unstack(
            tf.random.experimental.stateless_split(seed, 2, alg="philox")
        )
        # One draw for all choices: one for each would be most of the graph's ops.
        u = iter(tf.unstack(tf.random.stateless_uniform([15], choices_seed, alg="philox")))
        blur, noise, per_channel, compress, gray = PROBABILITY[self.form]
        p = DegradationParameters(
            blurred=next(u) < blur,
            blur=_choice(range(len(BLURS)), next(u)),
            gaussian_sigma=_between(self.gaussian_sigmas, next(u)),
            average_k=_choice(self.average_sizes, next(u)),
            median_k=_choice(self.median_sizes, next(u)),
            motion_k=_choice(self.motion_sizes, next(u)),
            motion_angle=_between((0.0, 180.0), next(u)),
            low_size=_choice(range(self.low_sizes[0], self.low_sizes[1] + 1), next(u)),
            interpolation=_choice(range(len(METHODS)), next(u)),
            noisy=next(u) < noise,
            noise_sigma=_between(NOISE_SIGMA, next(u)),
            noise_per_channel=next(u) < per_channel,
            noise_seed=noise_seed,
            compressed=next(u) < compress,
            jpeg_quality=_choice(range(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1), next(u)),
            gray=next(u) < gray,
            **natural.neutral_light(),
        )
        p = p._replace(**self._fixed())
        if self.form != "natural":
            return p
        softening = tf.random.experimental.stateless_fold_in(choices_seed, 1, alg="philox")
        least = LEAST_SIGMA * self.size / REFERENCE_SIZE
        return natural.soften(p, softening, self.size, least, JPEG_QUALITY)

    def ranges(self) -> dict[str, tuple[float, float] | tuple[int, int]]:
        """Least and greatest value of each number that `draw` may give."""
        softer = self.form == "natural"
        least = LEAST_SIGMA * self.size / REFERENCE_SIZE
        return {
            "gaussian_sigma": (least, self.gaussian_sigmas[1]) if softer else self.gaussian_sigmas,
            "average_k": (min(self.average_sizes), max(self.average_sizes)),
            "median_k": (min(self.median_sizes), max(self.median_sizes)),
            "motion_k": (min(self.motion_sizes), max(self.motion_sizes)),
            "motion_angle": (0.0, 180.0),
            "low_size": (LOW_SIZE[0], self.size),
            "noise_sigma": NOISE_SIGMA,
            "jpeg_quality": (JPEG_QUALITY[0], natural.BEST_QUALITY) if softer else JPEG_QUALITY,
        }

    def _fixed(self) -> dict[str, tf.Tensor]:
        """What is not drawn in the forms that measure one kind of damage."""
        fixed = {
            "none": {"low_size": self.size},
            "jpeg75": {"low_size": self.size, "jpeg_quality": 75},
            "reduced192": {
                "low_size": min(192, self.size),
                "interpolation": METHODS.index("area"),
            },
        }.get(self.form, {})
        return {name: tf.constant(value, tf.int32) for name, value in fixed.items()}

    def apply(self, hq: tf.Tensor, p: DegradationParameters) -> tuple[tf.Tensor, tf.Tensor]:
        """Degrade one face with given choices; arguments and result as in `__call__`."""
        hq = tf.ensure_shape(hq, [self.size, self.size, 3])
        image = self.blur_and_downsample(hq, p)
        noise = p.noise_sigma, p.noise_per_channel, p.noise_seed
        image = tf.cond(p.noisy, lambda: add_noise(image, *noise), lambda: image)
        image = tf.cond(p.compressed, lambda: jpeg(image, p.jpeg_quality), lambda: image)
        back = resampling_taps(p.low_size, self.size, "bicubic")
        lq = round_to_8_bit(resample_image(image, back, back, enlarges=True))
        lq, hq = tf.cond(p.gray, lambda: (gray(lq), gray(hq)), lambda: (lq, hq))
        if self.form == "natural":
            lq, hq = natural.relight(lq, hq, p)
            lq = tf.cond(p.compressed_again, lambda: jpeg(lq, p.second_quality), lambda: lq)
        return tf.ensure_shape(lq, [self.size, self.size, 3]), hq

    def blur_and_downsample(self, image: tf.Tensor, p: DegradationParameters) -> tf.Tensor:
        """The chosen blur, if any, then reduction to `low_size` pixels, rounded to 8 bits.

        A linear blur is not rounded before the reduction: both together are one linear map. Only
        the median, which is not linear, has a picture of its own. Only the chosen branch runs.
        """
        taps = tf.switch_case(
            p.interpolation,
            [
                lambda method=method: resampling_taps(self.size, p.low_size, method)
                for method in METHODS
            ],
        )

        def separable() -> tf.Tensor:
            """The product of blur and reduction has only `low_size` rows."""
            blur = tf.cond(
                tf.equal(p.blur, BLURS.index("gaussian")),
                lambda: gaussian_matrix(self.size, p.gaussian_sigma),
                lambda: average_matrix(self.size, p.average_k),
            )
            matrix = resample_rows(blur, taps, enlarges=False)
            return apply_separable(image, matrix, matrix)

        def others() -> tf.Tensor:
            blurred = tf.switch_case(
                tf.where(p.blurred, p.blur - BLURS.index("median"), 2),
                [
                    lambda: self._median(image, p.median_k),
                    lambda: motion_blur(image, p.motion_k, p.motion_angle),
                    lambda: image,
                ],
            )
            return resample_image(blurred, taps, taps, enlarges=False)

        is_separable = p.blurred & (p.blur < BLURS.index("median"))
        return round_to_8_bit(tf.cond(is_separable, separable, others))

    def _median(self, image: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
        """Median blur with one of `median_sizes`, whole numbers in [0, 255]."""
        pixels = tf.cast(round_to_8_bit(image), tf.uint8)
        blurred = tf.switch_case(
            (k - self.median_sizes[0]) // 2,
            [lambda k=k: median_blur(pixels, k) for k in self.median_sizes],
        )
        return tf.cast(blurred, tf.float32)


def gray(image: tf.Tensor) -> tf.Tensor:
    """Luma of an RGB image (ITU-R BT.601) in all three channels.

    Args:
        image: float32 `[H, W, 3]` in [0, 255].

    Returns:
        float32 `[H, W, 3]`, whole numbers in [0, 255].
    """
    luma = tf.repeat(tf.constant([[0.299], [0.587], [0.114]]), 3, axis=1)
    pixels = tf.matmul(tf.reshape(image, [-1, 3]), luma)  # one pass over the image
    return round_to_8_bit(tf.reshape(pixels, tf.shape(image)))


def _odd_sizes(limits: tuple[int, int], scale: float) -> tuple[int, ...]:
    """Odd kernel sizes within the scaled limits, at least 3: an even one would move the image."""
    low = max(3, math.ceil(limits[0] * scale) | 1)
    high = max(low, (math.floor(limits[1] * scale) + 1) // 2 * 2 - 1)
    return tuple(range(low, high + 1, 2))


def _between(limits: tuple[float, float], u: tf.Tensor) -> tf.Tensor:
    return limits[0] + (limits[1] - limits[0]) * u


def _choice(values: range | tuple[int, ...], u: tf.Tensor) -> tf.Tensor:
    """One of evenly spaced whole numbers, from u in [0, 1)."""
    step = values[1] - values[0] if len(values) > 1 else 0
    return values[0] + step * tf.cast(u * len(values), tf.int32)
