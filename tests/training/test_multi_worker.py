"""`psfr train` in two processes on loopback, one of which is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from psfr_tf.config import load_config
from psfr_tf.training import run

STEPS, EVERY = 24, 4
MINUTE = 60  # deadlines are generous: nothing is compared with them


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Workers:
    """Processes `psfr train`, worker 0 and 1, with a run folder each."""

    def __init__(self, config, folder):
        self.folder = folder
        self.processes = []
        addresses = [f"localhost:{port}" for port in free_ports(2)]
        for index in range(2):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            command = [sys.executable, "-m", "psfr_tf.cli.main", "train", "--config", str(config)]
            command += ["--output", str(folder / str(index))]
            with self.log(index).open("w") as log:
                process = subprocess.Popen(
                    command,
                    env={**os.environ, "TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": ""},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.processes.append(process)

    def log(self, index):
        return self.folder / f"worker{index}.log"

    def wait_for_checkpoint(self, step):
        deadline = time.monotonic() + 5 * MINUTE
        while not (self.folder / "0" / "checkpoints" / f"ckpt-{step}.index").is_file():
            running = [process.poll() is None for process in self.processes]
            assert all(running) and time.monotonic() < deadline, self.logs()
            time.sleep(0.02)

    def exit_codes(self):
        try:
            return [process.wait(5 * MINUTE) for process in self.processes]
        except subprocess.TimeoutExpired:
            pytest.fail(f"a worker hangs:\n{self.logs()}")

    def logs(self):
        return "\n".join(self.log(index).read_text() for index in range(2))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def stats(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_killed_worker_is_started_again_and_the_run_resumes(write_config, tmp_path):
    config = write_config(
        training={
            "steps": STEPS,
            "steps_per_epoch": STEPS,
            "batch_size": 4,
            "strategy": "multi_worker",
        },
        losses={"style_weight": 0, "adversarial_weight": 0},
        checkpoint={"every": EVERY},
    )
    with Workers(config, tmp_path) as workers:
        workers.wait_for_checkpoint(EVERY)
        workers.processes[1].kill()
        assert workers.exit_codes() == [1, -signal.SIGKILL]
        last = workers.log(0).read_text().splitlines()[-1]
        assert "psfr: error: lost the connection to another worker (localhost:" in last
        assert "Traceback" not in workers.logs()

    with Workers(config, tmp_path) as workers:
        workers.wait_for_checkpoint(3 * EVERY)
        workers.processes[1].send_signal(signal.SIGTERM)
        assert workers.exit_codes() == [1, 1]
        assert "resumed" in workers.log(0).read_text()
        assert "psfr train: stopped by another worker at step" in workers.log(0).read_text()
        assert "psfr train: stopped by SIGTERM at step" in workers.log(1).read_text()
        stopped = json.loads((tmp_path / "0" / "report.json").read_text())
        assert not stopped["finished"]

    with Workers(config, tmp_path) as workers:
        assert workers.exit_codes() == [0, 0], workers.logs()
    assert not (tmp_path / "1").exists()
    assert json.loads((tmp_path / "0" / "report.json").read_text())["finished"]
    records = stats(tmp_path / "0")
    assert [record["step"] for record in records][-1] == STEPS

    # Without any of this, on one device: the same images, the same losses.
    run.train(load_config(config, ["training.strategy=default"]), tmp_path / "single", print)
    expected = stats(tmp_path / "single")[-1]
    assert records[-1]["images"] == expected["images"] == 4 * STEPS
    for name in ("val_psnr", "val_ssim"):
        assert records[-1][name] == pytest.approx(expected[name], rel=0.01), name
