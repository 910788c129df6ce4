"""What an unfinished evaluation has measured, on disk, so that it can go on after a kill."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.files import write_json

RECORDS = "records.bin"
SETTINGS = "settings.json"
# Ends every record: a file system may leave zeros where a record was not written any more.
_END = 0x50534652


class EvaluationState:
    """A file with a record of numbers for each image.

    When the state is opened again, records that are not whole are cut off.

    Args:
        folder: made if absent.
        settings: JSON-ready; a folder begun with other settings is refused.
        fields: arrays of numbers in a record, by name: (shape, dtype).

    Attributes:
        places: of the images measured so far in the list of all, in order.

    Raises:
        UserError: if the folder holds an evaluation with other settings.
        OSError: if it cannot be read or written.
    """

    def __init__(
        self, folder: Path, settings: Mapping, fields: Mapping[str, tuple[tuple[int, ...], type]]
    ):
        self._folder, self._path = folder, folder / RECORDS
        own = [(name, kind, shape) for name, (shape, kind) in fields.items()]
        self._record = np.dtype([("place", np.int32), *own, ("end", np.uint32)])
        folder.mkdir(parents=True, exist_ok=True)
        self._check_settings(json.loads(json.dumps(settings)))
        self._path.touch()
        whole = self.records()["end"] == _END
        count = len(whole) if whole.all() else int(whole.argmin())
        with open(self._path, "r+b") as file:
            file.truncate(count * self._record.itemsize)
        self.places = self.records()["place"].tolist()

    def append(self, place: int, numbers: Mapping[str, np.ndarray]) -> None:
        """Adds one image: its place in the list of all, and its fields."""
        record = np.zeros(1, self._record)
        record["place"], record["end"] = place, _END
        for name, values in numbers.items():
            record[name] = values
        with open(self._path, "ab") as file:
            file.write(record.tobytes())
        self.places.append(place)

    def records(self) -> np.ndarray:
        """All records, [images], read from disk when they are used."""
        count = self._path.stat().st_size // self._record.itemsize
        if not count:
            return np.empty(0, self._record)
        return np.memmap(self._path, self._record, "r", shape=(count,))

    def remove(self) -> None:
        """Deletes the folder, once the results are written elsewhere."""
        for path in (self._path, self._folder / SETTINGS):
            path.unlink(missing_ok=True)
        if not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _check_settings(self, settings: dict) -> None:
        path = self._folder / SETTINGS
        if not path.is_file():
            write_json(path, settings)
            return
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: damaged; delete {self._folder} to start again") from error
        if begun != settings:
            other = [key for key in {**begun, **settings} if begun.get(key) != settings.get(key)]
            raise UserError(
                f"{self._folder}: an unfinished evaluation with other settings "
                f"({', '.join(other)}); finish it, delete it or choose another --output"
            )
