"""What NIQE and FID compare with."""

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from psfr_tf.errors import UserError
from psfr_tf.evaluation.degraded import SharpFaces
from psfr_tf.evaluation.faces import FolderFaces
from psfr_tf.evaluation.references import fid_reference, pristine_model
from psfr_tf.evaluation.systems import ComparedFaces
from psfr_tf.metrics.fid import frechet_distance
from psfr_tf.metrics.niqe import PUBLISHED_FILE, PristineModel


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for k in range(12):
        Image.fromarray(astronaut()[10 * k :, 7 * k :]).save(folder / f"{k}.png")
    (folder / "bad.png").write_bytes(b"")
    return folder


def test_niqe_model_from_originals_folder_or_file(pictures, tmp_path):
    source = ComparedFaces(FolderFaces(pictures), {})
    fitted, note = pristine_model(None, tmp_path, source, tmp_path)
    assert "fitted to 13 originals" in note and "not against the published one" in note
    written = PristineModel.load(tmp_path / "niqe_pristine.npz")
    np.testing.assert_array_equal(written.covariance, fitted.covariance)
    again, note = pristine_model(tmp_path / "niqe_pristine.npz", tmp_path, source, tmp_path)
    assert note == "NIQE uses the model in niqe_pristine.npz."
    np.testing.assert_array_equal(again.mean, fitted.mean)
    (pictures / "bad.png").unlink()
    of_folder, note = pristine_model(pictures, tmp_path, source, tmp_path)
    np.testing.assert_allclose(of_folder.mean, fitted.mean)
    assert f"12 pictures of {pictures.name}" in note
    # The authors' file is taken if it is there, and a damaged one is not passed over.
    (tmp_path / PUBLISHED_FILE).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"modelparameters\.mat: not a model"):
        pristine_model(None, tmp_path, source, tmp_path)


def test_niqe_model_from_another_split(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for k in range(60):
        Image.fromarray(astronaut()[5 * k : 192 + 5 * k, :192]).save(images / f"{k}.png")
    (images / "59.png").write_bytes(b"damaged")
    source = ComparedFaces(FolderFaces(images), {})
    assert source.problems == []
    split = SharpFaces(images, 192, [str(k) for k in range(61)], "train")
    np.testing.assert_array_equal(split.original(3), astronaut()[15:207, :192])
    # The authors' file, had it been there, would not have been taken.
    (tmp_path / PUBLISHED_FILE).write_bytes(b"damaged")
    model, note = pristine_model(None, tmp_path, source, tmp_path, split)
    assert "fitted to the 61 originals of the split train" in note
    assert [line.split(": ")[0] for line in source.problems] == [
        str(images / "59.png"),
        str(images / "60"),
    ]
    expected = PristineModel.fit(split.original(k) for k in range(59))
    np.testing.assert_allclose(model.mean, expected.mean)
    # A file that is given comes first.
    expected.save(tmp_path / "given.npz")
    _, note = pristine_model(tmp_path / "given.npz", tmp_path, source, tmp_path, split)
    assert note == "NIQE uses the model in given.npz."


class Colors:
    length = 3

    def features(self, images):
        return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


def test_fid_reference_from_folder_or_file(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k}.png")
    statistics = fid_reference(folder, Colors())
    features = Colors().features(images).astype(float)
    np.testing.assert_allclose(statistics.mean, features.mean(0))
    np.testing.assert_allclose(statistics.covariance, np.cov(features.T))
    statistics.save(tmp_path / "statistics.npz")
    loaded = fid_reference(tmp_path / "statistics.npz", Colors())
    assert frechet_distance(loaded, statistics) == pytest.approx(0.0, abs=1e-9)
    for k in range(1, 5):
        (folder / f"{k}.png").unlink()
    with pytest.raises(UserError, match="at least two"):
        fid_reference(folder, Colors())
