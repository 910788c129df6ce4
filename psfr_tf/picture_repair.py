"""Picture files that a viewer still shows: damaged metadata, or a JPEG whose end is missing."""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

_SOF0, _SOF15, _SOS, _EOI, _COM = 0xC0, 0xCF, 0xDA, 0xD9, 0xFE
_NOT_SOF = (0xC4, 0xC8, 0xCC)  # DHT, JPG, DAC lie among the SOF markers
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF

# In entropy-coded data 0xFF is followed by 0 or is a restart marker; anything else is a marker.
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
# Stand for the data that are missing; without 0xFF, so that they hold no marker.
_FILLERS = [
    bytes((step * i + start) % 251 for i in range(4096)) for start, step in ((11, 73), (250, 178))
]
_END = b"\xff\xd9"

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


@dataclass(frozen=True)
class JpegStructure:
    """What the markers of a JPEG file say.

    Attributes:
        scans: number of scans.
        progressive: whether each scan refines the one before.
        ends: whether the file has its end marker.
        all_begun: whether there is a scan for every coefficient of every component.
        block_rows: pixel rows that one row of blocks covers.
    """

    scans: int
    progressive: bool
    ends: bool
    all_begun: bool
    block_rows: int


def jpeg_structure(data: bytes) -> JpegStructure:
    """Walk over the markers of the first picture in a JPEG file; nothing is decoded."""
    scans, progressive, ends, block_rows = 0, False, False, 8
    components: set[int] = set()
    direct: set[int] = set()  # components whose mean is complete
    detail: dict[int, int] = {}  # highest complete coefficient
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker == _EOI:
            ends = True
        elif _SOF0 <= marker <= _SOF15 and marker not in _NOT_SOF and len(body) >= 6:
            progressive = marker in _PROGRESSIVE
            table = body[6 : 6 + 3 * body[5]]
            components = set(table[0::3])
            block_rows = 8 * max((factor & 15 for factor in table[1::3]), default=1)
        elif marker == _SOS and body:
            scans += 1
            count = body[0]
            if len(body) < 2 * count + 4:
                continue
            first, last, precision = body[2 * count + 1 : 2 * count + 4]
            for component in body[1 : 2 * count + 1 : 2] if precision & 15 == 0 else ():
                if first == 0:
                    direct.add(component)
                detail[component] = max(detail.get(component, 0), last)
    whole = all(component in direct and detail.get(component) == 63 for component in components)
    return JpegStructure(scans, progressive, ends, bool(components) and whole, block_rows)


def complete_jpeg(
    data: bytes, structure: JpegStructure, decode: Callable[[bytes], np.ndarray]
) -> tuple[bytes, int]:
    """Give a JPEG that has lost its end an end, if every row of pixels is there.

    What is missing is told by decoding the file with nothing and with other bytes in its place:
    rows that differ were not in the file.

    Args:
        decode: makes an array [H, ...] of a file.

    Returns:
        The file with an end, and the number of rows at the bottom that are incomplete: less than
        a row of blocks.

    Raises:
        ValueError: more is missing.
    """
    begun = data[:-1] if data.endswith(b"\xff") else data
    if not structure.all_begun:
        raise ValueError("the file is truncated")
    pixels = decode(begun + _END)
    missing = 0
    for filler in _FILLERS:
        others = decode(begun + filler + _END)
        differs = np.flatnonzero((pixels != others).reshape(len(pixels), -1).any(axis=1))
        missing = max(missing, len(pixels) - int(differs[0]) if len(differs) else 0)
    # Enlarged color reaches one row into the blocks above.
    if missing > structure.block_rows + 1:
        kept = len(pixels) - missing
        raise ValueError(f"the file is truncated: {kept} of {len(pixels)} rows are there")
    return begun + _END, missing


def without_metadata(data: bytes) -> Iterator[bytes]:
    """A JPEG or PNG file without metadata that may be damaged: first keeping what matters to the
    pixels (orientation, color profile), then only the pixels. Nothing for other files."""
    if data.startswith(_PNG_START):
        yield _png_of(data, (*_PNG_PIXELS, b"tRNS", b"iCCP", b"eXIf"))
        yield _png_of(data, (*_PNG_PIXELS, b"tRNS"))
        yield _png_of(data, _PNG_PIXELS)
    elif data.startswith(b"\xff\xd8\xff"):
        # Adobe's segment says how colors are coded; the profile's needs its numbering.
        yield _jpeg_of(data, {_APP1: 0, _APP2: 20, _APP14: 14})
        yield _jpeg_of(data, {_APP14: 14})


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the end of the first picture."""
    position = 2
    while position + 2 <= len(data):
        if data[position] != 0xFF or data[position + 1] in (0x00, 0xFF):
            position += 1
            continue
        marker = data[position + 1]
        if marker == _EOI:
            yield marker, position, position + 2
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7 or position + 4 > len(data):
            position += 2
            continue
        end = position + 2 + max(2, struct.unpack_from(">H", data, position + 2)[0])
        yield marker, position, end
        position = end
        if marker == _SOS:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                return
            position = found.end() - 2


def _jpeg_of(data: bytes, kept: dict[int, int]) -> bytes:
    """The file without comments and application segments but `kept`: least length by marker."""
    parts, position = [data[:2]], 2
    for marker, start, end in _segments(data):
        if marker in (_SOS, _EOI):
            break
        application = _APP0 <= marker <= _APP15 or marker == _COM
        if not application or (marker in kept and end - start >= kept[marker] + 2):
            parts.append(data[start:end])
        position = end
    return b"".join([*parts, data[position:]])


def _png_of(data: bytes, kept: tuple[bytes, ...]) -> bytes:
    """The file with the chunks `kept` only."""
    parts, position = [_PNG_START], len(_PNG_START)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if name in kept:
            parts.append(data[position:end])
        position = end
    return b"".join(parts)
