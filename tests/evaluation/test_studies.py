"""Figures 6 and 7: what their systems compute, and the commands from end to end."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from psfr_tf.cli import main
from psfr_tf.data.toy_faces import draw_face
from psfr_tf.engines.tensorflow import TensorFlowEngine
from psfr_tf.evaluation.degraded import DegradedFaces, degraded_face
from psfr_tf.evaluation.studies import ScaledInputs, factor_variants, scale_variants
from psfr_tf.evaluation.systems import Model
from psfr_tf.model_folder import save_model_folder
from psfr_tf.models import Generator
from psfr_tf.restorer import FaceRestorer

SIZE = 64


@pytest.fixture(scope="module", params=["plain", "correction"])
def networks(request, random_networks):
    """A generator of the paper's form, and one that corrects LQ with a sub-pixel last scale."""
    generator, parsing_network = random_networks("psfr-test-64")
    if request.param == "correction":
        keras.utils.set_random_seed(6)
        generator = Generator(
            SIZE, {8: 8, 16: 8, 32: 8}, 8, False, subpixel=2, add_input=True, noise=True
        )
        generator.to_rgb.set_weights(
            [np.random.default_rng(0).normal(0, 0.05, w.shape) for w in generator.to_rgb.weights]
        )
    return generator, parsing_network


def face(seed):
    return draw_face(seed, SIZE)[0]


def test_with_all_inputs_it_is_the_model(networks):
    scaled = ScaledInputs(*networks)
    restorer = FaceRestorer(TensorFlowEngine(*networks), detector=lambda *_: [])
    for seed in (0, 1, 0):
        whole = scaled.restore(face(seed), scaled.sizes, scaled.sizes)
        expected = restorer.restore_aligned(face(seed)[None])[0]
        assert np.abs(whole.astype(int) - expected).max() <= 1  # the engine's form is rewritten


def test_each_input_matters_only_where_it_is_given(networks):
    scaled = ScaledInputs(*networks)
    add_input = networks[0].add_input
    sizes = scaled.sizes
    results = [scaled.restore(face(seed), (), ()).astype(int) for seed in (0, 1)]
    if add_input:  # all that is left of the input is what the output is added to
        results = [r - face(seed).astype(int) for seed, r in enumerate(results)]
        inside = np.all([(r + face(k) > 0) & (r + face(k) < 255) for k, r in enumerate(results)], 0)
        assert np.abs(results[0] - results[1])[inside].max() <= 1
    else:
        np.testing.assert_array_equal(*results)
    names = list(scale_variants(scaled))
    assert names[:3] == ["input", "none", f"up to {sizes[0]}"]
    assert len(names) == 2 + 4 * len(sizes)
    variants = scale_variants(scaled)
    pictures = {name: v.restore("a", face(0), face(0))[0] for name, v in variants.items()}
    full = pictures.pop(f"up to {sizes[-1]}")
    last = sizes[-1]
    np.testing.assert_array_equal(
        pictures[f"up to {sizes[-2]}"], pictures[f"without both at {last}"]
    )
    for name, picture in pictures.items():
        assert (picture != full).any(), name


@pytest.mark.parametrize("networks", ["correction"], indirect=True)
def test_noise_is_no_input(networks):
    generator, parsing_network = networks
    (noise,) = generator.reference_pyramid.weights
    before = ScaledInputs(generator, parsing_network).restore(face(0), (), ())
    kept = noise.numpy()
    noise.assign(-kept)
    after = ScaledInputs(generator, parsing_network).restore(face(0), (), ())
    noise.assign(kept)
    assert (before != after).any()


def test_zeros_are_in_the_right_channels(random_networks):
    """Zero LQ at every scale is the generator of a black-and-zero LQ reference."""
    generator, parsing_network = random_networks("psfr-test-64")
    scaled = ScaledInputs(generator, parsing_network)
    lq = face(2)
    x = lq[None].astype(np.float32) / 127.5 - 1.0
    labels = np.argmax(parsing_network(x)["logits"], -1)
    one_hot = np.eye(19, dtype=np.float32)[labels]
    zero = np.zeros_like
    for sizes, inputs in (
        (((), scaled.sizes), [zero(x), one_hot]),
        ((scaled.sizes, ()), [x, zero(one_hot)]),
    ):
        expected = (np.clip(generator(inputs)[0], -1, 1) + 1) * 127.5
        assert np.abs(scaled.restore(lq, *sizes) - expected).max() <= 0.51


class Darkener:
    size = SIZE

    def restore_and_parse(self, faces):
        return faces // 2, np.zeros(faces.shape[:3], np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed in range(3):
        Image.fromarray(draw_face(seed, SIZE)[0]).save(folder / f"face_{seed}.png")
    return folder


def test_only_the_reduction_differs(data):
    faces = DegradedFaces(data, SIZE, 3, "paper")
    systems = factor_variants(faces, "paper", Model(Darkener()), (2, 4))
    assert list(systems) == ["x2 input", "x2 restored", "x4 input", "x4 restored"]
    lq, hq = faces.load(1)
    drawn = faces.parameters(1)
    for factor in (2, 4):
        given = drawn._replace(low_size=keras.ops.convert_to_tensor(SIZE // factor, "int32"))
        expected, _ = degraded_face(faces.path(1), "paper", SIZE, given)
        found, _ = systems[f"x{factor} input"].restore("face_1", lq, hq)
        np.testing.assert_array_equal(found, expected)
        restored, _ = systems[f"x{factor} restored"].restore("face_1", lq, hq)
        np.testing.assert_array_equal(restored, found // 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scales", "factors"])
def test_command(kind, data, tmp_path, random_networks):
    weights = save_model_folder(tmp_path / "model", *random_networks("psfr-test-64"))
    out = tmp_path / "out"
    arguments = ["--weights", weights, "--data", data, "--output", out, "--metrics", "psnr", "ssim"]
    options = ["--factors", 2, 4] if kind == "factors" else ["--shown", 2]
    command = ["psfr", "figure", kind, *map(str, [*arguments, *options])]
    assert main.run(main.parse_arguments(command)) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["images"] == 3 and list(report["metrics"]) == ["psnr", "ssim"]
    means = report["metrics"]["psnr"]["mean"]
    picture = np.asarray(Image.open(out / "figure.png"))
    if kind == "scales":
        sizes = sorted(Generator.from_preset("psfr-test-64", load_weights=False).channels)
        assert len(means) == 2 + 4 * len(sizes)
        columns, rows = 3 + len(sizes), 2
    else:
        assert list(means) == ["x2 input", "x2 restored", "x4 input", "x4 restored"]
        assert means["x2 input"] > means["x4 input"]
        columns, rows = 3, 3 * 2
    assert picture.shape[1] == 4 + columns * 68
    assert picture.shape[0] > 24 + rows * 68 + 100
    # Versions are rows where they are too many for columns.
    table = (out / "table.md").read_text()
    assert ("| none |" in table) == (kind == "scales")


def test_bad_usage(tmp_path):
    for arguments in ([], ["weather"], ["scales", "--weights", "w"], ["factors", "--factors", "1"]):
        with pytest.raises(SystemExit) as exit_code:
            main.parse_arguments(["psfr", "figure", *arguments])
        assert exit_code.value.code == 2
