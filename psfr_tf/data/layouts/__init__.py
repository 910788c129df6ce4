"""Readers of the folder layouts that `psfr prepare` knows: which files make up which face."""

from psfr_tf.data.layouts.celebamask_hq import celebamask_hq
from psfr_tf.data.layouts.face_files import FaceFiles, FaceList
from psfr_tf.data.layouts.folders import ffhq, plain_folder

__all__ = ["FaceFiles", "FaceList", "celebamask_hq", "ffhq", "plain_folder"]
