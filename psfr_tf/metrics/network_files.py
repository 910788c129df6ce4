"""Files of pretrained networks that some metrics need; they are not part of this project."""

import hashlib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psfr_tf.errors import UserError, cause
from psfr_tf.files import atomic_path, cache_folder


@dataclass(frozen=True)
class NetworkFile:
    """A file as its authors publish it.

    Attributes:
        name: file name, kept as published.
        contents: what it holds, for messages.
        url: where the authors publish it.
        sha256: first hexadecimal digits of its SHA-256, empty where none is published.
    """

    name: str
    contents: str
    url: str
    sha256: str = ""


# The digits at the end of a PyTorch file's name are the start of its SHA-256.
ALEXNET = NetworkFile(
    "alexnet-owt-7be5be79.pth",
    "AlexNet of torchvision",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be79",
)
VGG16 = NetworkFile(
    "vgg16-397923af.pth",
    "VGG16 of torchvision",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    "397923af",
)
LPIPS_ALEX = NetworkFile(
    "alex.pth",
    "linear heads of LPIPS v0.1 for AlexNet",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
)
LPIPS_VGG = NetworkFile(
    "vgg.pth",
    "linear heads of LPIPS v0.1 for VGG16",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/vgg.pth",
)
FID_INCEPTION = NetworkFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "Inception network of FID",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    "6726825d",
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
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made ({cause(error)}); set "
            "XDG_CACHE_HOME to a folder that can be written, or give --metric-files"
        ) from None
    try:
        digest = hashlib.sha256()
        with atomic_path(path) as temporary:
            with urllib.request.urlopen(file.url) as source, open(temporary, "wb") as target:
                while block := source.read(1 << 20):
                    digest.update(block)
                    target.write(block)
            if not digest.hexdigest().startswith(file.sha256):
                raise UserError(f"{file.url}: damaged download, its SHA-256 does not fit")
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
