import pytest

from psfr_tf.cli import main


def export(*arguments):
    return main.run(main.parse_arguments(["psfr", "export", "litert", *map(str, arguments)]))


@pytest.mark.parametrize("precision", ["int4", "float32,half", ","])
def test_unknown_precisions_are_bad_usage(precision, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        export("--weights", "psfr-mobile-256", "--output", tmp_path, "--precision", precision)
    assert end.value.code == 2
    assert "is not one of float32, float16, int8-dynamic" in capsys.readouterr().err


def test_unknown_weights(tmp_path, capsys):
    assert export("--weights", tmp_path / "none", "--output", tmp_path) == 1
    assert "neither a model folder nor shipped weights" in capsys.readouterr().err


def test_too_few_faces(tmp_path, capsys):
    data = tmp_path / "faces"
    data.mkdir()
    (data / "a.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert export("--weights", "psfr-mobile-256", "--data", data, "--output", out) == 1
    assert f"{data}: 0 usable faces; 16 are needed" in capsys.readouterr().err


def test_precisions_of_the_help_are_those_of_the_exporter():
    from psfr_tf.cli.export_litert import PRECISIONS
    from psfr_tf.export.variants import VARIANTS

    assert tuple(VARIANTS) == PRECISIONS


def test_help_of_a_format_has_an_example(capsys):
    with pytest.raises(SystemExit) as end:
        main.parse_arguments(["psfr", "export", "litert", "--help"])
    assert end.value.code == 0
    assert "psfr export litert" in capsys.readouterr().out.partition("example:")[2]
