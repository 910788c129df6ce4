"""What a photo file holds beside its pixels: EXIF data (date, place, camera), color profile."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

# Pixels are converted in bands of about so many: no whole copies beside the picture.
BAND_PIXELS = 1_000_000
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class PhotoMetadata:
    """What is kept of a photo's file when its pixels change.

    Attributes:
        exif: EXIF block without the orientation, which is applied to the pixels, and without the
            thumbnail; empty if there is none.
        icc_profile: color profile of an RGB picture; empty if there is none.
        native: uint8 [H, W, 3], upright pixels in that profile; None where they are those of sRGB.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    native: np.ndarray | None = None

    def pixels(self, rgb: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Pixels to write with `icc_profile`: what has not changed is as it was in the file.

        Args:
            rgb: uint8 [H, W, 3], sRGB, the result.
            before: uint8, sRGB, the photo that it was made of; enlarged results have another size.
        """
        if self.native is None:
            return rgb
        to_native = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), _profile(self.icc_profile), "RGB", "RGB"
        )
        same_size = rgb.shape == before.shape
        result = self.native.copy() if same_size else np.empty_like(rgb)
        rows = max(1, BAND_PIXELS // rgb.shape[1])
        for top in range(0, len(rgb), rows):
            part = np.s_[top : top + rows]
            changed = (
                (rgb[part] != before[part]).any(axis=2)
                if same_size
                else np.ones(rgb[part].shape[:2], bool)
            )
            if changed.any():
                band = np.asarray(to_native.apply(Image.fromarray(rgb[part])))
                result[part][changed] = band[changed]
        return result


NO_METADATA = PhotoMetadata()


def orientation_and_exif(image: Image.Image, notes: list[str]) -> tuple[int, bytes]:
    """EXIF orientation 1..8 (1 where it is absent or none), and the EXIF block without it."""
    try:
        exif = image.getexif()
        value = exif.pop(_ORIENTATION, 1)
        kept = exif.tobytes() if len(exif) else b""
    except MemoryError:
        raise
    except Exception:  # Damaged metadata is no reason to refuse a photo whose pixels decode.
        notes.append("damaged metadata ignored")
        return 1, b""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1, kept


class ToSrgb:
    """From a color profile to sRGB, one band after the other; all have one mode.

    Attributes:
        profile: the color profile; empty once it is found not to fit its picture.
    """

    def __init__(self, profile: bytes | None, notes: list[str]):
        self.profile = profile or b""
        self._notes = notes
        self._transform: ImageCms.ImageCmsTransform | None = None

    def __call__(self, band: Image.Image) -> Image.Image:
        if self.profile:
            try:
                if self._transform is None:
                    self._transform = ImageCms.buildTransform(
                        _profile(self.profile), ImageCms.createProfile("sRGB"), band.mode, "RGB"
                    )
                return self._transform.apply(band)
            except MemoryError:
                raise
            except Exception:  # A profile that does not fit its picture: read the pixels as is.
                self._notes.append("damaged color profile ignored")
                self.profile = b""
        return band.convert("RGB")


def _profile(content: bytes):
    return ImageCms.ImageCmsProfile(io.BytesIO(content))
