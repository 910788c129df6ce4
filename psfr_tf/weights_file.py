"""Keras weights files (`.weights.h5`) that may come from anywhere.

HDF5 can say that a dataset has a size of terabytes, lies in another file, or is read by a filter.
Keras reads what it is told. So a file is looked through first: only plain numbers inside it, no
more than the network has, each of them finite.
"""

from pathlib import Path

import keras
import numpy as np

from psfr_tf.errors import UserError, cause
from psfr_tf.file_kind import disguise_of
from psfr_tf.files import check_regular

# Groups, datasets and links of a file; our largest has 700.
MAX_OBJECTS = 20_000


class DamagedWeights(ValueError):
    """The reason, in one line."""


def load_weights(network: keras.Model, path: str | Path, what: str) -> None:
    """Put a file's weights into a network.

    Args:
        network: its weights are undefined after an error.
        path: a `.weights.h5` file.
        what: such as "the generator network of model/config.json", for the message.

    Raises:
        UserError: it is damaged, of another network, or holds values that are not finite.
    """
    try:
        check_file(Path(path), network.count_params())
        network.load_weights(path)
        _check_finite(network)
    # A damaged file makes h5py and Keras raise nearly every kind.
    except Exception as error:
        disguise = disguise_of(path)
        if disguise:
            raise UserError(f"{path}: {disguise}") from None
        raise UserError(f"{path}: cannot be loaded as {what}: {cause(error)}") from error


def check_file(path: Path, weights: int) -> None:
    """Look through an HDF5 file before anything in it is read.

    Args:
        weights: most numbers that it may hold.

    Raises:
        DamagedWeights: it holds more, or something else than plain numbers.
        OSError: it cannot be read, or is no HDF5 file.
    """
    import h5py

    check_regular(path)

    numbers = objects = 0

    def fault(name: str, link) -> str | None:
        nonlocal numbers, objects
        objects += 1
        if objects > MAX_OBJECTS:
            return f"more than {MAX_OBJECTS} entries"
        if not isinstance(link, h5py.HardLink):
            return f"{name!r} is a link to elsewhere"
        item = file[name]
        if not isinstance(item, h5py.Dataset):
            return None
        if item.is_virtual or item.external:
            return f"{name!r} lies in another file"
        if item.dtype.kind not in "biuf" or item.shape is None:
            return f"{name!r} holds no numbers"
        numbers += item.size
        return f"more numbers than the {weights} of the network" if numbers > weights else None

    with h5py.File(path, "r") as file:
        # An error must not be raised through HDF5; what is returned ends the walk.
        found = file.visititems_links(fault)
    if found:
        raise DamagedWeights(found)


def _check_finite(network: keras.Model) -> None:
    for variable in network.variables:
        value = keras.ops.convert_to_numpy(variable)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DamagedWeights(f"{variable.path} holds values that are not finite")
