"""The zip archive that a `.pth` file is."""

import zipfile
from pathlib import Path

from psfr_tf.errors import UserError

# PyTorch stores without compression.
_MAX_GROWTH = 2
_SLACK_BYTES = 2**24


def check_archive(path: Path) -> None:
    """Refuse an archive whose contents are far larger than the file, before it is unpacked.

    A file that is no archive, or not there, is left to its reader.

    Raises:
        UserError: it is one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return
    if size > _MAX_GROWTH * path.stat().st_size + _SLACK_BYTES:
        raise UserError(
            f"{path}: refused, its {path.stat().st_size} bytes unpack to {size}; PyTorch does not "
            "compress checkpoints"
        )
