"""LPIPS against the published definition in PyTorch, on shared random weights."""

import numpy as np
import pytest

from psfr_tf.errors import UserError
from psfr_tf.metrics.lpips import LPIPSVGG, LPIPSAlex
from psfr_tf.metrics.network_files import ALEXNET, LPIPS_ALEX, LPIPS_VGG, VGG16

torch = pytest.importorskip("torch")
nn = torch.nn


def alexnet_features():
    """`torchvision.models.alexnet().features`, as its documentation lists it."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
    )


def vgg16_features():
    """`torchvision.models.vgg16().features`, configuration D of the VGG paper."""
    modules, before = [], 3
    for item in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", *([512] * 3 + ["M"]) * 2):
        if item == "M":
            modules.append(nn.MaxPool2d(2, 2))
        else:
            modules += [nn.Conv2d(before, item, 3, padding=1), nn.ReLU()]
            before = item
    return nn.Sequential(*modules)


# Index of the last module of each slice in the paper's code.
NETWORKS = {
    "alex": (LPIPSAlex, alexnet_features, (1, 4, 7, 9, 11), ALEXNET, LPIPS_ALEX),
    "vgg": (LPIPSVGG, vgg16_features, (3, 8, 15, 22, 29), VGG16, LPIPS_VGG),
}


def lpips_in_torch(features, heads, last, image, reference):
    def scaled(x):
        x = torch.tensor(x).permute(2, 0, 1)[None].double() / 255 * 2 - 1
        shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
        return (x - shift) / torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)

    x, y, total = scaled(image), scaled(reference), 0.0
    for index, module in enumerate(features):
        x, y = module(x), module(y)
        if index in last:
            unit = [z / (z.pow(2).sum(1, keepdim=True).sqrt() + 1e-10) for z in (x, y)]
            head = heads[last.index(index)]
            total += nn.functional.conv2d((unit[0] - unit[1]) ** 2, head).mean()
    return float(total)


@pytest.fixture(scope="module", params=list(NETWORKS))
def networks(request, tmp_path_factory):
    """The metric with random weights from files as published, and the same in PyTorch."""
    metric, build, last, backbone_file, heads_file = NETWORKS[request.param]
    torch.manual_seed(1)
    features = build()
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    folder = tmp_path_factory.mktemp(request.param)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    state["classifier.6.weight"] = torch.zeros(2, 2)  # the published file has the classifier too
    torch.save(state, folder / backbone_file.name)
    widths = [[m for m in features[: k + 1] if isinstance(m, nn.Conv2d)][-1] for k in last]
    heads = [torch.rand(1, layer.out_channels, 1, 1) for layer in widths]
    torch.save({f"lin{k}.model.1.weight": h for k, h in enumerate(heads)}, folder / heads_file.name)
    return metric(folder), features.double(), [h.double() for h in heads], last, folder


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 64), (75, 90)])
def test_equals_the_published_definition(networks, shape):
    metric, features, heads, last, _ = networks
    rng = np.random.default_rng(2)
    reference, other = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    near = np.clip(reference + rng.normal(0, 8, reference.shape), 0, 255).astype(np.uint8)
    with torch.no_grad():
        expected = [
            lpips_in_torch(features, heads, last, image, reference)
            for image in (near, other, reference)
        ]
    found = metric.compare([near, other, reference], reference)
    # The network runs in float32 here, in float64 there.
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-5)
    assert found[2] == pytest.approx(0.0, abs=1e-9) and expected[2] == 0.0
    assert 0.0 < found[0] < found[1]


def test_missing_and_wrong_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"alexnet-owt-7be5be79\.pth .* is missing: get https://"):
        LPIPSAlex(tmp_path)
    (tmp_path / ALEXNET.name).write_bytes(b"")
    with pytest.raises(UserError, match=r"alex\.pth \(linear heads .* is missing"):
        LPIPSAlex(tmp_path)
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / ALEXNET.name)
    torch.save({}, tmp_path / LPIPS_ALEX.name)
    with pytest.raises(UserError, match=r"features\.0\.weight should have shape \[64, 3, 11, 11\]"):
        LPIPSAlex(tmp_path)
