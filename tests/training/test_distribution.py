"""What a worker reads, who writes, and two replicas against one device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.config import load_config
from psfr_tf.data.datasets import FaceFolder, training_dataset
from psfr_tf.errors import UserError
from psfr_tf.training import distribution


@pytest.fixture
def tf_config(monkeypatch):
    def write(value):
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv("TF_CONFIG", text)

    return write


def test_first_worker_is_the_chief(tf_config, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distribution.is_chief()
    two = {"worker": ["a:1", "b:1"]}
    for index in range(2):
        tf_config({"cluster": two, "task": {"type": "worker", "index": index}})
        assert distribution.is_chief() == (index == 0)
    named = {"chief": ["a:1"], "worker": ["b:1"]}
    for job in named:
        tf_config({"cluster": named, "task": {"type": job, "index": 0}})
        assert distribution.is_chief() == (job == "chief")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "no attribute"),
        ({"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}, "unknown task type ps"),
        ({"cluster": {"worker": ["a:1", "b:1"]}}, "not in list"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}, "not in list"),
    ],
)
def test_unusable_tf_config_is_one_line(tf_config, value, reason):
    tf_config(value)
    with pytest.raises(UserError, match=f"TF_CONFIG: expected .*{reason}") as caught:
        distribution.is_chief()
    assert "\n" not in str(caught.value)


def test_strategy_and_tf_config_must_agree(write_config, tf_config, monkeypatch):
    path = write_config()
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match=r"multi_worker needs .* TF_CONFIG"):
        distribution.strategy_of(load_config(path, ["training.strategy=multi_worker"]))
    workers = {"worker": ["a:1", "b:1"]}
    tf_config({"cluster": workers, "task": {"type": "worker", "index": 0}})
    with pytest.raises(UserError, match=r"2 workers, but training\.strategy is default"):
        distribution.strategy_of(load_config(path))


def test_parts_of_the_workers_are_the_batch_of_one_device(toy_data):
    """Two workers with two replicas each; batches of 8 of 6 faces, from a position inside one."""
    faces = FaceFolder(toy_data / "images", toy_data / "masks")
    whole = iter(training_dataset(faces, 64, 8, seed=2, start_index=3))
    parts = [
        iter(
            training_dataset(
                faces, 64, 8, seed=2, start_index=3, part=tf.distribute.InputContext(2, worker, 4)
            )
        )
        for worker in range(2)
    ]
    for _ in range(3):
        pieces = [next(part)["lq"] for part in parts for _ in range(2)]
        assert [len(piece) for piece in pieces] == [2, 2, 2, 2]
        np.testing.assert_array_equal(tf.concat(pieces, 0), next(whole)["lq"])


@pytest.mark.slow
def test_two_logical_devices_equal_one():
    checks = Path(__file__).with_name("mirrored_checks.py")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr[-5000:]
