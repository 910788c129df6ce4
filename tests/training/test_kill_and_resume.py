"""A run that is killed again and again ends bit-equal to one that was left alone."""

import random
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

STEPS = 12


def command(config, output):
    arguments = ("train", "--config", config, "--output", output)
    return [sys.executable, "-m", "psfr_tf.cli.main", *map(str, arguments)]


def run(config, output):
    process = subprocess.run(command(config, output), capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def kill_after(config, output, first_checkpoint, delay):
    """Start the run, wait for a checkpoint beyond the given step, then kill it a little later."""
    process = subprocess.Popen(command(config, output), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not any(steps > first_checkpoint for steps in saved(output)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


def saved(output):
    names = (path.stem for path in (output / "checkpoints").glob("ckpt-*.index"))
    return [int(name.removeprefix("ckpt-")) for name in names]


def values(output):
    path = str(output / "checkpoints" / f"ckpt-{STEPS}")
    names = [name for name, _ in tf.train.list_variables(path)]
    return {name: tf.train.load_variable(path, name) for name in names if "_CHECKPOINT" not in name}


@pytest.mark.slow
def test_sigkill_at_random_moments_changes_no_bit(write_config, tmp_path):
    config = write_config(
        training={
            "steps": STEPS,
            "steps_per_epoch": 6,
            "deterministic": True,
            "lr_schedule": "cosine",
            "gradient_accumulation": 2,
            "clip_norm": 1.0,
        },
        data={"val_images": 0, "augment": "mild"},
        checkpoint={"every": 2},
    )
    run(config, tmp_path / "straight")
    generator = random.Random()  # a new moment in every run of this test
    kill_after(config, tmp_path / "killed", 0, generator.uniform(0.0, 0.3))
    kill_after(config, tmp_path / "killed", max(saved(tmp_path / "killed")), 0.0)
    assert "resumed" in run(config, tmp_path / "killed")

    straight, killed = values(tmp_path / "straight"), values(tmp_path / "killed")
    assert set(straight) == set(killed)
    for part in ("generator/", "discriminator/", "average/", "optimizer/", "d_optimizer/"):
        assert any(name.startswith(part) for name in straight), part
    different = [name for name in straight if straight[name].tobytes() != killed[name].tobytes()]
    assert not different
