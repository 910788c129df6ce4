"""Horizontal bars side by side, a PNG picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from psfr_tf import files

_ROW, _NAMES, _BAR, _GAP, _TOP = 26, 130, 230, 90, 70


def write_bars(
    path: Path,
    title: str,
    names: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    panels: Sequence[tuple[str, Sequence[float]]],
) -> None:
    """Draw a panel of bars for each quantity.

    Args:
        path: of the PNG file.
        title: above the panels.
        names: of the rows, the same in all panels.
        colours: of the rows, RGB.
        panels: (quantity with its unit, one positive value for each row).
    """
    size = (_NAMES + len(panels) * (_BAR + _GAP), _TOP + _ROW * len(names) + 16)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    draw.text((12, 10), title, "black", ImageFont.load_default(18))
    for index, name in enumerate(names):
        draw.text((12, _TOP + index * _ROW), name, "black", font)
    for place, (quantity, values) in enumerate(panels):
        left = _NAMES + place * (_BAR + _GAP)
        draw.text((left, _TOP - _ROW), quantity, "black", font)
        for index, value in enumerate(values):
            top = _TOP + index * _ROW
            length = round(_BAR * value / max(values))
            draw.rectangle((left, top, left + length, top + _ROW - 9), colours[index])
            draw.text((left + length + 6, top), _short(value), "black", font)
    files.write_png(path, np.asarray(image))


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
