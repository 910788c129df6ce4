"""Where in an aligned face the network's change is applied: on the head, not on what covers it."""

import cv2
import numpy as np

from psfr_tf.faces.align import template
from psfr_tf.faces.color import LUMA
from psfr_tf.faces.plausible import nose_and_mouth
from psfr_tf.labels import LABELS, NUM_CLASSES

# Lengths as shares of the side.
_CORE = (0.5, 0.585, 0.19, 0.265)  # ellipse inside any face: center x, y, half axes
_CLOSE = 0.02  # gaps up to this wide are filled
_FEATHER = 0.012  # sigma
_COVER_REACH = 0.027  # around letters the network draws crumbs
_DETAIL = 0.01  # sigma
_EYES = (0.09, 0.055)  # half width, half height of a window around each eye
_MOUTH = (0.13, 0.06)
_HIDDEN_MOUTH = (0.22, 0.15)  # half width, half height of what hides it

# In levels of a face whose luma has a standard deviation of 45.
_CONTRAST_ON_SKIN = 80.0
_CONTRAST_ON_FEATURES = 140.0
_SATURATION = 80.0
_UNLIKE_SKIN = 60.0
_DARK = 0.3  # as a share of the skin's luma

# With less mouth than this where it belongs, something is in front of it.
_LEAST_MOUTH = 0.02


def _lookup(*names: str) -> np.ndarray:
    table = np.zeros(NUM_CLASSES, bool)
    table[[LABELS.index(name) for name in names]] = True
    return table


_HEAD = ~_lookup("background", "cloth")
_UNEXPLAINED = _lookup("background", "cloth", "hat")
_SKIN = _lookup("skin", "nose")
_FEATURES = _lookup(
    "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip", "hair", "hat"
)


def head_mask(lq: np.ndarray, parsing: np.ndarray) -> np.ndarray:
    """How much of the change is applied to each pixel.

    1 on the head (face, hair, ears, neck, hat, glasses, jewelry), 0 on the background and on
    clothes, so that a grainy wall stays as it is up to the hair; 0 on letters and things in front
    of the face, see `covered`.

    Args:
        lq: float32 RGB [S, S, 3] in [0, 255], aligned face.
        parsing: uint8 [S, S], its parsing map.

    Returns:
        float32 [S, S] in [0, 1].
    """
    size = parsing.shape[0]
    # Inside the face a hole in the parsing map is an error of the parsing network.
    head = _HEAD[parsing] | _core(size)
    kernel = _kernel(size * _CLOSE)
    head = cv2.erode(cv2.dilate(head.astype(np.uint8), kernel), kernel)
    mask = cv2.GaussianBlur(head.astype(np.float32), (0, 0), size * _FEATHER)
    mask = np.clip((mask - 0.2) / 0.6, 0.0, 1.0)
    reach = _kernel(size * _COVER_REACH)
    cover: np.ndarray = cv2.dilate(covered(lq, parsing).astype(np.uint8), reach).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (0, 0), size * _FEATHER)
    return mask * np.clip(1.0 - 2.0 * cover, 0.0, 1.0)


def covered(lq: np.ndarray, parsing: np.ndarray) -> np.ndarray:
    """What lies in front of the face: letters, a microphone, a mask.

    Strong fine contrast: more than eyes and teeth have where they belong, and little more than
    half of that on skin. A saturated color far from the skin's. Inside the face, what neither the
    parsing map nor the skin's color explains. And, if no mouth is seen, the place of the mouth: on
    a hand the network would draw one. Levels are relative to the contrast of the face, so
    that a dark or faded photo is judged as its normal print.

    Args:
        lq, parsing: as for `head_mask`.

    Returns:
        bool [S, S].
    """
    lq = np.asarray(lq, dtype=np.float32)
    size = parsing.shape[0]
    core = _core(size)
    luma = lq @ LUMA
    unit = max(float(luma[core].std()) / 45.0, 0.05)

    fine = np.abs(lq - cv2.GaussianBlur(lq, (0, 0), size * _DETAIL)).max(axis=2) / unit
    features = cv2.dilate(_FEATURES[parsing].astype(np.uint8), _kernel(size * _CLOSE)) > 0
    features |= _windows(size) | ~core
    contrast = fine > np.where(features, _CONTRAST_ON_FEATURES, _CONTRAST_ON_SKIN)

    # Color that a pixel of its luma would have on this skin.
    skin = core & _SKIN[parsing]
    if skin.sum() < 0.04 * core.sum():
        skin = core
    level = luma[..., None] + 20.0 * unit
    chroma = lq - luma[..., None]
    expected = np.median((chroma / level)[skin], axis=0) * level
    unlike = np.abs(chroma - expected).max(axis=2) / unit
    saturated = (np.abs(chroma).max(axis=2) / unit > _SATURATION) & (unlike > _SATURATION)

    dark = luma < _DARK * np.median(luma[skin])
    unexplained = core & _UNEXPLAINED[parsing] & ((unlike > _UNLIKE_SKIN) | dark)
    cover = contrast | saturated | unexplained
    if nose_and_mouth(parsing)[1] < _LEAST_MOUTH:
        mouth = template(size)[3:].mean(axis=0)
        _window(cover, mouth, _HIDDEN_MOUTH)
    return cover


def _core(size: int) -> np.ndarray:
    x, y, half_width, half_height = (size * part for part in _CORE)
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    return ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 < 1


def _windows(size: int) -> np.ndarray:
    """Eyes and mouth of the template."""
    points = template(size)
    windows = np.zeros((size, size), bool)
    for center, half in (
        (points[0], _EYES),
        (points[1], _EYES),
        (points[3:].mean(axis=0), _MOUTH),
    ):
        _window(windows, center, half)
    return windows


def _window(mask: np.ndarray, center, half) -> None:
    """Set a rectangle of a mask; `half` is its half width and half height as shares of a side."""
    size = mask.shape[0]
    (x, y), (half_width, half_height) = center, half
    rows = slice(round(y - half_height * size), round(y + half_height * size))
    mask[rows, round(x - half_width * size) : round(x + half_width * size)] = True


def _kernel(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return np.ones((side, side), np.uint8)
