"""A picture of a few evaluated faces side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARGIN = 4  # pixels between cells
HEADER = 24  # height of the line of headings, in pixels


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """At most `wanted` indices of 0 .. count - 1, in order, from the first to the last."""
    if count <= wanted:
        return list(range(count))
    return np.linspace(0, count - 1, wanted).round().astype(int).tolist()


def draw_contact_sheet(rows: Sequence[Mapping[str, np.ndarray]], cell: int = 256) -> np.ndarray:
    """Draws one row per face and one headed column per picture of it.

    Args:
        rows: for each face its pictures by heading, uint8 RGB [H, W, 3]; the same headings in
            every row.
        cell: longest side of a cell in pixels; larger pictures are reduced, none is enlarged.

    Returns:
        uint8 RGB picture.

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError("A contact sheet needs at least one row. Received: none")
    headings = list(rows[0])
    cells = [[_fit(row[heading], cell) for heading in headings] for row in rows]
    width = max(picture.width for row in cells for picture in row)
    height = max(picture.height for row in cells for picture in row)
    sheet = Image.new(
        "RGB",
        (
            MARGIN + len(headings) * (width + MARGIN),
            HEADER + len(cells) * (height + MARGIN),
        ),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for column, heading in enumerate(headings):
        x = MARGIN + column * (width + MARGIN)
        draw.text((x + width / 2, HEADER / 2), heading, fill="black", font=font, anchor="mm")
        for row, pictures in enumerate(cells):
            sheet.paste(pictures[column], (x, HEADER + row * (height + MARGIN)))
    return np.asarray(sheet)


def _fit(picture: np.ndarray, cell: int) -> Image.Image:
    image = Image.fromarray(picture)
    scale = cell / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
