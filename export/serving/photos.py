"""Requests to and answers of the signature `restore_photo_bytes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNATURE = "restore_photo_bytes"


@dataclass(frozen=True)
class RestoredPhoto:
    """What the server made of a photo.

    Attributes:
        file: the restored photo; the file that was sent where no face was found.
        boxes: float32 [N, 4], (x, y, width, height) in pixels of the upright photo.
        scores: float32 [N].
        landmarks: float32 [N, 5, 2], see `psfr_tf.faces.detect.Face`.
    """

    file: bytes
    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray


def photo_inputs(photo: bytes, strength: float, min_score: float, format: str) -> dict[str, Any]:
    """All inputs, also those with defaults: TF Serving's REST interface wants every one."""
    return {
        "photo_bytes": [photo],
        "strength": np.array(strength, np.float32),
        "min_score": np.array(min_score, np.float32),
        "format": format.encode(),
    }


def restored_photo(outputs: Mapping[str, np.ndarray]) -> RestoredPhoto:
    """The answer to a request with one photo.

    Raises:
        ValueError: not such an answer.
    """
    try:
        (file,), (count,) = outputs["restored_bytes"], outputs["count"]
        faces = (np.asarray(outputs[name])[0][:count] for name in ("boxes", "scores", "landmarks"))
        return RestoredPhoto(file, *faces)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"the server returned no photo ({error!r})") from None
