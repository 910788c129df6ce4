"""`psfr train` from config to weights: files, resume, signals, start weights."""

import argparse
import json
import os
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.cli import train as command
from psfr_tf.config import load_config
from psfr_tf.errors import UserError
from psfr_tf.model_folder import load_model_folder, save_model_folder
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.training import initial_weights, run
from psfr_tf.training.build import networks_of
from psfr_tf.training.callbacks import Checkpointing, RunInterrupted


def read_stats(output):
    return [json.loads(line) for line in (output / "stats.jsonl").read_text().splitlines()]


def weights(folder):
    return load_model_folder(folder).generator.get_weights()


@pytest.fixture(scope="module")
def finished(config_writer, tmp_path_factory):
    """The folder of a run with every loss, and what it said."""
    folder, said = tmp_path_factory.mktemp("finished"), []
    schedule = {"lr_schedule": "linear", "warmup_steps": 1}
    config = load_config(config_writer(folder / "config.yaml", training=schedule))
    assert run.train(config, folder / "run", said.append) == folder / "run" / "model"
    return folder / "run", said


def test_psfrgan_run_writes_a_model_that_loads(finished):
    folder, said = finished
    model = load_model_folder(folder / "model")
    assert model.size == 64 and model.config["preset"] == "psfr-test-64"
    assert model.config["provenance"]["steps"] == 2
    assert MultiScaleDiscriminator.from_preset(folder / "model").weights
    (record,) = read_stats(folder)
    assert record["step"] == 2 and record["images"] == 4
    assert {"pixel", "style", "adversarial_d", "val_psnr", "val_ssim"} <= set(record)
    assert all(np.isfinite(value) for value in record.values())
    assert (folder / "grids" / "step_000002.png").is_file()
    assert "steps: 2" in (folder / "config.yaml").read_text()
    assert json.loads((folder / "environment.json").read_text())["keras"]
    assert keras.config.dtype_policy().name == "float32"
    assert said == []


def test_logs_hold_rates_scores_and_sigmas(finished):
    folder, _ = finished
    record = read_stats(folder)[-1]
    assert record["learning_rate_d"] == pytest.approx(4 * record["learning_rate"])
    assert {"score_real_0", "score_fake_1", "gradient_norm_d"} <= set(record)
    (events,) = (folder / "tensorboard").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert {"learning_rate", "score_fake_0", "images_per_second", "faces", "pixel"} <= tags
    assert sum(tag.startswith("sigma/generator/") for tag in tags) == 28
    assert sum(tag.startswith("sigma/discriminator/") for tag in tags) == 8


@pytest.mark.slow
def test_a_stopped_run_resumes(write_config, tmp_path):
    """That it ends as one that was left alone: test_kill_and_resume.py."""
    config = load_config(
        write_config(losses={"style_weight": 0, "adversarial_weight": 0}, data={"val_images": 0}),
        ["training.lr_schedule=cosine", "training.steps=4"],
    )

    class Stop(Checkpointing):
        def on_train_batch_end(self, batch, logs=None):
            if self.state.step == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            super().on_train_batch_end(batch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Checkpointing", Stop)
        with pytest.raises(RunInterrupted, match="SIGTERM at step 2"):
            run.train(config, tmp_path / "resumed", print)
    stopped = weights(tmp_path / "resumed" / "model")
    said = []
    resumed = weights(run.train(config, tmp_path / "resumed", said.append))
    assert said == [f"resumed {tmp_path / 'resumed'} at step 2 (4 images)"]
    assert any((one != other).any() for one, other in zip(stopped, resumed, strict=True))
    assert [record["images"] for record in read_stats(tmp_path / "resumed")] == [4, 8]

    said.clear()
    run.train(config, tmp_path / "resumed", said.append)
    assert said[-1].endswith("all 4 steps are done already")


@pytest.mark.slow
def test_fpn_run_feeds_the_next_one(write_config, tmp_path):
    fpn = load_config(write_config(model="fpn", training={"parsing_weights": None}))
    folder = run.train(fpn, tmp_path / "fpn", print)
    assert [path.name for path in folder.iterdir()] == ["parsing.weights.h5"]
    assert {"miou", "cross_entropy", "val_miou"} <= set(read_stats(tmp_path / "fpn")[0])

    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    parsing = FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False)
    save_model_folder(tmp_path / "pretrain", generator, parsing)
    start = {"parsing_weights": str(tmp_path / "fpn"), "init": str(tmp_path / "pretrain")}
    config = load_config(write_config(training=start))
    networks = networks_of(config)
    initial_weights.load(networks, config)
    parsing.load_weights(folder / "parsing.weights.h5")
    for name, expected in (("generator", generator), ("parsing", parsing)):
        for one, other in zip(networks[name].get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_mistakes_in_paths_are_one_line(write_config, tmp_path):
    def message(*overrides):
        with pytest.raises(UserError) as caught:
            run.train(load_config(write_config(), overrides), tmp_path / "run", print)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "needs a trained face parsing network" in message("training.parsing_weights=null")
    assert "training.parsing_weights: nowhere/parsing.weights.h5 does not exist" in message(
        "training.parsing_weights=nowhere"
    )
    assert "training.init: nowhere/generator" in message("training.init=nowhere")
    assert "no face of split 'tain'" in message("data.train_split=tain")
    generator = tmp_path / "generator.weights.h5"
    Generator.from_preset("psfr-test-64", load_weights=False).save_weights(generator)
    assert "cannot be loaded as the FaceParsingNetwork" in message(
        f"training.parsing_weights={generator}"
    )


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(finished, write_config, tmp_path):
    path = write_config(data={"val_images": 0})
    shutil.copytree(finished[0], tmp_path / "run")
    config = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(UserError, match="does not fit this config"):
        run.train(load_config(path, ["model=fpn", "training.steps=4"]), tmp_path / "run", print)
    assert (tmp_path / "run" / "config.yaml").read_text() == config


def parse(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def test_dry_run_writes_nothing(write_config, tmp_path, capsys):
    output = tmp_path / "run"
    arguments = ("--config", write_config(), "--output", output, "--set", "training.steps=6")
    assert command.run(parse(*arguments, "--dry-run")) == 0
    printed = capsys.readouterr().out
    expected = sum(
        int(np.prod(weight.shape))
        for weight in Generator.from_preset("psfr-test-64", load_weights=False).trainable_weights
    )
    assert f"generator: {expected:,} trainable parameters" in printed
    assert (
        "steps: 6 of 2 faces of 64 px, 3.0 passes over the data, 2 steps per epoch, 3 epochs"
        in printed
    )
    assert "faces: 4 for training, 2 for validation" in printed
    assert not output.exists()


def test_the_command_reports_a_run_and_not_one_that_fails_later(write_config, tmp_path, capsys):
    losses = {"style_weight": 0, "adversarial_weight": 0}
    path = write_config(losses=losses, data={"val_images": 0})
    arguments = ("--config", path, "--output", tmp_path / "run")
    assert command.run(parse(*arguments)) == 0
    assert f"weights: {tmp_path / 'run' / 'model'}" in capsys.readouterr().out
    assert (tmp_path / "run" / "checkpoints" / "ckpt-2.index").is_file()
    assert not (tmp_path / "run" / "model" / "discriminator.weights.h5").exists()
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["finished"] and report["last"]["step"] == 2

    # As a kill while the line was written would leave it.
    with (tmp_path / "run" / "stats.jsonl").open("a") as file:
        file.write('{"step": 3, "ima')
    too_fast = ("--set", "training.steps=6", "--set", "training.lr_g=1e30")
    with pytest.raises(UserError, match="not finite"):
        command.run(parse(*arguments, *too_fast))
    assert not (tmp_path / "run" / "report.json").exists()
    assert [record["step"] for record in read_stats(tmp_path / "run")][:1] == [2]


def test_a_weights_file_starts_one_network(finished, write_config, tmp_path):
    file = finished[0] / "model" / "generator.weights.h5"
    config = load_config(write_config(), [f"training.init={file}"])
    networks = networks_of(config)
    before = networks["discriminator"].get_weights()
    initial_weights.load(networks, config)
    for loaded, saved in zip(
        networks["generator"].get_weights(), weights(finished[0] / "model"), strict=True
    ):
        np.testing.assert_array_equal(loaded, saved)
    for one, other in zip(networks["discriminator"].get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match="needs a trained face parsing network"):
        initial_weights.load(
            networks,
            load_config(
                write_config(training={"parsing_weights": None}), [f"training.init={file}"]
            ),
        )


def test_validation_sees_every_face_again_and_again(write_config, toy_data):
    faces = run.FaceFolder(toy_data / "images", toy_data / "masks")
    pairs = run.validation_pairs(faces, 64, load_config(write_config()))
    batches = list(run.validation_batches(pairs, 4).take(4))
    assert [len(batch["lq"]) for batch in batches] == [4, 2, 4, 2]
    np.testing.assert_array_equal(batches[0]["lq"], batches[2]["lq"])


def test_a_dry_run_names_all_that_the_run_refuses_and_still_prints_sizes(
    write_config, tmp_path, capsys
):
    other = FaceParsingNetwork(image_size=64, encoder_channels=(4, 8, 8), num_residual_blocks=1)
    other.save_weights(tmp_path / "other.weights.h5")
    wrong = ("data.images=/none/a", "data.masks=/none/b", "data.manifest=/none/c")
    wrong += (f"training.parsing_weights={tmp_path / 'other.weights.h5'}",)
    options = [part for text in wrong for part in ("--set", text)]
    assert command.run(parse("--config", write_config(), "--dry-run", *options)) == 1
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 4 and all(line.startswith("psfr: error: ") for line in lines)
    assert all(f"/none/{name}: no such" in printed.err for name in "abc")
    assert "other.weights.h5: cannot be loaded as the FaceParsingNetwork" in lines[3]
    assert "trainable parameters" in printed.out and "epochs" in printed.out
    assert "steps: 2 of 2 faces of 64 px, 2 steps per epoch" in printed.out


def test_two_runs_in_one_folder(write_config, tmp_path):
    from psfr_tf.output_lock import only_run_in

    output = tmp_path / "run"
    output.mkdir()
    refused = pytest.raises(UserError, match="another psfr command is writing to this folder")
    with only_run_in(output), refused:
        run.train(load_config(write_config()), output, print)
    assert os.listdir(output) == []
