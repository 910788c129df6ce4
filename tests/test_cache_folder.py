"""A cache folder that cannot be written: what to set is said, before anything slow."""

import pytest

from psfr_tf.errors import UserError
from psfr_tf.files import cache_folder


@pytest.fixture
def blocked(tmp_path, monkeypatch):
    (tmp_path / "file").touch()  # a folder below a file can be made by nobody, root included
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "psfr_tf"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "psfr_tf"


def test_converted_models(blocked, monkeypatch):
    from psfr_tf import model_folder
    from psfr_tf.engines import litert_file

    monkeypatch.setattr(litert_file, "restorer_content", lambda *_: pytest.fail("converted first"))
    with pytest.raises(UserError, match="set XDG_CACHE_HOME to a folder that can be written"):
        litert_file.cached_file(model_folder.resolve("psfr-mobile-256"), 0.125)


def test_downloads(blocked):
    from psfr_tf.metrics import network_files

    with pytest.raises(UserError, match="set XDG_CACHE_HOME"):
        network_files.download(network_files.ALEXNET, network_files.default_folder())
