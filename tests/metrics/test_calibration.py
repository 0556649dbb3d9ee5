"""Calibration error: by hand, and against a loop over the bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from scored import scored

from telltale.metrics import calibration


def test_calibration_by_hand() -> None:
    targets = np.array([0, 0, 1, 1, 1, 0])
    scores = np.array([0.0, 0.05, 0.06, 1.0, 0.95, 0.5])
    found = calibration.calibration(targets, scores)
    # First bin: 0, 0.05 and 0.06, one forged. Last: 0.95 and 1, both forged. Eighth: 0.5, not forged.
    gaps = [(3, abs(0.11 / 3 - 1 / 3)), (2, abs(0.975 - 1)), (1, 0.5)]
    assert found["error"] == pytest.approx(sum(n * gap for n, gap in gaps) / 6)
    assert found["maximum"] == pytest.approx(0.5)
    assert [each["n"] for each in found["bins"]] == [3, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2]
    assert found["bins"][0]["mean_probability"] == pytest.approx(0.11 / 3)
    assert found["bins"][0]["share_forged"] == pytest.approx(1 / 3)
    assert found["bins"][1]["share_forged"] is found["bins"][1]["mean_probability"] is None
    assert (found["bins"][0]["from"], found["bins"][-1]["to"]) == (0.0, 1.0)


@given(scored())
@settings(max_examples=40, deadline=None)
def test_calibration_is_the_mean_over_bins_of_what_a_loop_finds(data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data
    error, largest = 0.0, 0.0
    for index in range(15):
        inside = [row for row in range(len(scores)) if min(int(scores[row] * 15), 14) == index]
        if inside:
            gap = abs(scores[inside].mean() - targets[inside].mean())
            error, largest = error + gap * len(inside) / len(scores), max(largest, gap)
    found = calibration.calibration(targets, scores)
    assert found["error"] == pytest.approx(error, abs=1e-12)
    assert found["maximum"] == pytest.approx(largest, abs=1e-12)
