"""A page in one HTML file: no other file, no request, whatever the results say."""

import base64
import hashlib
import io
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from psfr_tf.report.charts import STYLE

_SKELETON = Path(__file__).with_name("page.html")
_QUALITY = 72  # of WebP


def page(title: str, body: str, script: str = "") -> str:
    """The document, for light and dark screens.

    Args:
        title: text.
        body: HTML in which every text from outside is escaped.
        script: JavaScript; no other may run.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "title": escape(title),
        "scripts": f"'sha256-{digest}'" if script else "'none'",
        "style": STYLE,
        "body": body,
        "script": f"<script>{script}</script>" if script else "",
    }
    return Template(_SKELETON.read_text(encoding="utf-8")).substitute(values)


def picture_uri(picture: np.ndarray, longest: int) -> str:
    """uint8 RGB [H, W, 3] as the address of an `img`: WebP, reduced to `longest` pixels a side."""
    image = Image.fromarray(picture)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, format="WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()
