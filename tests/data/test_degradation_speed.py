import cv2
import numpy as np
import pytest

from psfr_tf.data.degradation import Degradation
from psfr_tf.data.degradation.pipeline import BLURS
from psfr_tf.data.degradation.speed import measure
from psfr_tf.data.toy_faces import draw_face


@pytest.mark.slow
@pytest.mark.parametrize("form", ["paper", "release"])
def test_every_stage_is_measured(form):
    faces = np.stack([draw_face(seed, 32)[0] for seed in range(2)])
    threads = cv2.getNumThreads()
    rows = {row["stage"]: row for row in measure(Degradation(form, 32), faces, 3, 1, repeats=2)}
    assert cv2.getNumThreads() == threads
    kinds = [f"{kind} blur, reduction" for kind in BLURS]
    assert set(rows) == {
        *kinds,
        "random choices",
        "reduction, no blur",
        "noise",
        "JPEG",
        "resize back",
        "grey, two pictures",
        "whole, TensorFlow",
        "whole, OpenCV",
    }
    reductions = [rows[name]["probability"] for name in (*kinds, "reduction, no blur")]
    assert sum(reductions) == 1.0
    for row in rows.values():
        assert row["cpu_ms"] > 0
        assert row["images_per_second"] == pytest.approx(1e3 / row["wall_ms"], rel=0.05)
        alone = row["stage"] in ("random choices", "noise") or row["stage"].startswith("whole")
        assert (row["opencv_ratio"] is None) == alone
