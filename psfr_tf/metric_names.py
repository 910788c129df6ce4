"""Names of the metrics of `psfr_tf.metrics.choice`, which is slow to import."""

NAMES = (
    "psnr",
    "ssim",
    "ms_ssim",
    "psnr_y",
    "ssim_y",
    "ms_ssim_y",
    "lpips_alex",
    "lpips_vgg",
    "fid",
    "niqe",
    "landmark_distance",
    "face_mesh",
    "identity",
    "color_difference",
    "color_difference_dark",
    "color_difference_medium",
    "color_difference_light",
    "psnr_face",
    "ssim_face",
    "sharpness_face",
    "identity_distance",
    "perceptual_distance",
)
# For faces aligned as in FFHQ: they take the networks of a plan, and are measured when asked for.
OF_ALIGNED = NAMES[NAMES.index("psnr_face") :]
