"""Which of a photo's faces are to be restored."""

from collections.abc import Sequence

from psfr_tf.errors import UserError

Box = tuple[float, float, float, float]


def chosen_faces(
    boxes: Sequence[Box], shape: tuple[int, ...], faces: str | Sequence[int]
) -> list[int]:
    """Numbers of the chosen faces.

    Args:
        boxes: (x, y, width, height) of each face.
        shape: of the photo, [H, W, ...].
        faces: "all", "largest", "center" (nearest to the photo's center), or numbers from 0.

    Raises:
        UserError: there is no face of that number.
        ValueError: none of these words.
    """
    numbers = list(range(len(boxes)))
    if isinstance(faces, str):
        keys = {
            "all": None,
            "largest": lambda box: -box[2] * box[3],
            "center": lambda box: abs(
                complex(box[0] + box[2] / 2, box[1] + box[3] / 2) - complex(*shape[1::-1]) / 2
            ),
        }
        if faces not in keys:
            raise ValueError(
                f'`faces` must be "all", "largest", "center" or numbers. Received: {faces!r}'
            )
        key = keys[faces]
        return numbers if key is None else sorted(numbers, key=lambda n: key(boxes[n]))[:1]
    missing = sorted(set(faces) - set(numbers))
    if missing:
        there = f"faces 0 to {len(boxes) - 1} were found" if boxes else "no face was found"
        raise UserError(f"no face number {', '.join(map(str, missing))}: {there}")
    return sorted(set(faces))
