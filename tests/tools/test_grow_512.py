"""psfr-mobile-512 starts as psfr-mobile-256: tools/grow_512.py."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from grow_512 import grow_generator, grow_parsing


@pytest.fixture(scope="module")
def small(random_networks):
    return random_networks("psfr-mobile-256")


@pytest.fixture(scope="module")
def picture():
    """In the light of the training faces, so that both sizes see it as it is."""
    coarse = np.random.default_rng(0).uniform(-0.9, 0.9, (16, 16, 3)).astype(np.float32)
    return cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_LINEAR)[None]


def halved(picture):
    return picture.reshape(1, 256, 2, 256, 2, -1).mean(axis=(2, 4))


def test_parsing_is_that_of_the_average_repeated(small, picture):
    _, parsing = small
    expected = np.asarray(parsing(halved(picture))["logits"]).repeat(2, 1).repeat(2, 2)
    logits = np.asarray(grow_parsing(parsing)(picture)["logits"])
    np.testing.assert_allclose(logits, expected, atol=0.02)


def test_generator_starts_as_the_identity_within_the_budget(small, picture):
    generator, _ = small
    large = grow_generator(generator)
    assert large.count_params() <= 1_500_000
    parsing = np.full((1, 512, 512, 19), 1 / 19, np.float32)
    np.testing.assert_array_equal(large([picture, parsing]), picture)
    for old, new in zip(generator.blocks[:-1], large.blocks, strict=False):
        np.testing.assert_array_equal(old.get_weights()[0], new.get_weights()[0])
