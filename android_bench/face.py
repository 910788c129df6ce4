"""The face that every benchmark restores: always the same, damaged in a fixed way."""

import io

import numpy as np
from PIL import Image

from psfr_tf.pictures import to_uint8

# In `skimage.data.astronaut()` (NASA, public domain), in the order of the FFHQ template.
_LANDMARKS = (
    (203.54, 100.10),
    (245.41, 102.24),
    (224.22, 126.42),
    (201.79, 138.59),
    (244.39, 140.38),
)
_REDUCTION = 4
_JPEG_QUALITY = 50


def damaged_face(size: int) -> np.ndarray:
    """An aligned face, reduced to a quarter, compressed as JPEG and enlarged again.

    Args:
        size: side in pixels.

    Returns:
        uint8 RGB [size, size, 3].
    """
    from skimage import data

    from psfr_tf.faces.align import align_face, face_transform

    aligned = align_face(data.astronaut(), face_transform(np.array(_LANDMARKS), size), size)
    face = Image.fromarray(to_uint8(aligned))
    small = max(8, size // _REDUCTION)
    packed = io.BytesIO()
    face.resize((small, small), Image.Resampling.BOX).save(packed, "JPEG", quality=_JPEG_QUALITY)
    return np.asarray(Image.open(packed).resize((size, size), Image.Resampling.BICUBIC))
