import cv2
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.data.degradation import Degradation, DegradationParameters, jpeg, median_blur
from psfr_tf.data.degradation.pipeline import BLURS, gray
from psfr_tf.data.degradation.resampling import METHODS, resample_rows, resampling_taps
from psfr_tf.data.forms import FORMS
from psfr_tf.data.toy_faces import draw_face

SIZE = 64


@pytest.fixture(scope="module")
def face() -> tf.Tensor:
    return tf.constant(draw_face(0, SIZE)[0], tf.float32)


@pytest.fixture(scope="module")
def compiled() -> dict:
    return {form: tf.function(Degradation(form, SIZE)) for form in FORMS}


def draws(degradation: Degradation, count: int) -> dict[str, np.ndarray]:
    draw = tf.function(degradation.draw)
    drawn = [draw(tf.constant([5, index])) for index in range(count)]
    return {
        name: np.stack([np.array(getattr(p, name)) for p in drawn]) for name in drawn[0]._fields
    }


def pin(p: DegradationParameters, **values) -> DegradationParameters:
    """Replace random choices by given ones."""
    given = {name: tf.cast(value, getattr(p, name).dtype) for name, value in values.items()}
    return p._replace(**given)


@pytest.mark.parametrize("form", FORMS)
def test_result_holds_8_bit_values_at_full_size(compiled, face, form):
    changes = []
    for index in range(8):
        lq, hq = compiled[form](face, tf.constant([0, index]))
        assert lq.shape == hq.shape == (SIZE, SIZE, 3)
        assert lq.dtype == hq.dtype == tf.float32
        lq = lq.numpy()
        np.testing.assert_array_equal(lq, np.clip(np.round(lq), 0, 255))
        changes.append(np.abs(lq - face.numpy()).mean())
    # The release may draw no stage at all; the paper never does.
    if form not in ("none", "reduced192"):  # 64 pixels are not reduced
        assert (np.min(changes) if form == "paper" else np.median(changes)) > 0.5


def test_forms_that_measure_one_kind_of_damage(compiled, face):
    for seed in ([0, 0], [3, 4]):
        for picture in compiled["none"](face, tf.constant(seed)):
            np.testing.assert_array_equal(picture, face)
        np.testing.assert_array_equal(
            compiled["jpeg75"](face, tf.constant(seed))[0], jpeg(face, tf.constant(75))
        )
    sharp = draw_face(0, 256)[0]
    lq, hq = Degradation("reduced192", 256)(tf.constant(sharp, tf.float32), tf.constant([1, 2]))
    np.testing.assert_array_equal(hq, sharp)
    small = np.round(cv2.resize(sharp.astype(np.float32), (192, 192), interpolation=cv2.INTER_AREA))
    expected = cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(lq, np.clip(expected, 0, 255), atol=2.0)


def test_release_in_color_draws_as_the_release_does():
    release = draws(Degradation("release", 256), 30)
    color = draws(Degradation("release_color", 256), 30)
    assert release.pop("gray").any() and not color.pop("gray").any()
    for name, values in release.items():
        np.testing.assert_array_equal(color[name], values)


def test_same_seed_same_result(compiled, face):
    first = compiled["paper"](face, tf.constant([3, 4]))
    again = Degradation("paper", SIZE)(face, tf.constant([3, 4]))  # not compiled
    other = compiled["paper"](face, tf.constant([3, 5]))
    np.testing.assert_array_equal(first[0], again[0])
    assert np.abs(first[0] - other[0]).max() > 0


def test_paper_form_applies_every_stage_always():
    p = draws(Degradation("paper", 512), 100)
    for stage in ("blurred", "noisy", "noise_per_channel", "compressed"):
        assert p[stage].all()
    assert not p["gray"].any()


def test_release_form_applies_stages_with_its_probabilities():
    p = draws(Degradation("release", 512), 1000)
    expected = {
        "blurred": 0.5,
        "noisy": 0.2,
        "noise_per_channel": 0.5,
        "compressed": 0.7,
        "gray": 0.3,
    }
    for stage, probability in expected.items():
        assert p[stage].mean() == pytest.approx(probability, abs=0.05)


def test_natural_form_reaches_from_nothing_to_the_paper(compiled, face):
    p = draws(Degradation("natural", 256), 600)
    stages = [p["blurred"], p["low_size"] < 256, p["noisy"], p["compressed"]]
    touched = np.sum(stages, axis=0) + p["compressed_again"]
    assert (touched == 0).mean() == pytest.approx(0.12, abs=0.05)
    whole = np.logical_and.reduce(stages)
    assert whole.mean() == pytest.approx(0.38 + 0.5 * 0.07, abs=0.07)
    assert p["jpeg_quality"].max() == 97 and p["jpeg_quality"].min() < 40
    assert p["gaussian_sigma"].min() < 0.5 and p["gaussian_sigma"].max() > 7
    assert p["low_size"].min() < 40 and p["noise_sigma"].min() < 0.1
    changed = (p["gain"] != 1).any(axis=1) | (p["offset"] != 0) | p["gray"]
    assert 0.2 < changed.mean() < 0.4
    assert p["gain"].min() < 0.1 and p["gain"].max() > 1.3


def test_natural_form_without_damage_changes_the_light_of_both_pictures_only(face):
    degradation = Degradation("natural", SIZE)
    p = pin(
        degradation.draw(tf.constant([0, 0])),
        blurred=False,
        low_size=SIZE,
        noisy=False,
        compressed=False,
        compressed_again=False,
        gray=False,
        gain=[0.5, 0.25, 1.0],
        offset=10.0,
    )
    lq, hq = degradation.apply(face, p)
    np.testing.assert_array_equal(lq, hq)
    np.testing.assert_allclose(lq, np.minimum(face * [0.5, 0.25, 1.0] + 10, 255), atol=0.51)


def test_ranges_at_512():
    degradation = Degradation("paper", 512)
    p = draws(degradation, 1000)
    assert 3.0 <= p["gaussian_sigma"].min() < 3.3 and 14.7 < p["gaussian_sigma"].max() <= 15.0
    assert set(p["average_k"]) == set(range(3, 16, 2))
    assert set(p["median_k"]) == set(range(3, 16, 2))
    assert set(p["motion_k"]) == set(range(5, 26, 2))
    assert p["low_size"].min() == 32 and p["low_size"].max() == 256
    assert p["jpeg_quality"].min() == 35 and p["jpeg_quality"].max() == 90
    assert 24.5 < p["noise_sigma"].max() <= 25.5
    assert set(p["blur"]) == set(range(4)) and set(p["interpolation"]) == set(range(4))


@pytest.mark.parametrize(
    ("size", "sigmas", "medians", "motions", "low"),
    [
        (256, (1.5, 7.5), (3, 5, 7), (3, 5, 7, 9, 11), (32, 256)),
        (64, (0.375, 1.875), (3,), (3,), (32, 64)),
        (32, (0.1875, 0.9375), (3,), (3,), (32, 32)),
    ],
)
def test_lengths_scale_with_size(size, sigmas, medians, motions, low):
    degradation = Degradation("paper", size)
    assert degradation.gaussian_sigmas == sigmas
    assert degradation.average_sizes == degradation.median_sizes == medians
    assert degradation.motion_sizes == motions
    assert degradation.low_sizes == low


def test_gray_turns_both_pictures_gray(face):
    degradation = Degradation("release", SIZE)
    p = degradation.draw(tf.constant([0, 0]))
    lq, hq = degradation.apply(face, pin(p, gray=True))
    for image in (lq, hq):
        assert np.ptp(image, axis=-1).max() == 0
    expected = cv2.cvtColor(face.numpy().astype(np.uint8), cv2.COLOR_RGB2GRAY)
    assert np.abs(hq[..., 0] - expected).max() <= 1
    _, unchanged = degradation.apply(face, pin(p, gray=False))
    np.testing.assert_array_equal(unchanged, face)


def test_gray_keeps_gray(face):
    np.testing.assert_array_equal(gray(gray(face)), gray(face))


@pytest.mark.parametrize("blur", range(len(BLURS)))
def test_stages_follow_the_order_of_the_paper(face, blur):
    """Blur and downsampling, then JPEG and enlargement, each against OpenCV (no noise).

    The comparison is split where JPEG starts: it turns a rounding difference into a visible one.
    """
    degradation = Degradation("paper", SIZE)
    p = pin(
        degradation.draw(tf.constant([1, 1])),
        blur=blur,
        gaussian_sigma=1.5,
        average_k=3,
        motion_k=3,
        motion_angle=0.0,
        low_size=32,
        interpolation=METHODS.index("area"),
        noisy=False,
        jpeg_quality=70,
    )
    image = face.numpy().astype(np.uint8)
    blurred = {
        "gaussian": lambda: cv2.GaussianBlur(image, (0, 0), 1.5),
        "average": lambda: cv2.blur(image, (3, 3)),
        "median": lambda: median_blur(tf.constant(image), 3).numpy(),
        "motion": lambda: cv2.blur(image, (3, 1)),
    }[BLURS[blur]]()
    expected = cv2.resize(blurred, (32, 32), interpolation=cv2.INTER_AREA)
    small = degradation.blur_and_downsample(face, p).numpy()
    assert np.abs(small - expected).max() <= 1

    _, file = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)[:, :, ::-1]
    expected = cv2.resize(decoded, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    lq, _ = degradation.apply(face, p)
    assert np.abs(lq.numpy() - expected).max() <= 3


def shift_of(lq: np.ndarray, hq: np.ndarray) -> np.ndarray:
    """Least-squares (y, x) displacement in pixels of lq against a smooth hq, from its gradient."""
    gradients = np.stack([g.ravel() for g in np.gradient(hq, axis=(0, 1))], axis=1)
    return np.linalg.lstsq(gradients, (hq - lq).ravel(), rcond=None)[0]


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """[128, 128, 3] waves long enough to survive the degradation, different in x and y."""
    noise = np.random.default_rng(0).normal(size=(128, 128, 3)).astype(np.float32)
    waves = cv2.GaussianBlur(noise, (0, 0), 8)
    return 127.5 + 100 * waves / np.abs(waves).max()


def test_shift_estimate_is_right(smooth):
    moved = cv2.warpAffine(
        smooth, np.float32([[1, 0, 0.3], [0, 1, -0.2]]), (128, 128), borderMode=cv2.BORDER_REPLICATE
    )
    np.testing.assert_allclose(shift_of(moved, smooth), [-0.2, 0.3], atol=0.02)


@pytest.mark.parametrize("form", ["paper", "release"])
@pytest.mark.parametrize("method", METHODS)
def test_mean_shift_is_below_a_twentieth_of_a_pixel(smooth, form, method):
    degradation = Degradation(form, 128)

    @tf.function
    def degrade(seed: tf.Tensor) -> tf.Tensor:
        p = pin(degradation.draw(seed), interpolation=METHODS.index(method), gray=False)
        return degradation.apply(tf.constant(smooth), p)[0]

    shifts = [shift_of(degrade(tf.constant([7, i])).numpy(), smooth) for i in range(48)]
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05


@pytest.mark.parametrize("low", [64, 50, 32])
def test_top_left_nearest_would_fail_the_shift_test(smooth, low):
    small = cv2.resize(smooth, (low, low), interpolation=cv2.INTER_NEAREST)
    back = cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC)
    assert shift_of(back, smooth).min() > 0.3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("low", [32, 33, 50, 64, 96, 100, 127, 128, 200, 255, 256])
def test_resampling_keeps_the_center(method, low):
    """Sampled positions are symmetric about the center of the image, whatever the ratio."""
    taps = resampling_taps(256, low, method)
    matrix = resample_rows(tf.eye(256), taps, enlarges=False).numpy().astype(np.float64)
    np.testing.assert_allclose(resample_rows(tf.eye(256), taps, enlarges=True), matrix, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-4)


@pytest.mark.parametrize(("form", "size"), [("authors", 64), ("paper", 16), ("release", 1024)])
def test_bad_options_are_refused(form, size):
    received = form if form == "authors" else size
    with pytest.raises(ValueError, match=f"Received: '?{received}"):
        Degradation(form, size)
