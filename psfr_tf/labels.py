"""The 19 face parsing classes, in CelebAMask-HQ's order.

`l_` and `r_` are the person's own left and right: `l_eye` is on the right side of the picture.
"""

import numpy as np

LABELS = (
    "background",
    "skin",
    "nose",
    "eye_g",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "ear_r",
    "neck_l",
    "neck",
    "cloth",
)
NUM_CLASSES = len(LABELS)

# RGB of each class in color-coded parsing maps, as in the authors' release.
COLORS = np.array(
    [
        [0, 0, 0],
        [204, 0, 0],
        [76, 153, 0],
        [204, 204, 0],
        [51, 51, 255],
        [204, 0, 204],
        [0, 255, 255],
        [255, 204, 204],
        [102, 51, 0],
        [255, 0, 0],
        [102, 204, 0],
        [255, 255, 0],
        [0, 0, 153],
        [0, 0, 204],
        [255, 51, 153],
        [0, 204, 204],
        [0, 51, 0],
        [255, 153, 51],
        [0, 204, 0],
    ],
    dtype=np.uint8,
)

# FLIP_PERMUTATION[label] is the label that the same pixel has after a horizontal flip.
FLIP_PERMUTATION = np.arange(NUM_CLASSES, dtype=np.uint8)
for _left, _right in ((4, 5), (6, 7), (8, 9)):
    FLIP_PERMUTATION[[_left, _right]] = _right, _left


def colorize(label_map: np.ndarray) -> np.ndarray:
    """Color a parsing map for viewing.

    Args:
        label_map: integer array [..., H, W], values 0..18.

    Returns:
        uint8 RGB array [..., H, W, 3].
    """
    return COLORS[label_map]
