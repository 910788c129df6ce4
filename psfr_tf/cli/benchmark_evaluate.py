"""`psfr benchmark evaluate`: images per second and memory of an evaluation."""

import argparse
import tempfile
import time
from pathlib import Path

from psfr_tf.cli.inputs import drop_report, make_folder, whole, write_report

SUMMARY = "Images per second and peak memory of psfr evaluate on a set of any length."
EXAMPLE = "psfr benchmark evaluate --data faces/images --images 2800 --output speed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="writes DIR/report.json"
    )
    parser.add_argument(
        "--images",
        type=whole(2, 1_000_000),
        default=2800,
        metavar="N",
        help="pairs of pictures, made from few faces as JPEG files in a temporary folder of "
        "DIR (default: %(default)s, as many as CelebAHQ-Test)",
    )
    parser.add_argument(
        "--size",
        type=whole(32, 512),
        default=512,
        metavar="PX",
        help="side of the pictures, 32 to 512 (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of square faces of which the first few are used (default: drawn faces)",
    )


def run(args: argparse.Namespace) -> int:
    drop_report(make_folder(args.output))
    from psfr_tf.cli.benchmark_data import distinct_faces
    from psfr_tf.evaluation import evaluate
    from psfr_tf.evaluation.faces import FolderFaces
    from psfr_tf.evaluation.systems import ComparedFaces, ResultFolder
    from psfr_tf.machine import describe_machine, peak_memory_bytes
    from psfr_tf.metrics import MSSSIM, PSNR, SSIM
    from psfr_tf.metrics.choice import Choice

    faces = distinct_faces(args.data, args.size)
    with tempfile.TemporaryDirectory(dir=args.output) as folder:
        pictures = Path(folder)
        _make_pairs(faces, args.images, pictures)
        source = ComparedFaces(
            FolderFaces(pictures / "reference"),
            {"restored": ResultFolder(pictures / "restored")},
        )
        choice = Choice([PSNR(), SSIM(), MSSSIM()])
        wall, cpu = time.perf_counter(), time.process_time()
        evaluate(source, choice, pictures / "out", {})
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory_bytes() / 2**20
    machine = describe_machine("numpy", "scikit-image", "opencv-python-headless")
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average_1_min']}")
    print(
        f"{args.images} images of {args.size}x{args.size}, PSNR, SSIM and MS-SSIM: "
        f"{args.images / wall:.2f} images/s, {1000 * cpu / args.images:.0f} ms of processor time "
        f"per image, peak memory {peak:.0f} MiB"
    )
    write_report(
        args.output,
        "benchmark evaluate",
        machine=machine,
        faces=str(args.data) if args.data else "drawn",
        images=args.images,
        size=args.size,
        metrics=["psnr", "ssim", "ms_ssim"],
        seconds=wall,
        images_per_second=args.images / wall,
        cpu_ms_per_image=1000 * cpu / args.images,
        peak_memory_mib=peak,
    )
    return 0


def _make_pairs(faces, count: int, folder: Path) -> None:
    """`reference/N.jpg` and `restored/N.jpg`, no two alike: rolled, flipped, and noisy."""
    import numpy as np
    from PIL import Image
    from tqdm import tqdm

    for name in ("reference", "restored"):
        (folder / name).mkdir()
    for index in tqdm(range(count), desc="making pictures", unit="image", disable=None):
        rng = np.random.default_rng(index)
        face = np.roll(faces[index % len(faces)], rng.integers(0, faces.shape[1], 2), axis=(0, 1))
        if rng.random() < 0.5:
            face = face[:, ::-1]
        noise = rng.normal(0.0, rng.uniform(2.0, 20.0), (*face.shape[:2], 1))
        noisy = np.clip(face + noise, 0, 255).astype(np.uint8)
        for name, picture in (("reference", face), ("restored", noisy)):
            Image.fromarray(picture).save(folder / name / f"{index:06d}.jpg", quality=95)
