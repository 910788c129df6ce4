"""Who is on a face: groups in which a model should work equally well."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab
from tqdm import tqdm

from psfr_tf.csv_file import read_rows
from psfr_tf.errors import UserError
from psfr_tf.evaluation.degraded import DegradedFaces
from psfr_tf.labels import LABELS
from psfr_tf.metrics.face_region import FaceRegion
from psfr_tf.metrics.landmark_distance import LargestFacePoints, PointDetector

# Fewer faces say nothing about a group.
LEAST_FACES = 5
# How far the tip of the nose lies in front of the eyes, as a share of their distance: the mean
# error against head turns that were measured otherwise is least at 0.6 (2.4 degrees, 42 faces).
_NOSE = 0.6
YAWS = (("up to 10°", 0.0, 10.0), ("10° to 20°", 10.0, 20.0), ("above 20°", 20.0, math.inf))


def face_groups(
    faces: DegradedFaces,
    manifests: Sequence[Path],
    region: FaceRegion,
    detect: PointDetector | None = None,
) -> dict[str, list[str]]:
    """Names of the faces of each group.

    Skin: thirds of the faces by the mean lightness L* of the skin of the original. Yaw: from the
    five points of the original. Glasses and beard: of the manifests, from a column of that name
    (1 or 0) or, where there is a column `note`, a tag that ends in it. A face of which something
    is not known is in none of those groups.

    Args:
        faces: the faces.
        manifests: their CSV files; one that is not there tells nothing.
        region: parses an original.
        detect: finds the five points; by default MTCNN.

    Returns:
        Names by the label of the group.
    """
    detect = detect or LargestFacePoints()
    lightness, yaws = {}, {}
    for index, name in enumerate(tqdm(faces.names, desc="groups", unit="image", disable=None)):
        try:
            original = faces.original(index)
        except UserError:
            continue  # named when it is measured
        lightness[name] = skin_lightness(original, region.labels(original))
        yaws[name] = yaw(detect(original))
    groups = _thirds({name: value for name, value in lightness.items() if value is not None})
    for word in ("glasses", "beard"):
        known = _tagged(manifests, word)
        for label, wanted in ((word, True), (f"no {word}", False)):
            groups[label] = [name for name in faces.names if known.get(name) is wanted]
    for label, low, high in YAWS:
        groups[f"turned {label}"] = [
            name for name, value in yaws.items() if value is not None and low <= abs(value) < high
        ]
    return groups


def skin_lightness(picture: np.ndarray, labels: np.ndarray) -> float | None:
    """Mean L* (CIE, 0..100) of the pixels labeled skin; None where there are none."""
    skin = picture[labels == LABELS.index("skin")]
    return float(rgb2lab(skin[None])[0, :, 0].mean()) if len(skin) else None


def yaw(points: np.ndarray | None) -> float | None:
    """Rough turn of a head in degrees, 0 facing the camera, from MTCNN's points [5, 2]."""
    if points is None:
        return None
    left, right, nose = np.asarray(points[:3], np.float64)
    eyes = right - left
    aside = (nose - (left + right) / 2) @ eyes / (eyes @ eyes)
    return math.degrees(math.atan(aside / _NOSE))


def _thirds(lightness: Mapping[str, float]) -> dict[str, list[str]]:
    if not lightness:
        return {}
    low, high = np.quantile(list(lightness.values()), [1 / 3, 2 / 3])
    bounds = {
        f"skin darker, L* below {low:.0f}": (-math.inf, low),
        f"skin between, L* {low:.0f} to {high:.0f}": (low, high),
        f"skin lighter, L* from {high:.0f}": (high, math.inf),
    }
    return {
        label: [name for name, value in lightness.items() if first <= value < end]
        for label, (first, end) in bounds.items()
    }


def _tagged(manifests: Sequence[Path], word: str) -> dict[str | None, bool]:
    known = {}
    for path in manifests:
        for row in read_rows(path) if path.is_file() else ():
            value, note = row.get(word), row.get("note")
            tags = [tag.strip() for tag in (note or "").split(";")]
            if any(tag.endswith(word) for tag in tags) or value not in (None, "", "0"):
                known[row.get("name")] = True
            elif value == "0" or note is not None:
                known[row.get("name")] = False
    return known
