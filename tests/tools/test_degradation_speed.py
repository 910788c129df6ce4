"""tools/degradation_speed.py"""

import sys
from pathlib import Path

import numpy as np
import pytest

from psfr_tf.data.degradation import Degradation
from psfr_tf.data.degradation.pipeline import BLURS
from psfr_tf.data.toy_faces import draw_face

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from degradation_speed import measure


@pytest.mark.slow
def test_every_stage_is_measured():
    faces = np.stack([draw_face(seed, 32)[0] for seed in range(2)])
    rows = {row["stage"]: row for row in measure(Degradation("release", 32), faces, 3, 1, 2)}
    reductions = [*(f"{kind} blur, reduction" for kind in BLURS), "reduction, no blur"]
    others = {"random choices", "noise", "JPEG", "resize back", "gray, two pictures", "whole"}
    assert set(rows) == others | set(reductions)
    assert sum(rows[name]["probability"] for name in reductions) == 1.0
    for row in rows.values():
        assert row["cpu_ms"] > 0
        assert row["images_per_second"] == pytest.approx(1e3 / row["wall_ms"], rel=0.05)
