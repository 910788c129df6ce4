"""CSV files as people have them: Excel's, with its byte-order mark and other separators."""

import codecs
import csv
import io
import os

from psfr_tf.errors import UserError
from psfr_tf.files import read_bounded

MAX_BYTES = 2**28

_SEPARATORS = ",;\t"  # Excel writes the second where the comma is the decimal point
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of a CSV file with a line of titles, by title; a missing cell is None.

    UTF-8 with or without a byte-order mark, or UTF-16 with one; the separator is that of the
    titles.

    Raises:
        UserError: it cannot be read, or is no such file.
    """
    try:
        content = read_bounded(path, MAX_BYTES)
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
        separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
        reader.fieldnames = [title.strip() for title in reader.fieldnames or ()]
        return list(reader)
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot read the manifest ({reason})") from error
