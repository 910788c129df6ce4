"""NumPy's `.npz` archives that may come from anywhere."""

import os
import zipfile

import numpy as np

from psfr_tf import files


def read_arrays(path: str | os.PathLike, names: tuple[str, ...], most: int) -> dict:
    """Some arrays of an archive, as far as they are there. Their heads are read first: a few bytes
    can announce terabytes.

    Args:
        names: of the arrays.
        most: numbers that an array may have.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no archive of plain numbers, or an array is larger.
    """
    files.check_regular(path)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.namelist()
            for name in names:
                if f"{name}.npy" not in inside:
                    continue
                with archive.open(f"{name}.npy") as file:
                    version = np.lib.format.read_magic(file)
                    if version == (1, 0):
                        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                    else:
                        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
                if dtype.kind not in "biuf" or any(n > most for n in shape):
                    raise ValueError(f"{name}: {dtype} {shape}")
                if np.prod(np.array(shape, object)) > most:
                    raise ValueError(f"{name}: {shape}")
                with archive.open(f"{name}.npy") as file:
                    arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise many types for a damaged file
        raise ValueError(" ".join(str(error).split())) from None
    return arrays
