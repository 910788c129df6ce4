"""Files of pretrained networks that some metrics need; they are not part of this project."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError, cause
from psfr_tf.files import cache_folder


@dataclass(frozen=True)
class NetworkFile:
    """A file as its authors publish it.

    Attributes:
        contents: what it holds, for messages.
        url: where the authors publish it; the file keeps its name.
    """

    contents: str
    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def sha256(self) -> str:
        """First digits of its SHA-256, which end the name of a file for PyTorch; "" for others."""
        return Path(self.name).stem.rpartition("-")[2] if "-" in self.name else ""


_TORCHVISION = "https://download.pytorch.org/models/"
_LPIPS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/"
)
ALEXNET = NetworkFile("AlexNet of torchvision", _TORCHVISION + "alexnet-owt-7be5be79.pth")
VGG16 = NetworkFile("VGG16 of torchvision", _TORCHVISION + "vgg16-397923af.pth")
LPIPS_ALEX = NetworkFile("linear heads of LPIPS v0.1 for AlexNet", _LPIPS + "alex.pth")
LPIPS_VGG = NetworkFile("linear heads of LPIPS v0.1 for VGG16", _LPIPS + "vgg.pth")
FID_INCEPTION = NetworkFile(
    "Inception network of FID",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
)
DOWNLOADABLE = (ALEXNET, VGG16, LPIPS_ALEX, LPIPS_VGG, FID_INCEPTION)


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/psfr_tf/metrics`, else `~/.cache/psfr_tf/metrics`."""
    return cache_folder() / "metrics"


def find(file: NetworkFile, folder: Path) -> Path:
    """The path of a file in `folder`.

    Raises:
        UserError: if it is not there; one line says where to get it and where to put it.
    """
    path = folder / file.name
    if not path.is_file():
        raise UserError(f"{path} ({file.contents}) is missing: get {file.url} and put it there")
    return path


def download(file: NetworkFile, folder: Path) -> Path:
    """Fetch a file to `folder` from where its authors publish it, unless it already exists.

    Raises:
        UserError: if the download fails, or its SHA-256 is not the published one.
    """
    path = folder / file.name
    if path.is_file():
        return path
    try:
        from torch.hub import download_url_to_file
    except ImportError:
        raise UserError("the files of metrics need PyTorch: pip install 'psfr_tf[torch]'") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made ({cause(error)}); set "
            "XDG_CACHE_HOME to a folder that can be written, or give --metric-files"
        ) from None
    try:
        download_url_to_file(file.url, str(path), file.sha256 or None)
    except RuntimeError as error:
        raise UserError(f"{file.url}: damaged download, its SHA-256 does not fit") from error
    except OSError as error:
        raise UserError(f"{file.url}: cannot be downloaded to {folder} ({error})") from error
    return path


def take(state: dict[str, np.ndarray], name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """One tensor of a checkpoint, float32.

    Raises:
        UserError: if it is not there, or has another shape.
    """
    found = state.get(name)
    if found is None or found.shape != shape:
        what = "nothing" if found is None else list(found.shape)
        raise UserError(f"{path}: tensor {name} should have shape {list(shape)}, found {what}")
    return found.astype(np.float32)


def kernel(state: dict[str, np.ndarray], name: str, shape: tuple[int, ...], path: Path):
    """The weights of a convolution in Keras' order, of a `shape` [H, W, inputs, outputs]."""
    height, width, inputs, outputs = shape
    return take(state, name, (outputs, inputs, height, width), path).transpose(2, 3, 1, 0)
