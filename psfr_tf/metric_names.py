"""The metrics that `psfr evaluate` knows, by name; to import `psfr_tf.metrics` takes a second."""

import difflib

# Module of psfr_tf.metrics and class of each.
CLASSES = {
    "psnr": "psnr.PSNR",
    "ssim": "ssim.SSIM",
    "ms_ssim": "ms_ssim.MSSSIM",
    "psnr_y": "psnr.PSNRY",
    "ssim_y": "ssim.SSIMY",
    "ms_ssim_y": "ms_ssim.MSSSIMY",
    "lpips_alex": "lpips.LPIPSAlex",
    "lpips_vgg": "lpips.LPIPSVGG",
    "fid": "fid.FID",
    "niqe": "niqe.NIQE",
    "landmark_distance": "landmark_distance.LandmarkDistance",
    "face_mesh": "face_mesh.FaceMeshDistance",
    "identity": "identity.IdentitySimilarity",
    "color_difference": "color_difference.ColorDifference",
    "color_difference_dark": "color_difference.ColorDifferenceDark",
    "color_difference_medium": "color_difference.ColorDifferenceMedium",
    "color_difference_light": "color_difference.ColorDifferenceLight",
    "psnr_face": "face_region.FacePSNR",
    "ssim_face": "face_region.FaceSSIM",
    "sharpness_face": "face_region.FaceSharpness",
    "identity_distance": "feature_distance.IdentityDistance",
    "perceptual_distance": "feature_distance.PerceptualDistance",
}
NAMES = tuple(CLASSES)
# For faces aligned as in FFHQ: they take the networks of a plan, and are measured when asked for.
OF_ALIGNED = NAMES[NAMES.index("psnr_face") :]
# As papers and other tools call them; "-", " " and capitals do not matter.
_ALIASES = {
    "lpips": "lpips_alex",
    "lpips_a": "lpips_alex",
    "lpips_v": "lpips_vgg",
    "lpips_vgg16": "lpips_vgg",
    "msssim": "ms_ssim",
    "msssim_y": "ms_ssim_y",
    "lmd": "landmark_distance",
    "landmarks": "landmark_distance",
    "id": "identity",
    "ids": "identity",
    "arcface": "identity",
    "deltae": "color_difference",
    "delta_e": "color_difference",
}


def known_name(text: str) -> str:
    """The name here of a metric as someone writes it; unknown ones come back in lower case."""
    name = "_".join(text.strip().lower().replace("-", "_").split())
    return _ALIASES.get(name, name)


def did_you_mean(name: str) -> str:
    """For a message about a name that is not known."""
    close = difflib.get_close_matches(name, [*NAMES, *_ALIASES], n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"there are {', '.join(NAMES)}"
