"""Manifests as spreadsheets save them."""

import pytest

from psfr_tf.csv_file import read_rows
from psfr_tf.data.face_folder import read_manifest, read_split
from psfr_tf.data.layouts.celebamask_hq import read_mapping
from psfr_tf.errors import UserError

TEXT = "name,split\r\nface_ä,train\r\nb,val\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets(tmp_path, encoding, separator):
    path = tmp_path / "m.csv"
    path.write_bytes(TEXT.replace(",", separator).encode(encoding))
    assert read_manifest(path) == {"face_ä": "train", "b": "val"}
    assert read_split(path, "val") == ["b"]


def test_titles_may_have_spaces(tmp_path):
    (tmp_path / "m.csv").write_text("name , split\na,train\n")
    assert read_rows(tmp_path / "m.csv")[0]["split"] == "train"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name\n",
        b"name,split\na\n",
        b"name,split\n" + b"x" * 200_000 + b",train\n",
        b"\xff\xfe",
    ],
)
def test_one_line(tmp_path, content):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"m\.csv: ") as error:
        read_manifest(tmp_path / "m.csv")
    assert "\n" not in str(error.value)


def test_a_mapping_with_a_byte_order_mark(tmp_path):
    (tmp_path / "map.txt").write_bytes(
        "idx orig_idx orig_file\n0 1 000002.jpg\n".encode("utf-8-sig")
    )
    assert read_mapping(tmp_path / "map.txt") == {0: "train"}
