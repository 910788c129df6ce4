"""Intersection over union of face parsing maps."""

import numpy as np

from psfr_tf.labels import LABELS, NUM_CLASSES


def confusion(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pixels of one image by label, int64 [19, 19]: rows of the reference, columns predicted.

    Args:
        predicted: integer label map [H, W].
        reference: integer label map [H, W].

    Raises:
        ValueError: if the shapes differ.
    """
    if predicted.shape != reference.shape:
        raise ValueError(
            "`predicted` and `reference` must have the same shape. "
            f"Received: {predicted.shape} and {reference.shape}"
        )
    pairs = reference.astype(np.int64).ravel() * NUM_CLASSES + predicted.ravel()
    return np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)


def parsing_result(matrix: np.ndarray, images: int) -> dict:
    """What a confusion matrix says, for a report.

    The intersection over union is computed from the sums over all images (the convention of
    semantic segmentation benchmarks), not averaged over images. It is None for a class that neither
    map ever holds and 0 for one that is only ever predicted; its mean is over the classes present
    in the reference maps.

    Args:
        matrix: sum of the `confusion` of all images; of at least one pixel.
        images: their number.
    """
    reference, predicted, shared = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    union = reference + predicted - shared
    iou = np.divide(shared, union, out=np.full(len(union), np.nan), where=union > 0)
    present = reference > 0
    return {
        "mean_iou": float(iou[present].mean()),
        "classes_present": int(present.sum()),
        "pixel_accuracy": float(shared.sum() / matrix.sum()),
        "images": images,
        "per_class": {
            label: {
                "iou": float(iou[k]) if union[k] else None,
                "reference_share": float(reference[k] / reference.sum()),
                "reference_pixels": int(reference[k]),
                "predicted_pixels": int(predicted[k]),
            }
            for k, label in enumerate(LABELS)
        },
    }
