"""Small copies of the layouts of published data sets, drawn face by face."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from psfr_tf.data.toy_faces import draw_face
from psfr_tf.labels import COLORS, LABELS

SIDE = 64


@pytest.fixture
def op_types():
    """Gives the types of every op in a dataset's graph and in all functions that it calls."""

    def read(dataset: tf.data.Dataset) -> set[str]:
        serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor)
        graph = tf.compat.v1.GraphDef.FromString(serialized.numpy())
        return set(re.findall(r'^ *op: "(\w+)"$', str(graph), re.MULTILINE))

    return read


@pytest.fixture
def ffhq(tmp_path) -> Path:
    """FFHQ as NVIDIA ships it, six faces in three sub-folders; masks of half the size, flat."""
    root = tmp_path / "ffhq"
    (root / "masks").mkdir(parents=True)
    for seed, number in enumerate((0, 1, 999, 1000, 59999, 60000)):
        rgb, labels = draw_face(seed, SIDE)
        folder = root / "images1024x1024" / f"{number // 1000 * 1000:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(folder / f"{number:05d}.png")
        half = labels[1::2, 1::2]
        if seed % 2:  # the color code of the release
            Image.fromarray(COLORS[half]).save(root / "masks" / f"{number:05d}.png")
        else:
            Image.fromarray(half).save(root / "masks" / f"{number:05d}.png")
    return root


@pytest.fixture
def celebamask_hq(tmp_path) -> Path:
    """CelebAMask-HQ as downloaded, five faces on both sides of the bounds of the split."""
    root = tmp_path / "CelebAMask-HQ"
    (root / "CelebA-HQ-img").mkdir(parents=True)
    lines = ["idx        orig_idx   orig_file"]
    originals = {0: 162769, 1: 162770, 2: 182636, 1999: 182637, 2000: 5}
    for seed, (number, original) in enumerate(originals.items()):
        rgb, labels = draw_face(seed, SIDE)
        Image.fromarray(rgb).save(root / "CelebA-HQ-img" / f"{number}.jpg", quality=95)
        lines.append(f"{number:<11}{original:<11}{original + 1:06d}.jpg")
        folder = root / "CelebAMask-HQ-mask-anno" / str(number // 2000)
        folder.mkdir(parents=True, exist_ok=True)
        for value in np.unique(labels[labels > 0]):
            part = np.where(labels == value, 255, 0).astype(np.uint8)
            path = folder / f"{number:05d}_{LABELS[value]}.png"
            # The files of the download have three equal channels.
            Image.fromarray(np.dstack([part] * 3)).save(path)
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines) + "\n")
    return root
