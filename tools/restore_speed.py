"""How fast `psfr restore` starts and works, as ratios in one run.

    python tools/restore_speed.py [--faces 200] [--photo GROUP.jpg] [--before OTHER_CHECKOUT]

Prints wall time and peak memory of commands, median of interleaved rounds: one aligned face,
against the imports that it cannot do without; an album of aligned faces (512x512, JPEG to PNG),
against another checkout; a group photo; and photos per second of eight threads that share a
restorer, against one. A busy machine spoils the ratios: nothing else should run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

PSFR = [sys.executable, "-m", "psfr_tf.cli.main", "restore"]
IMPORTS = [sys.executable, "-c", "import numpy, cv2, ai_edge_litert"]


def run(command: list, checkout: Path | None = None) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command."""
    environment = {**os.environ, **({"PYTHONPATH": str(checkout)} if checkout else {})}
    started = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(errors.decode(errors="replace"))
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def compare(title: str, commands: dict[str, tuple], rounds: int) -> None:
    """Print the medians of interleaved rounds, and their ratio to the first command's."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            results[name].append(run(*command))
    print(title)
    first = None
    for name, measured in results.items():
        seconds, memory = (statistics.median(column) for column in zip(*measured, strict=True))
        first = first or seconds
        print(f"  {name:32} {seconds:7.2f} s  {seconds / first:6.2f}  {memory:6.0f} MB")


def threads(number: int) -> None:
    from skimage import data

    from psfr_tf.restorer import FaceRestorer

    restorer = FaceRestorer.from_pretrained("psfr-mobile-256")
    photo = data.astronaut()
    rates: dict[int, list[float]] = {1: [], number: []}
    for _ in range(4):
        for workers in rates:
            started = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda _: restorer.restore(photo), range(2 * number)))
            rates[workers].append(2 * number / (time.perf_counter() - started))
    one, many = (statistics.median(rate[1:]) for rate in rates.values())
    print(f"photos/s of 1 thread {one:.2f}, of {number} {many:.2f}: {many / one:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        album = Path(folder, "album")
        album.mkdir()
        face = Image.fromarray(data.astronaut()[:220, 120:340]).resize((512, 512))
        rng = np.random.default_rng(0)
        for number in range(args.faces):
            noisy = np.asarray(face) + rng.normal(0, 5, (512, 512, 3))
            picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
            picture.save(album / f"{number:04d}.jpg", quality=90)
        out = ["--output", Path(folder, "out")]
        one = [*PSFR, album / "0000.jpg", "--aligned", *out]
        compare("start", {"imports": (IMPORTS,), "one aligned face": (one,)}, 3 * args.rounds)
        whole = [*PSFR, album, "--aligned", *out]
        commands: dict[str, tuple] = {f"{args.faces} faces": (whole,)}
        commands["the same in float16"] = ([*whole, "--precision", "float16"],)
        if args.before:
            commands["before"] = (whole, args.before)
        compare("album", commands, args.rounds)
        if args.photo:
            compare("photo", {args.photo.name: ([*PSFR, args.photo, *out],)}, args.rounds)
    threads(8)


if __name__ == "__main__":
    main()
