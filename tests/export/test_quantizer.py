import sys

import pytest

from psfr_tf.errors import UserError
from psfr_tf.export.quantizer import quantize


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(UserError, match=r"pip install 'psfr_tf\[quantizer\]'"):
        quantize(b"", "int8")
