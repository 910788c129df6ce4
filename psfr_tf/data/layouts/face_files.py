"""The files of one face, and the list of the faces of a data set."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from psfr_tf.data.face_error import WRONG_SIZE, FaceError
from psfr_tf.data.face_folder import square_side


@dataclasses.dataclass(frozen=True)
class FaceFiles:
    """Where one face is.

    Attributes:
        name: unique within the data set.
        split: "train", "val" or any other name.
        image: the picture.
        mask: a parsing map; or one file for each part, by label; or None.
    """

    name: str
    split: str
    image: Path
    mask: Path | dict[str, Path] | None = None


@dataclasses.dataclass
class FaceList:
    """The faces of a data set, whether they can be used or not.

    Attributes:
        faces: every face that has a picture, in the order of the data set.
        faults: (name, what is wrong) of faces that cannot be used.
        has_masks: whether faces without a parsing map are at fault.
        equal_sizes: whether all pictures of this data set have one size.
    """

    faces: list[FaceFiles]
    faults: list[tuple[str, FaceError]]
    has_masks: bool
    equal_sizes: bool = True

    def check_headers(self, min_size: int = 0, progress=iter) -> None:
        """Add what the heads of the picture files show: no picture, truncated, wrong size.

        Args:
            min_size: a smaller picture is at fault: enlarged, it would be no sharp face.
            progress: wraps the list of faces, for example in a progress bar.
        """
        sizes = {}
        for face in progress(self.faces):
            try:
                sizes[face.name] = square_side(face.image)
            except FaceError as error:
                self.faults.append((face.name, error))
        usual = Counter(sizes.values()).most_common(1)[0][0] if sizes else 0
        for face in self.faces:
            side = sizes.get(face.name)
            if side is None:
                continue
            if side < min_size:
                reason = f"{side}x{side} pixels, smaller than the size wanted, {min_size}"
            elif self.equal_sizes and side != usual:
                reason = f"{side}x{side} pixels, the others have {usual}x{usual}"
            else:
                continue
            self.faults.append((face.name, FaceError(WRONG_SIZE, face.image, reason)))
