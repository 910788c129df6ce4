"""Pictures as every part of the project takes them: found in folders, brought to size, scaled."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError, cause
from psfr_tf.picture_file import SUFFIXES

# Of pictures equal to the last bit, which have no finite one, and JSON no infinity.
MAX_PSNR_DB = 150.0


def pictures_in(
    folder: Path, suffixes: Collection[str] = SUFFIXES, subfolders: bool = False
) -> list[Path]:
    """Pictures directly in a folder, sorted by name.

    Hidden files are left out. What only looks like a picture (a pipe, a link to nothing) is listed:
    whoever opens it says why it cannot be read.

    Args:
        suffixes: of the names of pictures, lower case.
        subfolders: search the visible subfolders if the folder holds no picture (FFHQ's 00000/,
            01000/, ...).

    Raises:
        UserError: there is no such folder, or it cannot be listed.
    """
    if not os.path.isdir(folder):
        raise UserError(f"{folder}: no such folder")
    try:
        found, others = _split(folder, suffixes)
        if subfolders and not found:
            found = [path for other in others for path in _split(other, suffixes)[0]]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot list the folder ({cause(error)})") from error
    return found


def _split(folder: Path, suffixes: Collection[str]) -> tuple[list[Path], list[Path]]:
    """The pictures and the subfolders of a folder."""
    visible = [folder / name for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    # Path.is_dir raises where the path cannot be followed; reading the picture says it better.
    folders = [path for path in visible if os.path.isdir(path)]
    named = [path for path in visible if path.suffix.lower() in suffixes]
    return [path for path in named if not os.path.isdir(path)], folders


def find_photos(inputs: Iterable[str | os.PathLike]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Photos that a person names: a file is taken whatever its name, a folder stands for the
    pictures directly inside it. A file that is named twice is taken once.

    Returns:
        The photos, and (folder, error line) for each folder that cannot be listed or holds no
        picture.
    """
    photos: dict[str, Path] = {}
    problems = []
    for item in map(Path, inputs):
        found = [item]
        if os.path.isdir(item):
            try:
                found = _some(item, pictures_in(item))
            except UserError as error:
                problems.append((item, str(error)))
                continue
        for path in found:
            photos.setdefault(os.path.realpath(path), path)
    return list(photos.values()), problems


def subfolders_of(folder: Path, without: Path) -> list[Path]:
    """All visible subfolders at any depth, sorted; links to folders are not followed.

    Args:
        without: a folder that is left out with all that is in it, such as that of the results.
    """
    found = []
    left_out = os.path.realpath(without)
    for parent, names, _ in os.walk(folder):
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".")
            and not os.path.islink(os.path.join(parent, name))
            and os.path.realpath(os.path.join(parent, name)) != left_out
        )
        found += [Path(parent, name) for name in names]
    return sorted(found)


def pictures_by_name(
    *folders: Path, suffixes: Collection[str] = SUFFIXES, subfolders: bool = False
) -> tuple[dict[str, Path], dict[Path, str]]:
    """Pictures of folders by name without suffix, see `pictures_in`.

    Returns:
        The pictures, and the reason why a picture is left out: an earlier one has its name.

    Raises:
        UserError: there is no such folder, it cannot be listed, or it holds no picture.
    """
    pictures: dict[str, Path] = {}
    left_out = {}
    for folder in folders:
        for path in _some(folder, pictures_in(folder, suffixes, subfolders), suffixes):
            first = pictures.setdefault(path.stem, path)
            if first != path:
                other = first.name if first.parent == path.parent else first
                left_out[path] = f"skipped, {other} has the same name"
    return pictures, left_out


def _some(folder: Path, pictures: list[Path], suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    if not pictures:
        kinds = "" if suffixes is SUFFIXES else f"{', '.join(suffixes)} "
        raise UserError(f"{folder}: no {kinds}pictures in this folder")
    return pictures


def size_text(picture: np.ndarray) -> str:
    """ "640x480" for a picture [480, 640, ...]."""
    height, width = picture.shape[:2]
    return f"{width}x{height}"


def resize_face(face: np.ndarray, size: int) -> np.ndarray:
    """[H, W] or [H, W, C], uint8 or float, to [size, size, ...] of the same type: area average
    when smaller, cubic when larger (a = -0.75, which may overshoot in floats)."""
    if face.shape[:2] == (size, size):
        return face
    import cv2

    reduces = max(face.shape[:2]) > size
    method = cv2.INTER_AREA if reduces else cv2.INTER_CUBIC
    return cv2.resize(face, (size, size), interpolation=method)


def normalize(levels):
    """Levels 0..255 to [-1, 1], the range of the networks.

    Args:
        levels: array of any type, which becomes float32; or a float tensor, which keeps its type.
    """
    if isinstance(levels, np.ndarray):
        levels = levels.astype(np.float32)
    return levels / 127.5 - 1.0


def denormalize(images):
    """[-1, 1] to levels 0..255, float array or tensor; neither rounded nor clipped."""
    return (images + 1.0) * 127.5


def to_uint8(levels: np.ndarray) -> np.ndarray:
    """Levels rounded and clipped to uint8."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def psnr_db(mean_squared_error: float, peak: float = 2.0) -> float:
    """PSNR of pictures in [-1, 1] or of another range, at most `MAX_PSNR_DB`; 0 if the error is no
    finite number."""
    if not np.isfinite(mean_squared_error):  # of NaN, `min` and `max` would make the best
        return 0.0
    return float(min(MAX_PSNR_DB, 10 * np.log10(peak**2 / max(mean_squared_error, 1e-30))))
