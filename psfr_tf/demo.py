"""`make demo`: damage a public-domain portrait, restore it, show both.

    python -m psfr_tf.demo --output demo

The last line printed is the path of the picture.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from psfr_tf.cli.quiet import silence_tensorflow
from psfr_tf.pictures import to_uint8

FILE_NAME = "astronaut_before_after.png"
PANEL = 512
_GAP = 12
_TITLE = 44
# Side of the region shown in the second row, in units of the face box's height.
_ZOOM = 1.7


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m psfr_tf.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR")
    parser.add_argument("--weights", default="psfr-mobile-256", metavar="NAME|DIR")
    args = parser.parse_args(argv)
    silence_tensorflow()

    from skimage import data

    from psfr_tf.cli.output_folder import make_folder
    from psfr_tf.files import write_png
    from psfr_tf.restorer import FaceRestorer

    original = data.astronaut()
    damaged = degrade_photo(original)
    print("Restoring the face in the damaged portrait ...")
    result = FaceRestorer.from_pretrained(args.weights).restore(damaged)
    if not result.faces:
        raise RuntimeError("No face was found in the damaged portrait.")
    picture = compose_picture(damaged, result, original)
    path = make_folder(args.output) / FILE_NAME
    write_png(path, picture)
    print(f"Your own photo: {Path(sys.executable).with_name('psfr')} restore PHOTO")
    print(path)
    return 0


def degrade_photo(photo: np.ndarray) -> np.ndarray:
    """Blur, halve, add noise, compress as JPEG, enlarge: the kernels of the training degradation.

    Args:
        photo: uint8 RGB [H, W, 3].

    Returns:
        uint8 RGB [H, W, 3]. The same input gives the same output.
    """
    import tensorflow as tf

    from psfr_tf.data.degradation import add_noise, gaussian_blur, jpeg, resize

    height, width = photo.shape[:2]
    image = gaussian_blur(tf.cast(photo, tf.float32), 1.6)
    image = resize(image, height // 2, width // 2, "area")
    image = jpeg(add_noise(image, 5.0, True, tf.constant([0, 17])), 55)
    image = resize(image, height, width, "bicubic")
    return to_uint8(image.numpy())


def compose_picture(damaged: np.ndarray, result, original: np.ndarray) -> np.ndarray:
    """Two rows of four labeled panels: the whole photo, and the largest face.

    Args:
        damaged, original: uint8 RGB [H, W, 3].
        result: `psfr_tf.restorer.RestoreResult` for `damaged`, at least one face.

    Returns:
        uint8 RGB picture.
    """
    import cv2

    face = max(result.faces, key=lambda face: face.box[2] * face.box[3])
    views = (
        ("input", damaged),
        ("parsing map", overlay_parsing(damaged, result.faces)),
        ("restored", result.image),
        ("original", original),
    )
    x0, y0, x1, y1 = _zoom_region(face.box, damaged.shape[1], damaged.shape[0])
    columns = []
    for title, image in views:
        whole = cv2.resize(image, (PANEL, PANEL), interpolation=cv2.INTER_AREA)
        zoom = cv2.resize(image[y0:y1, x0:x1], (PANEL, PANEL), interpolation=cv2.INTER_CUBIC)
        gap = np.full((_GAP, PANEL, 3), 255, np.uint8)
        columns.append(np.vstack([_title(title), whole, gap, zoom, gap]))
    space = np.full((columns[0].shape[0], _GAP, 3), 255, np.uint8)
    row = [space]
    for column in columns:
        row += [column, space]
    return np.hstack(row)


def overlay_parsing(photo: np.ndarray, faces) -> np.ndarray:
    """The photo, darkened, with each face's colored parsing map laid over it.

    Args:
        photo: uint8 RGB [H, W, 3].
        faces: list of `psfr_tf.restorer.RestoredFace`.

    Returns:
        uint8 RGB [H, W, 3].
    """
    import cv2

    from psfr_tf.faces.align import invert, warp
    from psfr_tf.labels import colorize

    height, width = photo.shape[:2]
    result = 0.4 * photo.astype(np.float32)
    for face in faces:
        drawn = (face.parsing > 0).astype(np.float32)[..., None]
        planes = np.concatenate([colorize(face.parsing) * drawn, 255.0 * drawn], axis=2)
        planes = warp(planes, invert(face.matrix), width, height, cv2.BORDER_CONSTANT)
        opacity = 0.75 * np.clip(planes[..., 3:] / 255.0, 0.0, 1.0)
        result = result * (1.0 - opacity) + 0.75 * planes[..., :3]
    return to_uint8(result)


def _zoom_region(box, width: int, height: int) -> tuple[int, int, int, int]:
    """A square around a face box, moved inside the photo."""
    x, y, box_width, box_height = box
    side = min(round(_ZOOM * box_height), width, height)
    x0 = min(max(round(x + box_width / 2 - side / 2), 0), width - side)
    y0 = min(max(round(y + box_height / 2 - side / 2), 0), height - side)
    return x0, y0, x0 + side, y0 + side


def _title(text: str) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (PANEL, _TITLE), "white")
    font = ImageFont.load_default(size=26)
    ImageDraw.Draw(image).text((PANEL / 2, _TITLE / 2), text, "black", font, anchor="mm")
    return np.array(image)


if __name__ == "__main__":
    raise SystemExit(main())
