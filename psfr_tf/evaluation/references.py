"""What NIQE and FID compare with: given as a file, or made from pictures."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from psfr_tf.errors import UserError
from psfr_tf.evaluation.contact_sheet import evenly_spaced
from psfr_tf.evaluation.systems import ComparedFaces
from psfr_tf.metrics.fid import FID, FeatureStatistics, RunningStatistics
from psfr_tf.metrics.niqe import PUBLISHED_FILE, PristineModel
from psfr_tf.photo import read_photo
from psfr_tf.pictures import pictures_by_name

if TYPE_CHECKING:
    from psfr_tf.evaluation.degraded import SharpFaces

# As many as the authors' model was fitted to.
PRISTINE_IMAGES = 125


def pristine_model(
    given: Path | None,
    folder: Path,
    source: ComparedFaces,
    output: Path,
    split: "SharpFaces | None" = None,
) -> tuple[PristineModel, str]:
    """NIQE's model, and a sentence on where it comes from.

    Args:
        given: a .mat or .npz file, or a folder of undamaged pictures; None takes `split`, else the
            authors' file in `folder` if it is there, else the originals of `source`.
        folder: where the files of networks lie.
        source: whose originals are taken, at most 125, evenly spaced; its problems are added to.
        output: a model that was fitted is written here, to be given again.
        split: other undamaged faces, all of which are taken.

    Raises:
        UserError: if it can be neither read nor fitted.
    """
    if given is None and split is None and (folder / PUBLISHED_FILE).is_file():
        given = folder / PUBLISHED_FILE
    if given is not None and not given.is_dir():
        return PristineModel.load(given), f"NIQE uses the model in {given.name}."
    if given is not None:
        pictures, _ = pictures_by_name(given)
        paths = list(pictures.values())
        chosen = [paths[k] for k in evenly_spaced(len(paths), PRISTINE_IMAGES)]
        model = PristineModel.fit(_large_enough(read_photo(path).rgb for path in chosen))
        what = f"{len(chosen)} pictures of {given.name}"
    elif split is not None:
        indices: Sequence[int] = range(len(split.names))
        model = PristineModel.fit(_large_enough(_originals(split, indices, source.problems)))
        what = f"the {len(indices)} originals of the split {split.split}"
    else:
        indices = evenly_spaced(len(source.names), PRISTINE_IMAGES)
        # One that cannot be read is named when it is measured.
        model = PristineModel.fit(_large_enough(_originals(source, indices, [])))
        what = f"{len(indices)} originals of this evaluation"
    model.save(output / "niqe_pristine.npz")
    return model, (
        f"NIQE is measured against a model fitted to {what}, not against the published one "
        f"({PUBLISHED_FILE}): its values compare the columns of this table with each other only."
    )


def fid_reference(given: Path, fid: FID) -> FeatureStatistics:
    """Statistics to compute FID against, from a .npz file or from all pictures of a folder.

    Raises:
        UserError: if it is neither.
    """
    if not given.is_dir():
        return FeatureStatistics.load(given)
    pictures, _ = pictures_by_name(given)
    running = RunningStatistics()
    for path in tqdm(pictures.values(), desc="FID reference", unit="image", disable=None):
        running.update(fid.features([read_photo(path).rgb]))
    if running.images < 2:
        raise UserError(f"{given}: FID needs at least two reference pictures")
    return running.result()


def _originals(
    source: "ComparedFaces | SharpFaces", indices: Iterable[int], problems: list[str]
) -> Iterator[np.ndarray]:
    for index in tqdm(list(indices), desc="NIQE model", unit="image", disable=None):
        try:
            yield source.original(index)
        except UserError as error:
            problems.append(str(error))


def _large_enough(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pictures with at least one block."""
    from psfr_tf.metrics.natural_scene_statistics import BLOCK

    return (picture for picture in pictures if min(picture.shape[:2]) >= BLOCK)
