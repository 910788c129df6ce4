"""Kinds of `tools/fuzz.py`: what a network is trained on, and photos."""

import contextlib
import json
from pathlib import Path

import numpy as np
from fuzz_kind import Kind
from fuzz_mutations import mutated_bytes, mutated_text, mutated_values


class Records(Kind):
    """A folder of `psfr prepare`: the shard's bytes, and the index."""

    name = "train-00000-of-00001.tfrecord"

    def make(self):
        import cv2

        from psfr_tf.data import records

        png = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        mask = cv2.imencode(".png", np.ones((8, 8), np.uint8))[1].tobytes()
        faces = [records.Record(name, "train", png, mask) for name in ("a", "b", "c")]
        shard = records.write_shard(self.path, faces)
        records.write_index(self.folder, {"masks": True, "size": 8}, [shard])
        self.index = (self.folder / records.INDEX).read_bytes()
        self.shard = self.path.read_bytes()
        return [self.shard, self.index]

    def case(self, rng):
        if rng.random() < 0.5:
            data = mutated_bytes(rng, self.shard)
            if rng.random() < 0.5:  # The same size: otherwise the index is right to refuse it.
                data = data[: len(self.shard)].ljust(len(self.shard), b"\0")
            return data
        if rng.random() < 0.3:
            return b"I" + mutated_text(rng, self.index)
        return b"I" + json.dumps(mutated_values(rng, json.loads(self.index))).encode()

    def read(self, data):
        index = data[:1] == b"I"
        (self.folder / "index.json").write_bytes(data[1:] if index else self.index)
        self.path.write_bytes(self.shard if index else data)
        self.check()

    def check(self):
        from psfr_tf.data import records
        from psfr_tf.data.face_records import FaceRecords

        FaceRecords(self.folder, "train").find_damage()
        records.read_shard(self.path, "train", decode=True)


class Config(Kind):
    """A training config in YAML."""

    name = "config.yaml"

    def make(self):
        folder = Path(__file__).parents[1] / "configs"
        whole = [path.read_bytes() for path in sorted(folder.glob("*.yaml"))]
        return [text for text in whole if b"base:" not in text] + [
            b"model: fpn\npreset: &a psfr-test-64\ndata: {images: *a}\ntraining: {steps: 3}\n"
        ]

    def case(self, rng):
        return mutated_text(rng, self.good[rng.integers(len(self.good))])

    def check(self):
        from psfr_tf.config import load_config

        load_config(self.path)


class Manifest(Kind):
    """The lists of faces: of a degraded set, and of the splits."""

    name = "manifest.csv"

    def make(self):
        from psfr_tf.evaluation.degradation_manifest import COLUMNS

        row = "a,a.jpg,paper,0,0,64,1,average,1.5,3,3,3,25.5,42,bilinear,1,17.5,1,-7,5,1,64,0,a,b,c"
        splits = "name,split\nface_1,train\nface_2,val\n"
        return [f"{','.join(COLUMNS)}\n{row}\n{row}\n".encode(), splits.encode()]

    def case(self, rng):
        return mutated_text(rng, self.good[rng.integers(len(self.good))])

    def check(self):
        from psfr_tf.data.face_folder import read_split
        from psfr_tf.errors import UserError
        from psfr_tf.evaluation.degradation_manifest import read_manifest

        failed = []
        for read in (read_manifest, lambda path: read_split(path, "train")):
            try:
                read(self.path)
            except UserError as error:
                failed.append(error)
        if len(failed) == 2:
            raise failed[0]


class Picture(Kind):
    """Photos in the formats that people have."""

    name = "photo"

    def make(self):
        import io

        from PIL import Image

        pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
        made = []
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = {"exif": exif}
        two = {"save_all": True, "append_images": [pixels[::-1]]}
        for mode, format, options in (
            *(("RGB", "JPEG", turned), ("RGB", "JPEG", {"progressive": True}), ("L", "JPEG", {})),
            *(("CMYK", "JPEG", {}), ("RGB", "MPO", two), ("RGB", "PNG", turned), ("P", "PNG", {})),
            *(("RGBA", "PNG", {}), ("I;16", "PNG", {}), ("1", "PNG", {}), ("RGB", "PNG", two)),
            *(("RGB", "WEBP", turned), ("RGBA", "WEBP", {"lossless": True}), ("RGB", "WEBP", two)),
            *(("RGB", "TIFF", {}), ("RGB", "TIFF", two), ("F", "TIFF", {}), ("I;16", "TIFF", {})),
            *(("RGB", "TIFF", {"compression": each}) for each in ("tiff_lzw", "jpeg", "zstd")),
            *(("1", "TIFF", {"compression": "group4"}), ("CMYK", "TIFF", {}), ("LAB", "TIFF", {})),
            *(("RGB", "BMP", {}), ("P", "BMP", {}), ("P", "GIF", {}), ("P", "GIF", two)),
            *(("RGB", "AVIF", {}), ("RGB", "JPEG2000", {}), ("RGB", "PPM", {}), ("1", "PPM", {})),
            *(("RGB", "TGA", {"compression": "tga_rle"}), ("RGB", "PCX", {}), ("RGB", "SGI", {})),
            *(("RGBA", "DDS", {}), ("RGB", "QOI", {}), ("RGB", "DIB", {}), ("1", "XBM", {})),
        ):
            file = io.BytesIO()
            image = Image.fromarray(pixels)
            if mode in ("I;16", "F"):
                image = image.convert("L")
            if mode == "F":
                image = Image.fromarray(np.asarray(image, np.float32) / 255)
            options = dict(options)
            if "append_images" in options:  # Pillow leaves its settings in them
                options["append_images"] = list(map(Image.fromarray, options["append_images"]))
            with contextlib.suppress(KeyError, OSError, ValueError):  # not written by this Pillow
                image.convert(mode).save(file, format, **options)
                made.append(file.getvalue())
        return made

    def check(self):
        from psfr_tf.photo import read_photo

        read_photo(self.path)
