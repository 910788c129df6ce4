"""What makes a restored face of a degraded one: models, baselines, folders of results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from psfr_tf.data.parsing_map import read_mask
from psfr_tf.errors import UserError
from psfr_tf.evaluation.faces import FolderFaces, ResultFolder
from psfr_tf.metrics.face_region import Parser
from psfr_tf.pictures import normalize, resize_face, to_uint8

if TYPE_CHECKING:
    from psfr_tf.evaluation.degraded import DegradedFaces


class System(Protocol):
    """One column of a table."""

    def restore(
        self, name: str, lq: np.ndarray | None, reference: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Restored picture of one face, and the label map predicted from it if there is one.

        Args:
            name: of the face.
            lq: degraded face, uint8 RGB [S, S, 3]; None if there are only results.
            reference: the original, for its size only.

        Raises:
            UserError: with one line, if there is no result.
        """
        ...


class BicubicInput:
    """The degraded face as it is: enlarged bicubically to the size of the original."""

    def restore(self, name, lq, reference):
        return _needed(name, lq), None


class NonLocalMeansUnsharp:
    """OpenCV's fast non-local means, then an unsharp mask: what one does without a network.

    Buades, Coll and Morel, "Non-Local Means Denoising", IPOL 2011, with OpenCV's default windows
    (7, 21). The strengths were chosen by PSNR and SSIM on the project's validation faces.
    """

    STRENGTH, COLOR_STRENGTH = 10.0, 10.0  # gray levels
    RADIUS, AMOUNT = 2.0, 0.3  # sigma in pixels for a face of 256; share of the detail added
    SIDE = 256

    def restore(self, name, lq, reference):
        lq = _needed(name, lq)
        # OpenCV takes BGR: only the conversion to brightness and color depends on it.
        smooth = cv2.fastNlMeansDenoisingColored(
            lq[..., ::-1].copy(), None, self.STRENGTH, self.COLOR_STRENGTH
        )[..., ::-1].astype(np.float32)
        sigma = self.RADIUS * lq.shape[0] / self.SIDE
        detail = smooth - cv2.GaussianBlur(smooth, (0, 0), sigma)
        return to_uint8(smooth + self.AMOUNT * detail), None


BASELINES: dict[str, type[System]] = {"bicubic": BicubicInput, "nlm_unsharp": NonLocalMeansUnsharp}


class Model:
    """A model, such as a `psfr_tf.FaceRestorer`, on aligned faces: nothing is detected, aligned or
    pasted back.

    Where the faces compared have another size than the model's, they are resized to it, and its
    result is resized back (averaged when it gets smaller, bicubic when larger).
    """

    def __init__(self, restorer):
        self.restorer = restorer

    def restore(self, name, lq, reference):
        restored, labels = self.restorer.restore_and_parse(_needed(name, lq)[None])
        side = reference.shape[0]
        if side == self.restorer.size:
            return restored[0], labels[0]
        picture = resize_face(restored[0], side)
        return picture, cv2.resize(labels[0], (side, side), interpolation=cv2.INTER_NEAREST_EXACT)


@dataclass(frozen=True)
class Sample:
    """One image of an evaluation.

    Attributes:
        name: file name without its suffix.
        reference: the undamaged picture, uint8 RGB [H, W, 3].
        versions: pictures compared with the reference, by name, of the same shape and type.
        parsing: label maps [H, W] that models predicted from the input, by version.
        reference_parsing: label map [H, W] to agree with, or None.
    """

    name: str
    reference: np.ndarray
    versions: dict[str, np.ndarray]
    parsing: dict[str, np.ndarray] = field(default_factory=dict)
    reference_parsing: np.ndarray | None = None


class ComparedFaces:
    """Faces and what several systems make of them: the samples of `psfr evaluate`.

    What a network reads and what it makes are compared as 8-bit pictures, as if both had been
    saved as PNG files.

    Args:
        faces: degraded faces and their originals.
        systems: by the name that tables give them, in the order of their columns.
        masks: folder with a label map NAME.png for every face; None measures no parsing.

    Attributes:
        systems: as given.
        names: name of each sample.
        versions: names of the versions that every sample has.
        parsed: those of them whose samples have a parsing, to be compared with the reference's.
        problems: one line for each input that is left out.
    """

    def __init__(
        self,
        faces: "FolderFaces | DegradedFaces",
        systems: Mapping[str, System],
        masks: Path | None = None,
    ):
        self._faces, self.systems, self._masks = faces, systems, masks
        self.names, self.versions = faces.names, tuple(systems)
        models = [name for name, system in systems.items() if isinstance(system, Model)]
        self.parsed = tuple(models) if masks else ()
        self.problems = list(faces.problems)
        known = set(faces.names)
        for system in systems.values():
            if isinstance(system, ResultFolder):
                system.match(faces.names)
                self.problems += system.problems
                self.problems += [
                    f"{path}: no original of this name"
                    for name, path in system.pictures.items()
                    if name not in known
                ]

    def original(self, index: int) -> np.ndarray:
        """The undamaged picture of one face alone, uint8 RGB.

        Raises:
            UserError: if it cannot be read.
        """
        return self._faces.load(index)[1]

    def load(self, index: int) -> Sample:
        """Degrades and restores one face.

        Raises:
            UserError: if a picture or the parsing map cannot be used.
        """
        lq, reference = self._faces.load(index)
        name = self.names[index]
        expected = None
        if self.parsed and self._masks:
            expected = read_mask(self._masks / f"{name}.png", reference.shape[0])
        versions, parsing = {}, {}
        for version, system in self.systems.items():
            versions[version], labels = system.restore(name, lq, reference)
            if labels is not None and version in self.parsed:
                parsing[version] = labels
        return Sample(name, reference, versions, parsing, expected)


def load_parser(weights: str | Path) -> Parser:
    """The parsing network of a model, for pictures of any size.

    Raises:
        UserError: if there is no such model.
    """
    from psfr_tf.model_folder import load_model_folder

    network = load_model_folder(weights).parsing_network

    def parse(picture: np.ndarray) -> np.ndarray:
        face = normalize(resize_face(picture, network.image_size))
        labels = network.predict_on_batch(face[None])["logits"][0].argmax(axis=-1).astype(np.uint8)
        size = (picture.shape[1], picture.shape[0])
        return cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)

    return parse


def _needed(name: str, lq: np.ndarray | None) -> np.ndarray:
    if lq is None:
        raise UserError(f"{name}: no degraded face; give their folder")
    return lq
