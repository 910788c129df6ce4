"""Intersection over union of face parsing maps."""

import numpy as np

from psfr_tf.labels import NUM_CLASSES


class ParsingIoU:
    """Confusion matrix of label maps, summed over any number of images.

    Pixels of all images go into one matrix; the intersection over union is computed from the sums
    (the convention of semantic segmentation benchmarks), not averaged over images. Rows are the
    reference's classes, columns the predicted ones.

    Args:
        num_classes: number of classes; labels are 0 .. num_classes - 1.

    Example:
        iou = ParsingIoU()
        iou.update(predicted, reference)
        iou.mean()
    """

    def __init__(self, num_classes: int = NUM_CLASSES):
        self.num_classes = num_classes
        self.matrix = np.zeros((num_classes, num_classes), dtype=np.int64)

    def update(self, predicted: np.ndarray, reference: np.ndarray) -> None:
        """Adds one image.

        Args:
            predicted: integer label map [H, W].
            reference: integer label map [H, W].

        Raises:
            ValueError: if the shapes differ or a label is out of range.
        """
        if predicted.shape != reference.shape:
            raise ValueError(
                "`predicted` and `reference` must have the same shape. "
                f"Received: {predicted.shape} and {reference.shape}"
            )
        for role, labels in (("predicted", predicted), ("reference", reference)):
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= self.num_classes:
                raise ValueError(
                    f"Labels of `{role}` must be in 0..{self.num_classes - 1}. "
                    f"Received labels from {low} to {high}"
                )
        pairs = reference.astype(np.int64).ravel() * self.num_classes + predicted.ravel()
        self.matrix += np.bincount(pairs, minlength=self.num_classes**2).reshape(self.matrix.shape)

    def present(self) -> np.ndarray:
        """Classes that occur in the reference maps, bool [num_classes]."""
        return self.matrix.sum(axis=1) > 0

    def per_class(self) -> np.ndarray:
        """Intersection over union of each class, float64 [num_classes] in [0, 1].

        NaN for a class that neither map ever holds; 0 for one that is only ever predicted.
        """
        intersection = np.diag(self.matrix).astype(np.float64)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - intersection
        result = np.full(self.num_classes, np.nan)
        np.divide(intersection, union, out=result, where=union > 0)
        return result

    def mean(self) -> float:
        """Mean over the classes present in the reference maps; NaN before the first image."""
        present = self.present()
        return float(self.per_class()[present].mean()) if present.any() else float("nan")

    def pixel_accuracy(self) -> float:
        """Share of pixels with the right label; NaN before the first image."""
        total = self.matrix.sum()
        return float(np.trace(self.matrix) / total) if total else float("nan")
