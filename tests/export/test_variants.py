import json

import numpy as np

from psfr_tf.export.golden import compare
from psfr_tf.export.variants import VARIANTS, shortfalls, warnings
from psfr_tf.export.verification import Reference, agreement


def entry(part, precision, **figures):
    return {"file": f"{part}_{precision}.tflite", "part": part, "precision": precision, **figures}


def test_a_good_file_has_neither():
    good = entry("restorer", "int8-dynamic", psnr_db=47.0, equal_labels=0.994)
    assert shortfalls(good) == [] and warnings(good) == []


def test_each_missed_limit_is_a_line():
    bad = entry("restorer", "int8-dynamic", psnr_db=20.0, equal_labels=0.95)
    assert shortfalls(bad) == [
        "restorer_int8-dynamic.tflite: 20.0 dB, less than 34 dB",
        "restorer_int8-dynamic.tflite: 95.00 % equal labels, less than 99.0 %",
    ]
    assert shortfalls(entry("generator", "int8-dynamic", psnr_db=37.9)) != []
    assert shortfalls(entry("generator", "int8-dynamic", psnr_db=float("nan"))) != []


def test_within_its_limits_but_visibly_off():
    off = entry("restorer", "int8", psnr_db=42.0, equal_labels=0.987)
    assert shortfalls(off) == []
    (line,) = warnings(off)
    assert "98.70 %" in line and "int8-dynamic is nearer" in line


def test_the_promised_limits_of_int8_dynamic():
    assert VARIANTS["int8-dynamic"].min_psnr_db >= 38
    assert VARIANTS["int8-dynamic"].min_equal_labels >= 0.99


def test_what_is_no_number_is_far_off():
    face, labels = np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 8, 8), np.uint8)
    spoiled = face.copy()
    spoiled[0, 3, 3, 1] = np.nan
    figures = agreement(Reference(face, face, labels, face), spoiled, labels)
    assert figures["psnr_db"] == figures["worst_face_psnr_db"] == 0
    json.dumps(figures, allow_nan=False)
    assert compare(spoiled, face) == compare(face, spoiled) == 0
