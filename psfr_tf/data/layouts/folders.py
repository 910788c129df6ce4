"""FFHQ and any other folder of aligned faces, with parsing maps in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from psfr_tf.data.face_error import MISSING_MASK, MISSING_PICTURE, FaceError
from psfr_tf.data.face_folder import pictures_by_name, read_manifest
from psfr_tf.data.layouts.celebamask_hq import IMAGES as CELEBA_IMAGES
from psfr_tf.data.layouts.face_files import FaceFiles, FaceList
from psfr_tf.errors import UserError
from psfr_tf.picture_file import SUFFIXES

FFHQ_IMAGES = ("images1024x1024", "thumbnails128x128")
FFHQ_TRAIN = 60000  # the first 60,000 pictures are for training, the last 10,000 for validation


def ffhq(root: Path, masks: Path | None = None, manifest: Path | None = None) -> FaceList:
    """FFHQ: `images1024x1024/00000/00000.png` as NVIDIA ships it, or flat.

    Without a manifest the split is NVIDIA's (README of NVlabs/ffhq-dataset): numbers below 60000
    are "train", the others "val".

    Args:
        root: folder that holds `images1024x1024` or `thumbnails128x128`, or such a folder itself.
        masks: folder of parsing maps `00000.png`, with or without sub-folders.
        manifest: CSV file with the columns name and split.

    Raises:
        UserError: the folder does not look like FFHQ, or another path cannot be used.
    """
    for name in FFHQ_IMAGES:
        if (root / name).is_dir():
            root = root / name
            break
    pictures, faults = pictures_by_name(root, SUFFIXES)
    if not any(_is_ffhq_name(name) for name in pictures):
        raise UserError(
            f"{root}: not FFHQ: no pictures 00000.png, 00001.png, ... here or in sub-folders "
            "00000, 01000, ...; for other faces use the layout folder"
        )

    def split(name: str) -> str:
        return "train" if not _is_ffhq_name(name) or int(name) < FFHQ_TRAIN else "val"

    splits = (
        {name: split(name) for name in pictures} if manifest is None else read_manifest(manifest)
    )
    return _faces(pictures, faults, masks, splits, equal_sizes=True)


def plain_folder(root: Path, masks: Path | None = None, manifest: Path | None = None) -> FaceList:
    """Any folder of aligned faces.

    Args:
        root: folder of pictures, or one that holds `images/` and, if need be, `masks/` and
            `manifest.csv`.
        masks: folder of parsing maps NAME.png; None takes `root/masks`, if it is there.
        manifest: CSV file with the columns name and split: which faces to take and their split.
            None takes `root/manifest.csv`, if it is there; without one all faces are "train".

    Raises:
        UserError: a folder or the manifest cannot be used.
    """
    layouts = dict.fromkeys(FFHQ_IMAGES, "ffhq") | {CELEBA_IMAGES: "celebamask-hq"}
    for name, layout in layouts.items():
        if (root / name).is_dir():
            raise UserError(f"{root}: {name}/ is of another layout: psfr prepare {layout} {root}")
    images = root
    if (root / "images").is_dir():
        images = root / "images"
        masks = masks or _if_there(root / "masks")
        manifest = manifest or _if_there(root / "manifest.csv")
    pictures, faults = pictures_by_name(images, SUFFIXES)
    if not pictures:
        raise UserError(f"{images}: no pictures in this folder")
    splits = (
        dict.fromkeys(sorted(pictures), "train") if manifest is None else read_manifest(manifest)
    )
    return _faces(pictures, faults, masks, splits, equal_sizes=False)


def _faces(
    pictures: dict[str, Path],
    faults: list[tuple[str, FaceError]],
    masks: Path | None,
    splits: dict[str, str],
    equal_sizes: bool,
) -> FaceList:
    maps = pictures_by_name(masks, SUFFIXES)[0] if masks else {}
    if masks and not maps:
        raise UserError(f"{masks}: no parsing maps (NAME.png) in this folder")
    faces = []
    for name, split in splits.items():
        if name not in pictures:
            reason = "in the manifest, but there is no picture of this name"
            faults.append((name, FaceError(MISSING_PICTURE, name, reason)))
            continue
        faces.append(FaceFiles(name, split, pictures[name], maps.get(name)))
        if masks and name not in maps:
            reason = f"no parsing map {name}.png in {masks}"
            faults.append((name, FaceError(MISSING_MASK, pictures[name], reason)))
    return FaceList(faces, faults, masks is not None, equal_sizes)


def _is_ffhq_name(name: str) -> bool:
    return len(name) == 5 and name.isascii() and name.isdigit()


def _if_there(path: Path) -> Path | None:
    return path if path.exists() else None
