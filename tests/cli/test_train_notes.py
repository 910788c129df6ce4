"""What `psfr train` says about the folder of faces."""

from PIL import Image

from psfr_tf.cli.train import _say_skipped


def test_pictures_that_tensorflow_does_not_decode_are_named(tmp_path, capsys):
    for name in ("a.png", "b.webp", "c.tif"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    _say_skipped(tmp_path)
    assert capsys.readouterr().err == (
        f"psfr: note: {tmp_path}: skipped 2 files, only .jpeg, .jpg, .png are read here: "
        "b.webp, c.tif\n"
    )
    _say_skipped(tmp_path / "none")
    assert capsys.readouterr().err == ""
