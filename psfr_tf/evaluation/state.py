"""What an unfinished evaluation has measured, on disk, so that it can go on after a kill."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError
from psfr_tf.files import write_json

TABLE = "per_image.csv"
SETTINGS = "settings.json"


class EvaluationState:
    """A CSV table with a row per image, and files with a block of numbers per image beside it.

    The table decides: an image is measured when its line is complete. When the state is opened
    again, a damaged last line is dropped, and lines and blocks are cut to what both have.

    Args:
        folder: made if absent.
        settings: JSON-ready; a folder begun with other settings is refused.
        columns: of the table, after the name.
        blocks: numbers per image in each block file, by name: (how many, dtype).

    Attributes:
        names: images measured so far, in order.
        table: path of the table.

    Raises:
        UserError: if the folder holds an evaluation with other settings.
        OSError: if it cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping,
        columns: Sequence[str],
        blocks: Mapping[str, tuple[int, type]],
    ):
        self._folder, self._columns, self._blocks = folder, list(columns), dict(blocks)
        self.table = folder / TABLE
        folder.mkdir(parents=True, exist_ok=True)
        self._check_settings(json.loads(json.dumps(settings)))
        header = (",".join(["name", *self._columns]) + "\r\n").encode()
        self.table.touch()
        with open(self.table, "rb") as file:
            begun = file.read(len(header)) == header
        if not begun:
            self.table.write_bytes(header)
        self.names, ends = [], [len(header)]
        for name, end in self._complete_lines(ends[0]):
            self.names.append(name)
            ends.append(end)
        rows = len(self.names)
        for name in self._blocks:
            self._block_path(name).touch()
            rows = min(rows, self._block_path(name).stat().st_size // self._block_bytes(name))
        del self.names[rows:]
        _truncate(self.table, ends[rows])
        for name in self._blocks:
            _truncate(self._block_path(name), rows * self._block_bytes(name))

    def append(self, name: str, values: Sequence[float], blocks: Mapping[str, np.ndarray]) -> None:
        """Adds one image: a value for each column, and its numbers in each block file."""
        for block, (count, dtype) in self._blocks.items():
            numbers = np.asarray(blocks[block], dtype).reshape(count)
            with open(self._block_path(block), "ab") as file:
                file.write(numbers.tobytes())
        with open(self.table, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([name, *map(_cell, values)])
        self.names.append(name)

    def values(self) -> np.ndarray:
        """float64 [images, columns]; NaN where a value is not defined."""
        with open(self.table, newline="", encoding="utf-8") as file:
            _, *lines = csv.reader(file)
        values = [[float(cell) if cell else math.nan for cell in cells] for _, *cells in lines]
        return np.array(values, np.float64).reshape(len(values), len(self._columns))

    def block(self, name: str, images: int = 64) -> Iterator[np.ndarray]:
        """The numbers of a block file, [N, count], up to `images` images at a time."""
        count, dtype = self._blocks[name]
        with open(self._block_path(name), "rb") as file:
            while data := file.read(images * self._block_bytes(name)):
                yield np.frombuffer(data, dtype).reshape(-1, count)

    def remove(self) -> None:
        """Deletes the folder, once the results are written elsewhere."""
        for path in (self.table, self._folder / SETTINGS, *map(self._block_path, self._blocks)):
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

    def _complete_lines(self, start: int) -> Iterator[tuple[str, int]]:
        """Name of each line that is complete, and the place in the file where it ends."""
        end = start
        with open(self.table, "rb") as file:
            file.seek(start)
            for line in file:
                end += len(line)
                try:
                    (cells,) = csv.reader([line.decode("utf-8")])
                    numbers = [float(cell) for cell in cells[1:] if cell]
                except (ValueError, csv.Error):
                    return
                whole = line.endswith(b"\r\n") and len(cells) == len(self._columns) + 1
                if not whole or any(math.isnan(number) for number in numbers):
                    return
                yield cells[0], end

    def _block_path(self, name: str) -> Path:
        return self._folder / f"{name}.bin"

    def _block_bytes(self, name: str) -> int:
        count, dtype = self._blocks[name]
        return count * np.dtype(dtype).itemsize


def _cell(value: float) -> str:
    """Empty where the value is not defined, `inf` for an infinite PSNR."""
    return "" if math.isnan(value) else f"{value:.10g}"


def _truncate(path: Path, length: int) -> None:
    with open(path, "r+b") as file:
        file.truncate(length)
