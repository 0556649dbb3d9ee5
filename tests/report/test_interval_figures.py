"""Figures of AUCs with intervals: seen from unseen, models beside each other."""

from pathlib import Path

import pytest
from pictures import shows

from telltale.report import interval_figures as figures
from telltale.report import style


def test_kinds_tell_seen_from_unseen(tmp_path: Path) -> None:
    path = tmp_path / "kinds.png"
    figures.kinds([("swap", True, 0.9, 0.8, 1.0), ("vocoder", False, 0.4, 0.1, 0.7)], path, title="t")
    assert shows(path, style.SEEN)
    assert shows(path, style.UNSEEN)
    figures.kinds([("swap", None, 0.9, 0.8, 1.0), ("vocoder", None, 0.0, 0.0, 0.0)], path, title="t")
    assert not shows(path, style.UNSEEN)


@pytest.mark.parametrize(("low", "p"), [(0.1, 0.3), (None, None)])
def test_comparison_draws_with_and_without_intervals(
    tmp_path: Path, low: float | None, p: float | None
) -> None:
    auc = {"value": 0.8, "low": 0.7, "high": 0.9}
    difference = {"difference": 0.1, "low": low, "high": 0.2 if low else None, "p": p}
    found = {
        "models": [
            {"name": name, "auc": auc} for name in ("seed0", "a much longer name of a model", "seed2")
        ],
        "spread": {"auc": {"mean": 0.8, "sd": 0.0}},
        "comparisons": [{"auc": difference}, {"auc": {**difference, "p": 1e-9 if p else None}}],
    }
    figures.comparison(found, tmp_path / "comparison.png")
    assert shows(tmp_path / "comparison.png", style.SEEN)


def test_detectors_have_a_row_each_with_both_aucs(tmp_path: Path) -> None:
    auc = {"value": 0.8, "low": 0.7, "high": 0.9}
    figures.detectors(
        [("mel_cnn", auc, {**auc, "value": 0.6, "low": 0.5}), ("lav", auc, auc)], tmp_path / "d.png"
    )
    assert shows(tmp_path / "d.png", style.SEEN) and shows(tmp_path / "d.png", style.UNSEEN)
