"""Does a parsing map show a face where the landmarks say it is?

A detector also finds stones and hands, and on a sideways face it puts the landmarks in wrong
places. The face parsing network then finds no nose and no mouth where the FFHQ template has them.
"""

import numpy as np

from psfr_tf.faces.align import template
from psfr_tf.labels import LABELS

_NOSE = [LABELS.index("nose")]
_MOUTH = [LABELS.index(name) for name in ("mouth", "u_lip", "l_lip")]

# Windows as shares of the side: distance of the center below the template's point, half width,
# half height.
_NOSE_WINDOW = (-12 / 512, 24 / 512, 28 / 512)
_MOUTH_WINDOW = (0.0, 40 / 512, 16 / 512)


def nose_and_mouth(parsing: np.ndarray) -> tuple[float, float]:
    """Share of nose in a small window at the template's nose, of mouth and lips at its mouth.

    Args:
        parsing: uint8 [S, S], parsing map of an aligned face.

    Returns:
        Two shares in [0, 1].
    """
    points = template(parsing.shape[0])
    mouth = (points[3] + points[4]) / 2
    return (
        _share(parsing, points[2], _NOSE_WINDOW, _NOSE),
        _share(parsing, mouth, _MOUTH_WINDOW, _MOUTH),
    )


def _share(parsing, center, window, classes) -> float:
    size = parsing.shape[0]
    below, half_width, half_height = (size * part for part in window)
    x, y = center[0], center[1] + below
    rows = slice(round(y - half_height), round(y + half_height))
    columns = slice(round(x - half_width), round(x + half_width))
    return float(np.isin(parsing[rows, columns], classes).mean())
