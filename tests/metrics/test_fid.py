"""FID: the network against its definition in PyTorch on random weights, the distance in float64."""

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm

from psfr_tf.errors import UserError
from psfr_tf.metrics.fid import FID, FeatureStatistics, RunningStatistics, frechet_distance
from psfr_tf.metrics.network_files import FID_INCEPTION


def gaussian(rng, size, rank):
    """Statistics of `rank` random features, singular if rank is below size."""
    features = rng.standard_normal((rank + 1, size)) @ rng.standard_normal((size, size))
    running = RunningStatistics()
    running.update(features + rng.standard_normal(size))
    return running.result()


def test_running_statistics_equal_numpy():
    features = np.random.default_rng(0).normal(1000.0, 0.1, (50, 6)).astype(np.float32)
    running = RunningStatistics()
    for part in np.split(features, [1, 8, 8, 30]):
        running.update(part)
    statistics = running.result()
    np.testing.assert_allclose(statistics.mean, features.astype(float).mean(0), rtol=1e-14)
    expected = np.cov(features.astype(float), rowvar=False)
    np.testing.assert_allclose(statistics.covariance, expected, rtol=1e-9, atol=1e-12)
    assert statistics.images == 50
    with pytest.raises(ValueError, match="two pictures"):
        RunningStatistics().result()


def test_distance_equals_the_matrix_root():
    rng = np.random.default_rng(1)
    a, b = gaussian(rng, 24, 40), gaussian(rng, 24, 60)
    root = sqrtm(a.covariance @ b.covariance).real
    expected = np.sum((a.mean - b.mean) ** 2)
    expected += np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-10)


def test_distance_of_singular_covariances():
    rng = np.random.default_rng(2)
    a = gaussian(rng, 32, 5)
    moved = FeatureStatistics(a.mean + 0.5, a.covariance)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9 * np.trace(a.covariance))
    assert frechet_distance(a, moved) == pytest.approx(32 * 0.25, rel=1e-6)
    # One covariance is zero: only trace and means remain.
    point = FeatureStatistics(a.mean, np.zeros_like(a.covariance))
    assert frechet_distance(a, point) == pytest.approx(np.trace(a.covariance), rel=1e-9)
    with pytest.raises(ValueError, match="one length"):
        frechet_distance(a, gaussian(rng, 8, 9))


def test_statistics_in_the_format_of_pytorch_fid(tmp_path):
    a = gaussian(np.random.default_rng(3), 6, 9)
    a.save(tmp_path / "a.npz")
    loaded = FeatureStatistics.load(tmp_path / "a.npz")
    assert frechet_distance(a, loaded) == pytest.approx(0.0, abs=1e-9) and loaded.images == 10
    np.savez(tmp_path / "theirs.npz", mu=a.mean, sigma=a.covariance)
    assert FeatureStatistics.load(tmp_path / "theirs.npz").images == 0
    np.savez(tmp_path / "other.npz", mean=a.mean)
    np.savez(tmp_path / "odd.npz", mu=a.mean, sigma=a.covariance[:2])
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    for name in ("other", "odd", "damaged", "absent"):
        with pytest.raises(UserError, match=f"{name}.npz"):
            FeatureStatistics.load(tmp_path / f"{name}.npz")


def test_missing_network_is_named(tmp_path):
    with pytest.raises(UserError, match=r"pt_inception.*is missing: get https://github\.com/"):
        FID(tmp_path)


@pytest.mark.slow
def test_network_equals_the_published_graph(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from torch_inception import TorchFIDInception

    torch.manual_seed(4)
    theirs = TorchFIDInception().eval()
    rng = np.random.default_rng(4)
    for module in theirs.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.normal_(module.bias, std=0.2)
            torch.nn.init.normal_(module.running_mean, std=0.2)
            torch.nn.init.uniform_(module.running_var, 0.7, 1.3)
    torch.save(theirs.state_dict(), tmp_path / FID_INCEPTION.name)
    fid = FID(tmp_path)
    for side in (180, 320):  # enlarged and reduced
        images = rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8)
        with torch.no_grad():
            expected = theirs(torch.tensor(images).permute(0, 3, 1, 2) / 255.0).numpy()
        found = fid.features(list(images))
        assert found.shape == (2, 2048)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.std())
    # The distance of sets, from features of either.
    images = rng.integers(0, 256, (2, 3, 75, 75, 3), dtype=np.uint8)
    distances = []
    for features in (
        lambda x: fid.features(list(x)),
        lambda x: theirs(torch.tensor(x).permute(0, 3, 1, 2) / 255.0).detach().numpy(),
    ):
        statistics = []
        for part in images:
            running = RunningStatistics()
            running.update(features(part))
            statistics.append(running.result())
        distances.append(frechet_distance(*statistics))
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)
