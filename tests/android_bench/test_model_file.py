import pytest

from psfr_tf.android_bench.model_file import read_model_file
from psfr_tf.errors import UserError


def test_what_a_file_is(exported):
    folder, _ = exported
    model = read_model_file(folder / "generator_int8.tflite")
    assert (model.part, model.precision, model.size) == ("generator", "int8", 64)
    assert [(t.argument, t.shape) for t in model.inputs] == [
        ("lq", (1, 64, 64, 3)),
        ("parsing", (1, 64, 64, 19)),
    ]
    assert [t.argument for t in model.outputs] == ["restored"]
    assert model.label.endswith(" generator int8")
    assert model.size_bytes == (folder / "generator_int8.tflite").stat().st_size


def test_the_work_does_not_depend_on_the_precision(exported):
    folder, _ = exported
    work = {
        precision: read_model_file(folder / f"restorer_{precision}.tflite").multiply_adds
        for precision in ("float32", "float16", "int8-dynamic", "int8")
    }
    assert len(set(work.values())) == 1
    parts = [read_model_file(folder / f"{p}_float32.tflite") for p in ("parsing", "generator")]
    # The restorer is both networks and a one-hot between them.
    assert work["float32"] == sum(part.multiply_adds for part in parts) > 10**6


@pytest.mark.parametrize(
    "precision, kind", [("float32", "float32"), ("float16", "float16"), ("int8-dynamic", "int8")]
)
def test_a_file_of_another_project(small_model, tmp_path, precision, kind):
    """Without metadata, the type of the weights is seen in the file."""
    from psfr_tf import model_folder
    from psfr_tf.engines.parts import part_function
    from psfr_tf.engines.tensorflow_converter import convert
    from psfr_tf.models.inference_form import inference_form

    folder = model_folder.load_model_folder(small_model)
    form = inference_form(folder.generator, folder.parsing_network)
    path = tmp_path / "other.tflite"
    path.write_bytes(convert(*part_function(form, "parsing"), precision))
    model = read_model_file(path)
    assert (model.precision, model.part, model.label) == (kind, None, "other.tflite")


def test_what_is_no_model(tmp_path):
    (tmp_path / "cut.tflite").write_bytes(b"\x1c\0\0\0TFL3" + 20 * b"\xff")
    with pytest.raises(UserError, match=r"cut\.tflite: not a usable LiteRT file"):
        read_model_file(tmp_path / "cut.tflite")
    with pytest.raises(UserError, match="embedded null byte"):
        read_model_file(tmp_path / "a\0.tflite")
    with pytest.raises(UserError, match="no such file"):
        read_model_file(tmp_path / "none.tflite")


def test_the_label_is_one_line(make_model):
    assert make_model("a\n\x1b[31m.tflite").label == r"a\n\x1b[31m.tflite"
