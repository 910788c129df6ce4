"""The whole of `psfr restore` as one TensorFlow graph: photo files in, restored files out.

    codec.py         bytes to pixels and back          believe.py   which faces to restore
    networks.py      the networks of MTCNN             changes.py   what is added to a face
    mtcnn.py         the cascade of the three          masks.py     where in the face it is added
    detect.py        faces of a photo                  paste.py     faces back into the photo
    align.py         transforms and warps              signature.py all of it

Each step is the one of `psfr_tf.faces` under the same name, in operations that TF Serving has; the
constants are read from there, and tests hold the two equal. A change of one is a change of both.
Arguments and results are tensors; `f64` means float64, shapes as there.
"""
