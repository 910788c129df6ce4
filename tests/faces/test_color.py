import cv2
import numpy as np
import pytest
from skimage import data

from psfr_tf.faces.color import LUMA, blur, limit_chroma, tint
from psfr_tf.faces.paste import detail

SIZE = 256


def portrait(size=SIZE):
    """The astronaut's face, about as an aligned face of 256 px."""
    face = data.astronaut()[20:200, 135:315]
    method = cv2.INTER_AREA if size < 180 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(face.astype(np.float32), (size, size), interpolation=method), 0, 255)


def reduced(image, factor):
    small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def sepia(image):
    matrix = np.float32([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return 0.7 * image @ matrix.T


def chroma(image):
    return image - (image @ LUMA)[..., None]


@pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0])
def test_blur_is_measured(sigma):
    blurred = cv2.GaussianBlur(portrait(), (0, 0), sigma)
    assert 0.65 * sigma < blur(blurred) < 1.5 * sigma


def test_blur_of_chroma_counts():
    """JPEG keeps color at half the size."""
    face = portrait()
    luma = (face @ LUMA)[..., None]
    soft = luma + cv2.GaussianBlur(chroma(face), (0, 0), 5)
    assert blur(soft) > 1.5 * blur(face)


def test_a_flat_face_has_no_blur():
    assert blur(np.full((SIZE, SIZE, 3), 90, np.float32)) == 0


@pytest.mark.parametrize("factor", [2, 4])
def test_the_color_of_an_iris_is_kept(factor):
    """The network makes brown eyes blue: what the photo still shows stays brown."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    iris = np.hypot(rows - 115, columns - 95) < 6
    hq = portrait()
    hq[iris] = (70, 45, 30)
    lq = reduced(hq, factor)
    answer = hq.copy()
    answer[iris] = (45, 47, 62)
    output = lq + limit_chroma(detail(answer - lq), lq)

    def warmth(image):
        return float((image[iris][:, 0] - image[iris][:, 2]).mean())

    whole = abs(warmth(lq + detail(answer - lq)) - 40)
    assert whole > 50
    assert abs(warmth(output) - 40) < {2: 0.2, 4: 0.35}[factor] * whole


def test_color_that_is_lost_comes_back():
    """At a strong blur the iris has the skin's color, and the network's may be taken."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    iris = np.hypot(rows - 115, columns - 95) < 4
    hq = portrait()
    hq[iris] = (30, 60, 120)
    lq = cv2.GaussianBlur(hq, (0, 0), 6)
    output = lq + limit_chroma(detail(hq - lq), lq)
    before = chroma(lq)[iris].mean(axis=0) - chroma(hq)[iris].mean(axis=0)
    after = chroma(output)[iris].mean(axis=0) - chroma(hq)[iris].mean(axis=0)
    assert np.abs(after).max() < 0.5 * np.abs(before).max()


@pytest.mark.parametrize("gains", [(1.0, 1.0, 1.0), (1.0, 0.85, 0.6), (0.7, 0.9, 1.0)])
def test_tinted_faces_keep_their_hue(gains):
    gray = (portrait() @ LUMA)[..., None]
    lq = reduced(gray * np.float32(gains), 3)
    assert tint(lq)[0] == 1
    color = portrait()  # an answer in full color
    output = lq + limit_chroma(detail(color - lq), lq)
    expected = (output @ LUMA)[..., None] * gains / (np.float32(gains) @ LUMA)
    assert np.abs(output - expected).max() < 0.6
    assert np.abs(output - lq).max() > 20


def test_sepia_in_a_jpeg_is_tinted_and_colors_are_not():
    print_ = sepia(portrait())
    coded = cv2.imencode(".jpg", print_.round().astype(np.uint8)[..., ::-1], [1, 60])[1]
    assert tint(cv2.imdecode(coded, 1)[..., ::-1].astype(np.float32))[0] > 0.9
    assert tint(portrait())[0] == 0
    # A dark photo is judged by its own contrast.
    assert tint(0.15 * portrait())[0] == 0


def test_luma_of_the_change_is_untouched():
    lq = reduced(portrait(), 2)
    difference = np.random.default_rng(0).normal(0, 20, lq.shape).astype(np.float32)
    limited = limit_chroma(difference, lq)
    np.testing.assert_allclose(limited @ LUMA, difference @ LUMA, atol=1e-3)
    assert np.abs(chroma(limited)).std() < np.abs(chroma(difference)).std()


def test_no_change_stays_no_change():
    lq = portrait()
    assert not limit_chroma(np.zeros_like(lq), lq).any()
