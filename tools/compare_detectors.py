"""Our MTCNN and the package `mtcnn` on one photo: same faces, and how much faster.

    python tools/compare_detectors.py PHOTO [--rounds 5]

The two take turns, so that what else the machine does slows both; times are given as ratios.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from mtcnn import MTCNN as PackageMTCNN

from psfr_tf.faces.mtcnn import MTCNN
from psfr_tf.photo import read_photo

MIN_SCORE = 0.8


def seconds(call) -> tuple[float, float]:
    """Wall and CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    photo = read_photo(args.photo).rgb
    ours, package = MTCNN(), PackageMTCNN(device="CPU:0")
    detect = {"output_type": "numpy", "box_format": "xyxy", "threshold_onet": MIN_SCORE}

    # Also the first run of both, which is not timed.
    boxes, scores, landmarks = ours(photo, MIN_SCORE)
    rows = np.asarray(package.detect_faces(photo, **detect)).reshape(-1, 16)
    print(f"{photo.shape[1]}x{photo.shape[0]}: {len(boxes)} faces, the package {len(rows)}")
    if len(boxes) == len(rows) and len(rows):
        points = landmarks.swapaxes(1, 2).reshape(-1, 10)
        print(
            f"greatest difference: boxes {np.abs(boxes - rows[:, 1:5]).max():.4f} px, "
            f"landmarks {np.abs(points - rows[:, 6:]).max():.4f} px, "
            f"scores {np.abs(scores - rows[:, 5]).max():.1e}"
        )
    ratios = []
    for _ in range(args.rounds):
        own = seconds(lambda: ours(photo, MIN_SCORE))
        theirs = seconds(lambda: package.detect_faces(photo, **detect))
        ratios.append([b / a for a, b in zip(own, theirs, strict=True)])
    for name, values in zip(("wall", "CPU"), zip(*ratios, strict=True), strict=True):
        print(
            f"{name} time of the package / ours: {statistics.median(values):.2f} "
            f"({min(values):.2f} to {max(values):.2f}, {args.rounds} rounds)"
        )


if __name__ == "__main__":
    main()
