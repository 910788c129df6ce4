import numpy as np
import pytest

from psfr_tf.android_bench.statistics import change, noise, summary


def processes(rng, median, between, within, count=3, runs=30):
    centers = rng.normal(median, between, count)
    return [rng.normal(center, within, runs) for center in centers]


def test_percentiles():
    figures = summary(np.arange(101.0)[::-1])
    assert (figures.p50_ms, figures.p90_ms, figures.p95_ms, figures.p99_ms) == (50, 90, 95, 99)
    assert (figures.runs, figures.mean_ms, figures.min_ms, figures.max_ms) == (101, 50, 0, 100)


def test_noise_sees_processes_that_differ():
    """Each process is precise, but they disagree: more runs do not make up for that."""
    rng = np.random.default_rng(0)
    calm = noise(processes(rng, 100, 0.0, 1.0))
    uneven = noise(processes(rng, 100, 5.0, 1.0))
    assert calm < 1 < 2 < uneven
    assert noise([[10.0] * 5] * 3) == 0


def test_the_interval_covers_the_truth():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(40):
        sample = processes(rng, 100, 0.0, 5.0)
        middle = np.median(np.concatenate(sample))
        hits += abs(middle - 100) <= noise(sample)
    assert hits >= 34


@pytest.mark.parametrize(
    "factor, spread, threshold, verdict",
    [
        (1.20, 0.01, 0.05, "slower"),
        (0.80, 0.01, 0.05, "faster"),
        (1.00, 0.01, 0.05, "same"),
        (1.03, 0.01, 0.05, "same"),
        (1.08, 0.30, 0.05, "unclear"),
        (1.00, 0.30, 0.05, "unclear"),
    ],
)
def test_verdicts(factor, spread, threshold, verdict):
    rng = np.random.default_rng(2)
    first = processes(rng, 100, 100 * spread, 1.0, count=4)
    found = change(first, [factor * process for process in first])
    assert found.change == pytest.approx(factor - 1)
    assert found.verdict(threshold) == verdict


def test_one_figure_for_each_process():
    """What `benchmark_model` gives."""
    found = change([[10.0], [10.1], [9.9]], [[12.0], [12.1], [11.9]])
    assert found.verdict(0.05) == "slower" and 0.15 < found.low < 0.2 < found.high < 0.25
