"""`psfr benchmark`: usage."""

import pytest

from psfr_tf.cli import main


def benchmark(*arguments):
    return main.run(main.parse_arguments(["psfr", "benchmark", *map(str, arguments)]))


@pytest.mark.parametrize("arguments", [[], ["train"], ["weather", "--output", "x"]])
def test_bad_usage(arguments):
    with pytest.raises(SystemExit) as exit_code:
        benchmark(*arguments)
    assert exit_code.value.code == 2


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as exit_code:
        benchmark("local", "--help")
    assert exit_code.value.code == 0
    assert "psfr benchmark local" in capsys.readouterr().out
