import pytest

from psfr_tf.android_bench.compare import compare, table, warnings
from psfr_tf.android_bench.results import save
from psfr_tf.cli import main


def times(median, spread=0.1):
    return [[median - spread, median, median + spread] * 4] * 3


@pytest.fixture
def both(make_row, make_results):
    """`both(before, after, threshold)`: verdict and regressions of one case."""

    def run(before, after, threshold=0.05):
        rows = [make_row(**before)], [make_row(**after)] if after else []
        (found,) = compare(*map(make_results, rows), threshold)
        return found.verdict, found.regressions

    return run


@pytest.mark.parametrize(
    "after, verdict, regression",
    [
        (10.0, "same", None),
        (10.3, "same", None),
        (11.0, "slower", "+10.0 % latency (noise"),
        (9.0, "faster", None),
    ],
)
def test_latency(both, after, verdict, regression):
    found, lines = both({"times_ms": times(10.0)}, {"times_ms": times(after)})
    assert found == verdict
    assert (regression is None and not lines) or regression in lines[0]


def test_noise_is_no_regression(both):
    wide = [[9.3] * 10, [10.0] * 10, [10.9] * 10]
    slower = [[9.5] * 10, [10.7] * 10, [11.5] * 10]
    assert both({"times_ms": wide}, {"times_ms": slower}) == ("unclear", [])


@pytest.mark.parametrize(
    "after, regression",
    [
        ({"psnr_db": 44.0}, "45.0 to 44.0 dB"),
        ({"psnr_db": 59.0, "before_db": 94.0}, "94.0 to 59.0 dB"),
        ({"delegated_nodes": 90}, "90 of 100 operations delegated, before 100 of 100"),
        ({"psnr_db": 5.0}, "not valid any more: wrong output"),
        (None, "not measured any more"),
    ],
)
def test_other_regressions(both, after, regression):
    before = {"psnr_db": after.pop("before_db")} if after and "before_db" in after else {}
    _, (line,) = both(before, after)
    assert regression in line


def test_what_rounding_hides_is_no_regression(both):
    assert both({"psnr_db": 94.0}, {"psnr_db": 80.0}) == ("same", [])


def test_what_else_differs_is_said(make_row, make_results):
    before = make_results([make_row(), make_row(threads=2)])
    assert warnings(before, before) == []
    after = make_results([make_row(sha256="0" * 64)], name="another")
    after.device["runtime"] = "ai-edge-litert 9"
    assert warnings(before, after) == [
        "device differs: bench, then another",
        f"runtime differs: {before.device['runtime']}, then ai-edge-litert 9",
        "the files differ (weights or export): psfr-test-64 restorer int8",
    ]


def test_memory(make_row, make_results):
    more = make_row()
    more.peak_memory_kb = 120_000
    (found,) = compare(make_results([make_row()]), make_results([more]), 0.05)
    assert "+20.0 % peak memory" in found.regressions[0]


def test_the_runtime_of_onnx_files_is_that_of_their_rows(make_row, make_results):
    for delegate, lines in (("xnnpack", 0), ("onnxruntime", 1)):
        before, after = (make_results([make_row(delegate=delegate)]) for _ in range(2))
        before.device["onnxruntime"], after.device["onnxruntime"] = "1.32.0", "1.33.0"
        assert warnings(before, after) == ["onnxruntime differs: 1.32.0, then 1.33.0"] * lines


def test_figures_that_nothing_can_be_divided_by(make_row, make_results):
    no_memory, no_times, zeros = make_row(), make_row(), make_row()
    no_memory.peak_memory_kb = 0
    no_times.processes = []
    zeros.processes[0].latencies_ms = [0.0] * 10

    def verdict(before, after):
        (found,) = compare(make_results([before]), make_results([after]), 0.05)
        return found.verdict, found.regressions

    assert verdict(no_memory, make_row()) == ("same", [])
    for row in (no_times, zeros):
        assert verdict(row, make_row()) == ("not valid", [])
        found, (line,) = verdict(make_row(), row)
        assert found == "broken" and line.endswith("not valid any more: no times")


def test_what_was_not_valid_before_is_no_regression(both):
    assert both({"psnr_db": 5.0}, {"times_ms": times(99.0)}) == ("not valid", [])


def test_cases_are_matched_by_what_they_are(make_row, make_results):
    before = [make_row(threads=1), make_row(threads=2, times_ms=times(5.0))]
    after = [make_row(threads=2, times_ms=times(5.0), sha256="0" * 64), make_row(threads=1)]
    found = compare(make_results(before), make_results(after), 0.05)
    assert [each.verdict for each in found] == ["same", "same"]
    assert "psfr-test-64 restorer int8, xnnpack, threads 2 | 5.00 | 5.00" in table(found)


def test_the_command(make_row, make_results, tmp_path, capsys):
    for name, median in (("a", 10.0), ("b", 12.0), ("c", None)):
        (tmp_path / name).mkdir()
        row = make_row(times(median)) if median else make_row(times(1.0), psnr_db=1.0)
        save(make_results([row]), tmp_path / name)

    def psfr(*arguments):
        words = ["psfr", "benchmark", "compare", *map(str, arguments)]
        return main.run(main.parse_arguments(words))

    a, b, c = tmp_path / "a", tmp_path / "b/results.json", tmp_path / "c"
    assert psfr(a, a) == 0
    assert psfr(a, b, "--output", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "psfr: regression: psfr-test-64 restorer int8" in captured.err
    assert "+20.0 %" in captured.out and (tmp_path / "out/report.html").is_file()
    assert psfr(a, b, "--threshold", 25) == 0
    assert psfr(a, c) == 1 and "not valid any more: wrong output" in capsys.readouterr().err
    assert psfr(c, a) == 1
    captured = capsys.readouterr()
    assert "no valid case in common" in captured.err and "not valid |" in captured.out
    with pytest.raises(SystemExit) as end:
        psfr(a, b, "--threshold", "much")
    assert end.value.code == 2
