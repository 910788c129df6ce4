import math

import numpy as np
import pytest
from skimage import data

from psfr_tf.faces.align import align_face, face_transform, invert, template, transform_points
from psfr_tf.faces.paste import AlignedDifference, detail, feather_mask, paste_faces

SIZE = 64


def matrix_for(scale, center, degrees=0.0, size=SIZE):
    """Photo to aligned face whose square is `scale * size` photo pixels wide at `center`."""
    angle = math.radians(degrees)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    middle = (size - 1) / 2
    linear = np.array([[cos, -sin], [sin, cos]])
    return invert(np.column_stack([linear, np.asarray(center) - linear @ [middle, middle]]))


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[:256, 100:400].copy()


def texture(seed=0, size=SIZE):
    """Fine detail of one pixel in the aligned face."""
    return np.random.default_rng(seed).normal(0, 30, (size, size, 3)).astype(np.float32)


@pytest.mark.parametrize("upscale", [1, 3])
def test_no_difference_leaves_the_photo(photo, upscale):
    face = AlignedDifference(matrix_for(1.3, (120, 90), 15), np.zeros((SIZE, SIZE, 3), np.float32))
    expected = paste_faces(photo, [], upscale=upscale)
    np.testing.assert_array_equal(paste_faces(photo, [face], upscale=upscale), expected)
    assert expected.shape == (256 * upscale, 300 * upscale, 3)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.6, 7.0])
def test_aligning_and_pasting_does_not_move_anything(scale):
    # A feature of the aligned face lands where the landmark it belongs to is.
    rng = np.random.default_rng(1)
    side = int(SIZE * scale) + 40
    center = (side / 2 + 0.3, side / 2 - 0.4)
    matrix = matrix_for(scale, center, 6.0)
    landmarks = transform_points(invert(matrix), template(SIZE))
    found = face_transform(landmarks, SIZE)
    v, u = np.mgrid[0:SIZE, 0:SIZE]
    shifts = []
    for tx, ty in template(SIZE) + rng.uniform(-0.5, 0.5, (5, 2)):
        spot = 120 * np.exp(-((u - tx) ** 2 + (v - ty) ** 2) / (2 * 1.3**2))
        difference = np.repeat(spot[..., None], 3, axis=2).astype(np.float32)
        gray = np.full((side, side, 3), 60, np.uint8)
        result = paste_faces(gray, [AlignedDifference(found, difference)])[..., 0].astype(float)
        change = np.clip(result - 60, 0, None)
        change[change < 0.2 * change.max()] = 0
        y, x = np.mgrid[0:side, 0:side]
        expected = transform_points(invert(matrix), [[tx, ty]])[0]
        found_at = (change * x).sum() / change.sum(), (change * y).sum() / change.sum()
        shifts.append(np.array(found_at) - expected)
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05


def test_round_trip_of_a_photo_does_not_shift(photo):
    # Adding a known difference: the aligned face of the result equals the aligned face plus it.
    matrix = matrix_for(1.7, (130, 120), -9)
    lq = align_face(photo, matrix, SIZE)
    blurred = np.zeros_like(lq)
    blurred[20:44, 20:44] = 25 * np.sin(np.arange(24) / 2)[None, :, None]
    result = paste_faces(photo, [AlignedDifference(matrix, blurred)])
    gained = align_face(result, matrix, SIZE) - lq
    inside = np.s_[16:48, 16:48]
    assert np.corrcoef(gained[inside].ravel(), detail(blurred)[inside].ravel())[0, 1] > 0.97


def test_color_shift_and_gradient_are_removed(photo):
    matrix = matrix_for(1.5, (140, 110))
    change = texture()
    cast = change + np.array([40, -25, 15], np.float32)
    slope = np.linspace(-30, 30, SIZE, dtype=np.float32)[None, :, None]
    plain = paste_faces(photo, [AlignedDifference(matrix, detail(change))]).astype(int)
    for shifted, limit in ((cast, 1), (change + slope, 8)):
        result = paste_faces(photo, [AlignedDifference(matrix, detail(shifted))]).astype(int)
        assert np.abs(result - plain).max() <= limit
        assert np.abs(result - plain).mean() < 0.5


def test_mean_color_of_the_face_is_kept(photo):
    matrix = matrix_for(1.5, (140, 110))
    change = texture() + np.array([60, 20, -60], np.float32)
    mid = np.clip(photo, 80, 170)  # room for the change without clipping
    result = paste_faces(mid, [AlignedDifference(matrix, detail(change))])
    before, after = align_face(mid, matrix, SIZE), align_face(result, matrix, SIZE)
    assert np.abs((after - before).mean(axis=(0, 1))).max() < 0.5


def test_a_mask_limits_the_change(photo):
    mid = np.clip(photo, 100, 150)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[:, : SIZE // 2] = 1
    matrix = matrix_for(1.0, (140, 110))
    full = paste_faces(mid, [AlignedDifference(matrix, texture())]).astype(int) - mid
    half = paste_faces(mid, [AlignedDifference(matrix, texture(), mask)]).astype(int) - mid
    np.testing.assert_array_equal(half[:, :136], full[:, :136])
    assert np.abs(full[:, 144:]).max() > 20 and not half[:, 144:].any()


def test_a_face_is_not_weakened_by_a_neighbor_whose_mask_ends_before_it(photo):
    mid = np.clip(photo, 100, 150)
    face = AlignedDifference(matrix_for(1.0, (140, 110)), texture())
    nothing = np.zeros((SIZE, SIZE), np.float32)
    other = AlignedDifference(matrix_for(1.0, (120, 110)), texture(1), nothing)
    np.testing.assert_array_equal(paste_faces(mid, [face, other]), paste_faces(mid, [face]))


@pytest.mark.parametrize("scale", [0.8, 3.0])
def test_no_seam_at_the_border(scale):
    # Stripes of full contrast everywhere, also at the border of the square.
    side = int(SIZE * scale) + 60
    gray = np.full((side, side, 3), 128, np.uint8)
    change = np.where(np.indices((SIZE, SIZE)).sum(axis=0) // 4 % 2, 60.0, -60.0)
    change = np.repeat(change[..., None], 3, axis=2).astype(np.float32)
    matrix = matrix_for(scale, (side / 2, side / 2), 20)
    result = paste_faces(gray, [AlignedDifference(matrix, change)]).astype(int)[..., 0] - 128
    y, x = np.mgrid[0:side, 0:side]
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    edge = np.minimum(np.minimum(u, v), SIZE - 1 - np.maximum(u, v)) + 0.5
    assert np.abs(result[edge <= 0]).max() == 0
    assert np.abs(result[(edge > 0) & (edge < 0.02 * SIZE)]).max() <= 4
    assert np.abs(result[edge > 0.3 * SIZE]).max() > 40


def test_feather_width_follows_the_face():
    widths = []
    for size in (64, 256):
        u = np.arange(size, dtype=float)
        row = feather_mask(u, np.full(size, size / 2), size)
        widths.append((row < 0.999).sum() / size)
        assert row.max() == pytest.approx(1.0)
        assert feather_mask(np.array([-0.5]), np.array([5.0]), size)[0] == 0
        assert feather_mask(np.array([-3.0]), np.array([5.0]), size)[0] == 0
    assert widths[0] == pytest.approx(widths[1], abs=0.03)
    assert 0.2 < widths[1] < 0.4


def test_strength_scales_the_change(photo):
    mid = np.clip(photo, 100, 150)
    face = AlignedDifference(matrix_for(1.5, (140, 110)), texture())
    full = paste_faces(mid, [face]).astype(float) - mid
    half = paste_faces(mid, [face], strength=0.5).astype(float) - mid
    assert np.abs(full).max() > 20
    np.testing.assert_allclose(half, full / 2, atol=1.01)
    np.testing.assert_array_equal(paste_faces(mid, [face], strength=0.0), mid)


def test_only_the_inside_of_the_photo_is_touched(photo):
    # Half of the square lies beyond the photo; the photo is cut out of a larger one.
    wide = np.pad(photo, ((60, 60), (60, 60), (0, 0)), mode="edge")
    change = texture()
    inner = paste_faces(photo, [AlignedDifference(matrix_for(1.5, (0, 100)), change)])
    outer = paste_faces(wide, [AlignedDifference(matrix_for(1.5, (60, 160)), change)])
    np.testing.assert_allclose(inner.astype(int), outer[60:-60, 60:-60].astype(int), atol=1)


def test_face_outside_the_photo_changes_nothing(photo):
    face = AlignedDifference(matrix_for(1.0, (2000, 2000)), texture())
    np.testing.assert_array_equal(paste_faces(photo, [face]), photo)


def test_overlapping_faces_do_not_depend_on_their_order(photo):
    faces = [
        AlignedDifference(matrix_for(1.2, (100, 100)), texture(1)),
        AlignedDifference(matrix_for(1.2, (140, 110)), texture(2)),
        AlignedDifference(matrix_for(0.9, (120, 130), 20), texture(3)),
    ]
    first = paste_faces(photo, faces)
    assert np.abs(first.astype(int) - paste_faces(photo, faces[::-1])).max() <= 1


def test_a_neighbor_hardly_changes_the_middle_of_a_face(photo):
    mid = np.clip(photo, 100, 150)
    own = AlignedDifference(matrix_for(1.2, (100, 100)), texture(1))
    neighbor = AlignedDifference(matrix_for(1.2, (135, 100)), texture(2))
    alone = paste_faces(mid, [own]).astype(int)
    both = paste_faces(mid, [own, neighbor]).astype(int)
    middle = np.s_[92:108, 92:104]
    assert np.abs(both - alone)[middle].mean() < 0.2 * np.abs(alone - mid)[middle].mean()


def test_photo_detail_above_the_model_size_is_kept():
    # A face 8 times the model's size with one-pixel texture: the texture survives.
    rng = np.random.default_rng(5)
    photo = rng.integers(60, 200, (600, 600, 3), dtype=np.uint8)
    change = np.zeros((SIZE, SIZE, 3), np.float32)
    change[24:40, 24:40] = 30
    result = paste_faces(photo, [AlignedDifference(matrix_for(8, (300, 300)), change)])
    fine = [np.diff(image.astype(float), axis=1)[250:350, 250:350] for image in (photo, result)]
    np.testing.assert_allclose(fine[1].std(), fine[0].std(), rtol=0.02)
    assert np.abs(result.astype(int) - photo).mean() > 1


def test_small_faces_do_not_alias():
    # Stripes of two aligned pixels, a face a quarter of the model's size: nothing remains.
    gray = np.full((60, 60, 3), 128, np.uint8)
    stripes = np.tile(np.array([60, -60], np.float32), (SIZE, SIZE // 2))
    stripes = np.repeat(stripes[..., None], 3, axis=2)
    result = paste_faces(gray, [AlignedDifference(matrix_for(0.27, (30, 30)), stripes)])
    assert np.abs(result.astype(int) - 128).max() <= 6


def test_gray_stays_gray(photo):
    gray = np.repeat(photo[..., 1:2], 3, axis=2)
    result = paste_faces(gray, [AlignedDifference(matrix_for(1.5, (140, 110)), texture())])
    assert np.abs(result.astype(int) - gray).max() > 10
    np.testing.assert_array_equal(result[..., 0], result[..., 2])


def test_bands_leave_no_trace(monkeypatch, photo):
    face = AlignedDifference(matrix_for(2.5, (140, 110), 30), texture())
    whole = paste_faces(photo, [face])
    monkeypatch.setattr("psfr_tf.faces.paste._BAND", 37)
    assert np.abs(paste_faces(photo, [face]).astype(int) - whole).max() <= 1
