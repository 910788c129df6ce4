"""Disks that are full, and what a killed run leaves."""

import resource
import signal
from contextlib import contextmanager

import pytest

from psfr_tf import files
from psfr_tf.errors import UserError
from psfr_tf.models import FaceParsingNetwork
from psfr_tf.training.adam import Adam
from psfr_tf.training.checkpoints import RunState
from psfr_tf.training.parsing_trainer import FaceParsingTrainer


@contextmanager
def files_of_at_most(size):
    """A file that becomes larger fails to be written, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def model():
    model = FaceParsingTrainer(
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False), ema_half_life=20
    )
    model.compile(Adam(1e-3))
    return model


def test_a_checkpoint_that_does_not_fit_leaves_the_last_one(model, tmp_path):
    state = RunState(model, tmp_path)
    good = state.save()
    model.optimizer.iterations.assign(5)
    before = sorted(path.name for path in tmp_path.iterdir())
    with files_of_at_most(20_000), pytest.raises(UserError, match=r"ckpt-5: cannot write .* kept"):
        state.save()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert RunState(model, tmp_path).restore() == good


def test_the_next_run_clears_up_after_a_killed_one(model, tmp_path):
    good = RunState(model, tmp_path).save()
    (tmp_path / "ckpt-7_temp").mkdir()
    (tmp_path / "ckpt-7_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    assert RunState(model, tmp_path, writable=False).restore() == good
    assert (tmp_path / "ckpt-7_temp").exists()  # that of the chief, which may be writing
    assert RunState(model, tmp_path).restore() == good
    assert not (tmp_path / "ckpt-7_temp").exists()


def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path):
    path = tmp_path / "report.json"
    files.write_text(path, "old")
    with files_of_at_most(1000), pytest.raises(OSError) as caught:
        files.write_text(path, "x" * 100_000)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
