import numpy as np
import pytest
from PIL import Image

from psfr_tf.export.bar_chart import write_bars

RED, BLUE = (200, 0, 0), (0, 0, 200)


def test_bars_are_as_long_as_their_values_say(tmp_path):
    path = tmp_path / "chart.png"
    write_bars(path, "Two files", ["a", "b"], [RED, BLUE], [("ms", [4.0, 1.0]), ("MB", [1, 2])])
    picture = np.asarray(Image.open(path))
    half = picture.shape[1] // 2
    for panel, ratio in ((picture[:, :half], 4), (picture[:, half:], 0.5)):
        red, blue = (int((panel == colour).all(-1).sum()) for colour in (RED, BLUE))
        assert red / blue == pytest.approx(ratio, rel=0.03)
