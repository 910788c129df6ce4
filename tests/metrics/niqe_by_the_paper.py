"""NIQE written a second time, literally after the paper and MATLAB's documentation; slow.

Two-dimensional filters, a dense resampling matrix, neighbors by indices, and the shape of the
asymmetric Gaussian by root finding, then put on the grid of the authors' code: the score is so
sensitive to the shapes that half a step of the grid moves it by half a percent.
"""

import numpy as np
from scipy import ndimage, optimize
from scipy.special import gamma


def gray_of(image):
    # MATLAB's rgb2gray: first row of the inverse of the NTSC matrix, rounded to uint8.
    ntsc = np.array([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]])
    weights = np.linalg.inv(ntsc)[0]
    return np.floor(image.astype(float) @ weights + 0.5)


def window():
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / (2 * (7 / 6) ** 2))
    return kernel / kernel.sum()


def normalized(gray):
    mean = ndimage.correlate(gray, window(), mode="nearest")
    variance = ndimage.correlate(gray**2, window(), mode="nearest") - mean**2
    return (gray - mean) / (np.sqrt(abs(variance)) + 1), np.sqrt(abs(variance))


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def half_matrix(count):
    """MATLAB's imresize by 0.5 along one axis: kernel twice as wide, mirrored border."""
    matrix = np.zeros((count // 2, count))
    for i in range(count // 2):
        center = 2 * i + 0.5
        for j in range(2 * i - 4, 2 * i + 6):
            mirrored = -1 - j if j < 0 else (2 * count - 1 - j if j >= count else j)
            matrix[i, mirrored] += cubic((j - center) / 2)
        matrix[i] /= matrix[i].sum()
    return matrix


def aggd(x):
    left = np.sqrt((x[x < 0] ** 2).mean())
    right = np.sqrt((x[x > 0] ** 2).mean())
    g = left / right
    r = abs(x).mean() ** 2 / (x**2).mean() * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2

    def excess(a):
        return gamma(2 / a) ** 2 / (gamma(1 / a) * gamma(3 / a)) - r

    if excess(0.2) > 0:
        a = 0.2
    elif excess(10) < 0:
        a = 10.0
    else:
        a = optimize.brentq(excess, 0.2, 10, xtol=1e-14)
        steps = np.floor((a - 0.2) * 1000)
        a = min(0.2 + 0.001 * steps, 0.2 + 0.001 * (steps + 1), key=lambda b: abs(excess(b)))
    width = np.sqrt(gamma(1 / a) / gamma(3 / a))
    return a, left * width, right * width


def block_description(block):
    n = len(block)
    a, left, right = aggd(block)
    values = [a, (left + right) / 2]
    rows, columns = np.mgrid[:n, :n]
    for down, along in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = block[(rows - down) % n, (columns - along) % n]
        a, left, right = aggd(block * other)
        values += [a, (right - left) * gamma(2 / a) / gamma(1 / a), left, right]
    return values


def features(image):
    gray = gray_of(image)
    height, width = (side // 96 * 96 for side in gray.shape)
    gray = gray[:height, :width]
    large, deviation = normalized(gray)
    small, _ = normalized(half_matrix(height) @ gray @ half_matrix(width).T)
    rows, sharpness = [], []
    for y in range(height // 96):
        for x in range(width // 96):
            one = large[96 * y : 96 * y + 96, 96 * x : 96 * x + 96]
            two = small[48 * y : 48 * y + 48, 48 * x : 48 * x + 48]
            rows.append(block_description(one) + block_description(two))
            sharpness.append(deviation[96 * y : 96 * y + 96, 96 * x : 96 * x + 96].mean())
    return np.array(rows), np.array(sharpness)


def niqe(image, mean, covariance):
    blocks, _ = features(image)
    step = blocks.mean(0) - mean
    both = (np.cov(blocks.T) + covariance) / 2
    return float(np.sqrt(step @ np.linalg.pinv(both) @ step))
