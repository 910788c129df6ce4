"""What a request to the signature `restore_bytes` may ask for."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from psfr_tf.export import face_bytes

SIZE = 16


@pytest.fixture(scope="module")
def decode():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(contents):
        return face_bytes.decode_faces(contents, SIZE)

    return decode


def picture(side, format="PNG", **options):
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    if side > 256:
        pixels[:] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def refused(decode, pictures, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        decode(tf.constant(pictures))


def test_pictures_of_programs_are_taken(decode):
    pictures = [picture(16), picture(16, "JPEG"), picture(32, "JPEG", progressive=True)]
    assert decode(tf.constant(pictures)).shape == (3, SIZE, SIZE, 3)
    assert decode(tf.constant([picture(16)] * face_bytes.MAX_PICTURES)).shape[0] == 64


def test_the_number_of_pictures_is_bounded(decode):
    refused(decode, [picture(16)] * (face_bytes.MAX_PICTURES + 1), "at most 64 pictures")


def test_the_pixels_of_a_request_are_bounded(decode):
    assert decode(tf.constant([picture(2048)] * 2)).shape[0] == 2
    refused(decode, [picture(2048)] * 17, "pixels in a request")


def test_the_scans_of_a_jpeg_are_bounded(decode):
    whole = picture(16, "JPEG", progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    refused(decode, [whole[:-2] + scan * 1000 + whole[-2:]], "more than 64 scans")
