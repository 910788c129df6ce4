"""The shipped model in float16: nothing near the end of its range, and the same picture."""

import float16_ranges
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.model_folder import load_model_folder
from psfr_tf.models.inference_form import inference_form

pytestmark = pytest.mark.slow


def test_the_shipped_model_is_safe_in_float16():
    folder = load_model_folder("psfr-mobile-256")
    form = inference_form(folder.generator, folder.parsing_network)
    faces = float16_ranges.light_faces(form.size)
    values = float16_ranges.largest_values(form, faces)
    name = max(values, key=values.get)
    assert values[name] * float16_ranges.MARGIN < float16_ranges.LARGEST, (name, values[name])
    two = {name: faces[name] for name in ("usual", "tinted")}
    for psnr, labels in float16_ranges.agreement(form, two).values():
        assert psnr >= 60 and labels > 0.99


def test_what_leaves_the_range_is_seen():
    """A sum of squares above 65504, whose mean is far below: the emulation must not miss it."""

    class Form:
        size = 32

        @staticmethod
        def restorer(x):
            mean = tf.reduce_mean(tf.square(200.0 * x), (1, 2), keepdims=True)
            return {"restored": x / tf.sqrt(mean), "logits": tf.zeros((1, 32, 32, 19))}

    face = np.full((32, 32, 3), 0.5, np.float32)
    values = float16_ranges.largest_values(Form, {"flat": face})
    (total,) = (value for name, value in values.items() if name.startswith("Mean"))
    assert total == 32 * 32 * 100.0**2
    assert not float16_ranges.in_float16(Form)(face)["restored"].any()  # divided by infinity
    safe = {**float16_ranges.agreement(Form, {"flat": face / 100})}
    assert safe["flat"][0] > 40
