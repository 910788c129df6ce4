"""Finding pictures, and their pixels."""

import argparse
import os

import numpy as np
import pytest

from psfr_tf.cli.arguments import names_of, share, whole
from psfr_tf.cli.output_folder import output_names
from psfr_tf.errors import UserError
from psfr_tf.pictures import (
    MAX_PSNR_DB,
    denormalize,
    find_photos,
    normalize,
    pictures_by_name,
    pictures_in,
    psnr_db,
    to_uint8,
)


def test_folders_are_not_searched_below(tmp_path):
    for name in ("b.jpg", "a.PNG", "deep/c.jpg", ".hidden.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    photos, problems = find_photos([tmp_path, tmp_path / "b.jpg"])
    assert photos == [tmp_path / "a.PNG", tmp_path / "b.jpg"] and problems == []
    photos, _ = find_photos([tmp_path / "notes.txt"])
    assert photos == [tmp_path / "notes.txt"]


def test_name_clashes(tmp_path):
    paths = [tmp_path / name for name in ("a.jpg", "a.png", "x/a.png", "A_PNG.jpg", "b")]
    assert output_names(paths) == ["a", "a_png", "a_png_2", "A_PNG_jpg", "b"]


def test_number_types():
    assert share("0.25") == 0.25 and whole(1, 8)("3") == 3
    for function, text in ((share, "nan"), (share, "-1"), (whole(1, 8), "9"), (whole(1, 8), "x")):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            function(text)


def test_pictures_of_subfolders_if_there_are_none_above(tmp_path):
    for name in ("00000/b.png", "00000/a.txt", "01000/a.JPG", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    inside = [tmp_path / "00000/b.png", tmp_path / "01000/a.JPG"]
    assert pictures_in(tmp_path) == []
    assert pictures_in(tmp_path, subfolders=True) == inside
    assert pictures_in(tmp_path, (".png",), subfolders=True) == inside[:1]
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")  # whoever opens it says so
    assert pictures_in(tmp_path, subfolders=True) == [tmp_path / "link.png"]


def test_pictures_by_name(tmp_path):
    one, two, empty = (tmp_path / name for name in ("one", "two", "empty"))
    for path in (one / "a.jpg", one / "a.png", two / "a.png", two / "b.webp"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    pictures, left_out = pictures_by_name(one, two)
    assert pictures == {"a": one / "a.jpg", "b": two / "b.webp"}
    assert left_out == {
        one / "a.png": "skipped, a.jpg has the same name",
        two / "a.png": f"skipped, {one / 'a.jpg'} has the same name",
    }
    with pytest.raises(UserError, match="empty: no such folder"):
        pictures_by_name(one, empty)
    empty.mkdir()
    with pytest.raises(UserError, match="empty: no pictures in this folder"):
        pictures_by_name(one, empty)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(UserError, match=r"cannot list the folder \(permission denied\)"):
        pictures_in(tmp_path)
    tmp_path.chmod(0o700)


def test_levels_and_the_range_of_the_networks():
    levels = np.arange(256, dtype=np.uint8)
    images = normalize(levels)
    assert images.dtype == np.float32 and images[0] == -1 and images[255] == 1
    np.testing.assert_array_equal(to_uint8(denormalize(images)), levels)
    np.testing.assert_array_equal(to_uint8(np.array([-9.0, 0.4, 0.6, 300.0])), [0, 0, 1, 255])


def test_names_separated_by_commas():
    parse = names_of(("cpu", "gpu"))
    assert parse("gpu, cpu,gpu") == ["gpu", "cpu"]
    for text in ("npu", "", "cpu,npu"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not one of cpu, gpu"):
            parse(text)


def test_psnr_is_a_finite_number():
    assert psnr_db(4.0) == 0 and psnr_db(255.0**2, 255.0) == 0
    assert psnr_db(0.0) == MAX_PSNR_DB
    assert psnr_db(np.float64("nan")) == psnr_db(np.float64("inf")) == 0
