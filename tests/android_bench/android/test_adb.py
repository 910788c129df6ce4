import pytest

from psfr_tf.android_bench.android.adb import Adb, AdbError, AdbTimeout, choose_device
from psfr_tf.android_bench.target import TargetLost
from psfr_tf.errors import UserError


def test_the_only_phone_is_chosen(phone):
    assert choose_device(None).serial == phone.serial


def test_no_phone(adb):
    with pytest.raises(UserError, match=r"no phone: .*USB debugging"):
        choose_device(None)


def test_a_phone_that_does_not_trust_this_computer(attach):
    phone = attach(authorised=False)
    with pytest.raises(UserError, match=f"{phone.serial}: unauthorized: .*Allow USB debugging"):
        choose_device(None)


def test_two_phones_need_a_choice(attach):
    first, second = attach(), attach()
    with pytest.raises(UserError, match=f"2 phones.*--serial.*{first.serial}") as raised:
        choose_device(None)
    assert second.serial in str(raised.value)
    assert choose_device(second.serial).serial == second.serial


def test_of_two_phones_the_one_that_can_be_used(attach):
    attach(authorised=False)
    usable = attach()
    assert choose_device(None).serial == usable.serial


def test_a_named_phone_that_is_not_there(phone):
    with pytest.raises(UserError, match=f"--serial other: .*sees: {phone.serial}"):
        choose_device("other")


def test_adb_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"adb is not installed: .*apt install adb"):
        choose_device(None)


@pytest.mark.parametrize("code", [0, 3, 137])
def test_output_and_exit_code(phone, code):
    text, found = Adb(phone.serial).shell(f"echo 'a  b'; echo c >&2; exit {code}")
    assert (sorted(text.splitlines()), found) == (["a  b", "c"], code)


def test_a_command_that_does_not_end(phone):
    with pytest.raises(AdbTimeout):
        Adb(phone.serial).shell("sleep 5", timeout=0.3)


def test_files_there_and_back(phone, tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "here").write_bytes(content)
    adb = Adb(phone.serial)
    adb.push(tmp_path / "here", "/data/local/tmp/there")
    adb.pull("/data/local/tmp/there", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_a_file_that_is_not_there(phone, tmp_path):
    with pytest.raises(AdbError, match="No such file"):
        Adb(phone.serial).pull("/data/local/tmp/none", tmp_path / "back")


def test_a_full_disk(phone, tmp_path):
    phone.capacity_bytes = 1000
    (tmp_path / "here").write_bytes(bytes(2000))
    with pytest.raises(AdbError, match="No space left on device"):
        Adb(phone.serial).push(tmp_path / "here", "/data/local/tmp/there")


def test_the_cable_is_pulled(phone, tmp_path):
    """adb's shell then ends with exit code 0, as if the command had been a success."""
    adb = Adb(phone.serial)
    with pytest.raises(TargetLost, match=phone.serial):
        adb.shell("echo '<<pull the cable>>'; sleep 1; echo done")
    (tmp_path / "here").write_bytes(b"x")
    for use in (
        lambda: adb.shell("true"),
        lambda: adb.push(tmp_path / "here", "/data/local/tmp/there"),
        lambda: adb.pull("/data/local/tmp/there", tmp_path / "here"),
    ):
        with pytest.raises(TargetLost, match=phone.serial):
            use()
    with pytest.raises(UserError, match=f"{phone.serial}: offline"):
        choose_device(None)
