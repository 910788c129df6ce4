"""Finding and fetching the files of metrics; nothing leaves this machine."""

import hashlib

import pytest

from psfr_tf.errors import UserError
from psfr_tf.metrics import network_files
from psfr_tf.metrics.network_files import NetworkFile, download, find


def test_find(tmp_path):
    file = NetworkFile("net.pth", "a network", "https://example.org/net.pth")
    with pytest.raises(UserError) as error:
        find(file, tmp_path)
    expected = f"{tmp_path}/net.pth (a network) is missing: get {file.url} and put it there"
    assert str(error.value) == expected
    (tmp_path / "net.pth").write_bytes(b"x")
    assert find(file, tmp_path) == tmp_path / "net.pth"


def test_download(tmp_path):
    source = tmp_path / "published.pth"
    source.write_bytes(b"weights" * 300_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    folder = tmp_path / "cache" / "metrics"
    file = NetworkFile("net.pth", "a network", source.as_uri(), digest)
    assert download(file, folder).read_bytes() == source.read_bytes()
    source.unlink()
    download(file, folder)  # there already
    with pytest.raises(UserError, match="cannot be downloaded"):
        download(NetworkFile("other.pth", "", source.as_uri()), folder)
    source.write_bytes(b"something else")
    with pytest.raises(UserError, match="SHA-256 does not fit"):
        download(NetworkFile("bad.pth", "", source.as_uri(), digest), folder)
    assert [path.name for path in folder.iterdir()] == ["net.pth"]


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert network_files.default_folder() == tmp_path / "psfr_tf" / "metrics"


def test_published_names_carry_their_checksum():
    for file in network_files.DOWNLOADABLE:
        assert file.url.endswith("/" + file.name) and file.url.startswith("https://")
        assert file.name.endswith(f"{file.sha256}.pth")
