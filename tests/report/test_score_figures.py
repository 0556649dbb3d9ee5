"""Figures of scores: every one draws, from the poorest input to the richest, and shows what it is given."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from pictures import scored_sets, shows

from telltale.metrics import calibration, rates
from telltale.report import score_figures as figures
from telltale.report import style


@pytest.mark.parametrize("name", scored_sets())
def test_roc_det_and_histogram_draw(tmp_path: Path, name: str) -> None:
    targets, scores = scored_sets()[name]
    fpr, tpr = rates.roc(targets, scores)
    n_forged = int(targets.sum())
    n_genuine = len(targets) - n_forged
    curve = figures.RocCurve(fpr, tpr, n_genuine, n_forged)
    points = [
        (limit, float(rates.tpr_at_fpr(fpr, tpr, [limit])[0]), n_genuine >= 1 / limit) for limit in rates.FPRS
    ]
    grid = np.geomspace(1e-4, 1, 50)
    band = (grid, rates.tpr_at_fpr(fpr, tpr, grid) * 0.9, rates.tpr_at_fpr(fpr, tpr, grid))
    figures.roc(curve, points, tmp_path / "roc.png", title="t", band=band)
    figures.roc(curve, points, tmp_path / "plain.png", title="t")
    figures.det(curve, rates.equal_error_rate(fpr, tpr), tmp_path / "det.png", title="t")
    figures.histogram(scores[targets == 0], scores[targets == 1], tmp_path / "histogram.png", title="t")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "det.png",
        "histogram.png",
        "plain.png",
        "roc.png",
    ]
    assert shows(tmp_path / "roc.png", style.DETECTOR)
    assert shows(tmp_path / "det.png", style.DETECTOR)
    assert shows(tmp_path / "histogram.png", style.FORGED)


def test_histogram_shows_both_classes(tmp_path: Path) -> None:
    figures.histogram(np.array([0.1, 0.2]), np.array([0.8]), tmp_path / "h.png", title="t")
    assert shows(tmp_path / "h.png", style.GENUINE)
    assert shows(tmp_path / "h.png", style.FORGED)


def test_reliability_shows_every_bin_that_has_clips(tmp_path: Path) -> None:
    targets, scores = scored_sets()["usual"]
    bins = calibration.calibration(targets, scores)["bins"]
    figures.reliability(bins, tmp_path / "all.png", title="t")
    few = [each if index < 3 else {**each, "n": 0} for index, each in enumerate(bins)]
    figures.reliability(few, tmp_path / "few.png", title="t")
    inked = [(imread(tmp_path / f"{name}.png")[:300, :, 0] < 0.2).sum() for name in ("all", "few")]
    assert inked[0] > inked[1]


def test_precision_draws_its_two_curves_or_says_why_there_are_none(tmp_path: Path) -> None:
    rates, nothing = np.geomspace(1e-4, 0.9, 20), np.full(20, np.nan)
    for name, precisions, note in (
        ("both", (rates**0.5, rates**0.9), ""),
        ("zero", (nothing, nothing), "no flag is true"),
        ("none", None, "nothing flagged"),
    ):
        path = tmp_path / f"{name}.png"
        figures.base_rates(rates, precisions, path, title="t", note=note)
        assert shows(path, style.DETECTOR) == (name != "none")  # in the legend, though the curve be empty
        pixels = imread(path)[..., :3]
        height, width = pixels.shape[:2]
        middle = pixels[height // 3 : height // 2, width // 3 : 2 * width // 3]
        assert (middle.max(axis=-1) < 0.3).any() == bool(note)
