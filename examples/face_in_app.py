"""Around the network, in plain NumPy, to be rewritten in Kotlin, Swift or C++ (docs/app.md).

`pixels` are float RGB [H, W, 3] in 0..255; (x, y) = (0, 0) is the center of the first pixel.
"""

import numpy as np

# Eyes, nose tip, corners of the mouth, left in the picture first; of a face of 512 pixels.
TEMPLATE = np.array(
    [[192.98, 239.95], [318.90, 240.19], [256.63, 314.02], [201.26, 371.41], [313.09, 371.15]]
)


def transform(landmarks, size):
    """Similarity [2, 3] from five points of the photo to the aligned face, by least squares."""
    target = (TEMPLATE + 0.5) * size / 512 - 0.5
    points, goal = landmarks - landmarks.mean(0), target - target.mean(0)
    norm = (points**2).sum()
    a = (points * goal).sum() / norm
    b = (points[:, 0] * goal[:, 1] - points[:, 1] * goal[:, 0]).sum() / norm
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target.mean(0) - linear @ landmarks.mean(0)])


def invert(matrix):
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def sample(pixels, x, y):
    """Cubic interpolation (a = -0.75) at x, y; the picture is mirrored at its edges."""
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    total = 0.0
    for row in range(-1, 3):
        for column in range(-1, 3):
            weight = _cubic(x - left - column) * _cubic(y - top - row)
            rows, columns = _mirror(top + row, len(pixels)), _mirror(left + column, len(pixels[0]))
            total = total + weight[..., None] * pixels[rows, columns]
    return total


def _cubic(t, a=-0.75):
    t = np.abs(t)
    near, far = ((a + 2) * t - (a + 3)) * t * t + 1, a * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def _mirror(index, size):
    index = np.abs(index) % max(2 * size - 2, 1)
    return np.minimum(index, 2 * size - 2 - index)


def warp(pixels, source, width, height):
    """Pixels at the places that the matrix `source` [2, 3] gives for those of the result.

    What becomes smaller is drawn several times too large, then averaged.
    """
    factor = max(1, int(np.ceil(np.sqrt(np.linalg.det(source[:, :2])) - 1e-6)))
    y, x = (np.mgrid[: height * factor, : width * factor] + 0.5) / factor - 0.5
    drawn = sample(pixels, *(row[0] * x + row[1] * y + row[2] for row in source))
    return drawn.reshape(height, factor, width, factor, 3).mean((1, 3))


def align(photo, matrix, size):
    """The face [S, S, 3]."""
    return warp(photo, invert(matrix), size, size).clip(0, 255)


def paste(photo, matrix, face, restored):
    """The photo with the detail of the change added where the face is, faded at the edges."""
    height, width, size = len(photo), len(photo[0]), len(face)
    change = restored - face
    change = change - _blur(_blur(change, 0.08 * size).swapaxes(0, 1), 0.08 * size).swapaxes(0, 1)
    y, x = np.mgrid[:height, :width]
    place = [row[0] * x + row[1] * y + row[2] for row in matrix]
    edge = [np.minimum(each + 0.5, size - 0.5 - each) / (0.16 * size) for each in place]
    feather = np.prod([0.5 - 0.5 * np.cos(np.pi * each.clip(0, 1)) for each in edge], axis=0)
    return (photo + feather[..., None] * warp(change, matrix, width, height)).round().clip(0, 255)


def _blur(pixels, sigma):
    """Gaussian along the first axis, the edge pixel doubled."""
    offsets = np.arange(-round(4 * sigma), round(4 * sigma) + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    around = np.pad(pixels, [(len(offsets) // 2,) * 2, (0, 0), (0, 0)], mode="symmetric")
    shares = zip(weights / weights.sum(), range(len(offsets)), strict=True)
    return sum(share * around[start : start + len(pixels)] for share, start in shares)
