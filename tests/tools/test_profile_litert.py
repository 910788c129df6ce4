"""The profiler reads what XNNPACK measured."""

import sys

import pytest
from profile_litert import by_kind, profile

from psfr_tf.model_folder import SHIPPED_WEIGHTS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libLiteRt.so is Linux's")
def test_shares_of_the_shipped_file_add_up():
    file = SHIPPED_WEIGHTS / "psfr-mobile-256" / "restorer_int8-dynamic.tflite"
    kinds = by_kind(profile(file, threads=1, runs=2))
    assert kinds[0][0].startswith("Convolution")
    assert sum(share for *_, share in kinds) == pytest.approx(100.0, abs=0.1)
    # One partition: everything ran in the delegate, so nothing has the name of a TFLite operation.
    assert not [kind for kind, *_ in kinds if kind.isupper()]
