"""Finding and fetching the files of metrics; nothing leaves this machine."""

import hashlib

import pytest

from psfr_tf.errors import UserError
from psfr_tf.metrics import network_files
from psfr_tf.metrics.network_files import NetworkFile, download, find


def test_find(tmp_path):
    file = NetworkFile("a network", "https://example.org/net.pth")
    with pytest.raises(UserError) as error:
        find(file, tmp_path)
    expected = f"{tmp_path}/net.pth (a network) is missing: get {file.url} and put it there"
    assert str(error.value) == expected
    (tmp_path / "net.pth").write_bytes(b"x")
    assert find(file, tmp_path) == tmp_path / "net.pth"


def test_download(tmp_path):
    contents = b"weights" * 300_000
    digest = hashlib.sha256(contents).hexdigest()[:8]
    source = tmp_path / f"net-{digest}.pth"
    source.write_bytes(contents)
    folder = tmp_path / "cache" / "metrics"
    file = NetworkFile("a network", source.as_uri())
    assert file.sha256 == digest and download(file, folder).read_bytes() == contents
    source.unlink()
    download(file, folder)  # there already
    with pytest.raises(UserError, match="cannot be downloaded"):
        download(NetworkFile("", (tmp_path / "other.pth").as_uri()), folder)
    bad = tmp_path / "bad-01234567.pth"
    bad.write_bytes(b"something else")
    with pytest.raises(UserError, match="SHA-256 does not fit"):
        download(NetworkFile("", bad.as_uri()), folder)
    assert [path.name for path in folder.iterdir()] == [source.name]


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert network_files.default_folder() == tmp_path / "psfr_tf" / "metrics"


def test_published_names_carry_their_checksum():
    assert [file.sha256 for file in network_files.DOWNLOADABLE] == [
        "7be5be79",
        "397923af",
        "",
        "",
        "6726825d",
    ]
    assert network_files.LPIPS_ALEX.name == "alex.pth"
