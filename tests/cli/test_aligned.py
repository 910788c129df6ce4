"""`psfr restore --aligned` and `psfr parse`: whole pictures that are faces, real networks."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from psfr_tf.cli import main
from psfr_tf.labels import COLORS
from psfr_tf.pictures import resize_face
from psfr_tf.restorer import FaceRestorer

SIZE = 64

pytestmark = pytest.mark.usefixtures("loaded_once")


def psfr(*arguments):
    return main.run(main.parse_arguments(["psfr", *map(str, arguments)]))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def portrait():
    return np.ascontiguousarray(data.astronaut()[:256, 80:360])


def read(path):
    with Image.open(path) as image:
        return np.array(image)


def test_aligned_faces(tmp_path, capsys):
    face = cv2.resize(data.astronaut()[20:180, 140:300], (SIZE, SIZE))
    photo = save(tmp_path / "a.png", face)
    small = save(tmp_path / "b.png", np.zeros((1, 1, 3), np.uint8))
    out = tmp_path / "out"
    assert psfr("restore", photo, small, "--output", out, "--aligned", "--save-faces") == 0
    expected = FaceRestorer.from_pretrained("any").restore_aligned(face[None])[0]
    np.testing.assert_array_equal(read(out / "restored" / "a.png"), expected)
    assert read(out / "restored" / "b.png").shape == (SIZE, SIZE, 3)
    assert len(list((out / "faces").iterdir())) == 6
    assert "b.png: enlarged from 1x1 to the model's 64x64 pixels" in capsys.readouterr().err


def test_aligned_faces_keep_their_size_and_finer_detail(tmp_path):
    face = np.ascontiguousarray(data.astronaut()[20:180, 140:300])
    photo = save(tmp_path / "a.png", face)
    assert psfr("restore", photo, "--output", tmp_path / "out", "--aligned") == 0
    image = read(tmp_path / "out" / "restored" / "a.png")
    assert image.shape == face.shape
    lq = resize_face(face, SIZE)
    change = FaceRestorer.from_pretrained("any").restore_aligned(lq[None])[0].astype(float) - lq
    gained = image.astype(float) - face
    inside = (image > 0) & (image < 255)
    expected = cv2.resize(change, (160, 160), interpolation=cv2.INTER_CUBIC)
    assert np.abs(gained - expected)[inside].max() <= 1


def test_aligned_gray_faces_stay_gray(tmp_path):
    face = np.ascontiguousarray(data.astronaut()[20:148, 140:268])
    plain = save(tmp_path / "plain.png", face[..., 1])
    three = save(tmp_path / "three.png", np.repeat(face[..., 1:2], 3, axis=2))
    out = tmp_path / "out"
    assert psfr("restore", plain, three, "--output", out, "--aligned") == 0
    gray, image = read(out / "restored" / "plain.png"), read(out / "restored" / "three.png")
    assert gray.shape == (128, 128) and np.abs(gray.astype(int) - face[..., 1]).max() > 0
    np.testing.assert_array_equal(image, np.dstack([gray] * 3))


def test_aligned_faces_must_be_square(tmp_path, capsys):
    wide = save(tmp_path / "wide.png", portrait()[:140, :240])
    good = save(tmp_path / "good.png", portrait()[:200, :200])
    assert psfr("restore", wide, good, "--output", tmp_path / "out", "--aligned") == 1
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("psfr: error")]
    assert "wide.png: 240x140 pixels, but an aligned face is square" in line
    assert os.listdir(tmp_path / "out" / "restored") == ["good.png"]


def test_aligned_with_upscale_is_bad_usage(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        psfr("restore", "a.png", "--output", tmp_path / "o", "--aligned", "--upscale", 2)
    assert end.value.code == 2
    assert not (tmp_path / "o").exists()


def test_parse_writes_label_maps(tmp_path, model_64):
    faces = tmp_path / "faces"
    face = save(faces / "f.png", np.ascontiguousarray(data.astronaut()[10:202, 130:322]))
    (faces / "bad.jpg").write_text("no picture")
    out = tmp_path / "masks"
    assert psfr("parse", faces, "--output", out, "--weights", model_64) == 1
    with Image.open(out / "f.png") as image:
        assert image.mode == "P" and image.size == (192, 192)
        labels = np.array(image)
        np.testing.assert_array_equal(np.array(image.convert("RGB")), COLORS[labels])
    _, parsing = FaceRestorer.from_pretrained("any").restore_and_parse(read(face)[None])
    rows = np.arange(192) // 3
    np.testing.assert_array_equal(labels, parsing[0][np.ix_(rows, rows)])
    assert json.loads((out / "report.json").read_text())["counts"] == {
        "inputs": 2,
        "parsed": 1,
        "kept": 0,
        "failed": 1,
    }


def test_parse_does_not_overwrite_the_faces(tmp_path, capsys):
    save(tmp_path / "f.png", portrait())
    assert psfr("parse", tmp_path, "--output", tmp_path) == 1
    assert "would replace" in capsys.readouterr().err
