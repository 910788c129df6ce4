"""Drawn faces with exact parsing maps, for tests and examples that may not use photographs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from psfr_tf.labels import LABELS

# Shapes are placed in pixels of the FFHQ template of 512 px and drawn twice as large, so that
# reducing the drawing to the wanted size smooths its edges.
_TEMPLATE = 512
_SUPERSAMPLING = 2
_SUBPIXEL_BITS = 4  # fractional bits of cv2's coordinates

_SKIN = ((244, 214, 190), (224, 178, 140), (186, 132, 96), (126, 84, 60), (84, 56, 42))
_HAIR = ((30, 24, 22), (74, 48, 30), (140, 96, 50), (206, 170, 104), (120, 118, 116))


def draw_face(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a cartoon face in FFHQ alignment.

    Pose, proportions, colors, hair, spectacles, hat and jewellery follow from the seed; the left
    side of the face (the right side of the picture) is darker, so a mirrored face differs.

    Args:
        seed: any non-negative number; the same seed gives the same face.
        size: side S in pixels, 16..1024.

    Returns:
        `(rgb, labels)`: uint8 `[S, S, 3]` and uint8 `[S, S]`, classes of `psfr_tf.labels`.

    Raises:
        ValueError: size out of range.
    """
    limit = _TEMPLATE * _SUPERSAMPLING
    if not 16 <= size <= limit:
        raise ValueError(f"`size` must be 16..{limit} pixels. Received: {size}")
    rng = np.random.default_rng(seed)
    labels = _draw_labels(rng)
    rgb = _color(labels, rng)
    # The center of each block of pixels; for labels there is nothing to average.
    places = ((np.arange(size) + 0.5) * limit / size).astype(int)
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA), labels[places][:, places]


def _draw_labels(rng: np.random.Generator) -> np.ndarray:
    """uint8 label map of the face, twice the template's size."""
    side = _TEMPLATE * _SUPERSAMPLING
    canvas = np.zeros((side, side), np.uint8)
    move = rng.uniform(-6, 6, 2)
    wide = rng.uniform(0.94, 1.06)

    def oval(name: str, x: float, y: float, a: float, b: float, angle: float = 0.0) -> None:
        circle = np.array(cv2.ellipse2Poly((0, 0), (1000, 1000), 0, 0, 360, 4)) / 1000.0
        points = circle * (a * wide, b)
        turn = np.deg2rad(angle)
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        shape(name, points @ rotation + (256 + (x - 256) * wide, y))

    def shape(name: str, points: ArrayLike) -> None:
        scaled = (np.asarray(points, float) + move) * _SUPERSAMPLING * 2**_SUBPIXEL_BITS
        fixed = np.round(scaled).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], LABELS.index(name), shift=_SUBPIXEL_BITS)

    hair_length = rng.uniform(0, 160)
    mouth_open = max(0.0, rng.uniform(-6, 14))
    brow_height = rng.uniform(-6, 6)
    oval("hair", 256, 220 + hair_length / 2, 178, 190 + hair_length / 2)
    shape("neck", [(196, 380), (316, 380), (330, 530), (182, 530)])
    shape(
        "cloth", [(-20, 540), (40, 470), (186, 445), (256, 490), (326, 445), (472, 470), (532, 540)]
    )
    for ear, x in (("r_ear", 118), ("l_ear", 394)):
        oval(ear, x, 275, 20, 42)
    oval("skin", 256, 285, 138, 175)
    shape(
        "hair", [(118, 215), (150, 120), (256, 85), (362, 120), (394, 215), (330, 160), (190, 165)]
    )
    for eye, brow, x, tilt in (("r_eye", "r_brow", 193, -6), ("l_eye", "l_brow", 319, 6)):
        oval(brow, x, 205 + brow_height, 36, 8, tilt)
        oval(eye, x, 240, 27, 12)
    shape("nose", [(246, 235), (266, 235), (292, 325), (256, 338), (220, 325)])
    oval("u_lip", 256, 364 - mouth_open / 2, 56, 13)
    oval("l_lip", 256, 378 + mouth_open, 50, 16)
    oval("mouth", 256, 370 + mouth_open / 2, 44, 3 + mouth_open / 1.5)
    if rng.uniform() < 0.3:
        for x in (193, 319):
            _ring(oval, x)
    if rng.uniform() < 0.2:
        shape("hat", [(80, 170), (130, 40), (382, 40), (432, 170)])
    if rng.uniform() < 0.3:
        for x in (118, 394):
            oval("ear_r", x, 322, 8, 10)
    if rng.uniform() < 0.3:
        shape("neck_l", [(190, 430), (256, 462), (322, 430), (324, 440), (256, 474), (188, 440)])
    return canvas


def _ring(oval, x: float) -> None:
    """Rim of one lens, with the eye and the skin behind it drawn again inside."""
    oval("eye_g", x, 244, 50, 36)
    oval("skin", x, 244, 43, 30)
    oval("l_eye" if x > 256 else "r_eye", x, 240, 27, 12)


def _color(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 RGB picture of a label map: flat colors, light from one side, strands, catchlights."""
    skin = np.array(_SKIN[rng.integers(len(_SKIN))], float)
    hair = np.array(_HAIR[rng.integers(len(_HAIR))], float)
    lips = skin * (0.85, 0.55, 0.55)
    colors = {
        "background": rng.uniform(60, 230, 3),
        "skin": skin,
        "nose": skin * 0.95,
        "eye_g": (40, 40, 44),
        "l_eye": (238, 236, 232),
        "r_eye": (238, 236, 232),
        "l_brow": hair * 0.8,
        "r_brow": hair * 0.8,
        "l_ear": skin * 0.88,
        "r_ear": skin * 0.88,
        "mouth": (92, 30, 34),
        "u_lip": lips,
        "l_lip": lips * 1.1,
        "hair": hair,
        "hat": rng.uniform(30, 200, 3),
        "ear_r": (214, 180, 70),
        "neck_l": (214, 180, 70),
        "neck": skin * 0.85,
        "cloth": rng.uniform(20, 220, 3),
    }
    table = np.array([colors[name] for name in LABELS], np.float32)
    rgb = table[labels]
    side = labels.shape[0]
    across = np.linspace(-1, 1, side, dtype=np.float32)
    rgb *= 1.0 - 0.15 * across[None, :, None] - 0.05 * across[:, None, None]
    strands = cv2.GaussianBlur(rng.normal(0, 60, (side, side)).astype(np.float32), (1, 41), 0)
    weave = rng.normal(0, 6, (side, side)).astype(np.float32)
    rgb += np.where(np.isin(labels, [6, 7, 13]), strands, weave)[:, :, None]
    _draw_irises(rgb, labels, rng)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def _draw_irises(rgb: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
    iris = rng.uniform((40, 30, 20), (120, 130, 160))
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    for name in ("l_eye", "r_eye"):
        eye = labels == LABELS.index(name)
        y, x = rows[eye].mean(), columns[eye].mean()
        distance = np.hypot(rows - y, columns - x) / _SUPERSAMPLING
        rgb[eye & (distance < 11)] = iris
        rgb[eye & (distance < 5)] = (14, 12, 12)
        catchlight = np.hypot(rows - y + 8, columns - x + 8) / _SUPERSAMPLING
        rgb[eye & (catchlight < 2.5)] = (250, 250, 250)
