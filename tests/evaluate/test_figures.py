"""The set of figures of a model: each draws, from the poorest input to the richest, without a warning."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pictures import scored_sets, shows
from scored import measured

from telltale.evaluate import figures
from telltale.metrics import decisions, rates
from telltale.report import style


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", scored_sets())
def test_a_models_figures_draw(tmp_path: Path, name: str) -> None:
    targets, scores = scored_sets()[name]
    tree = measured(targets, scores, resamples=3)
    grid = np.geomspace(1e-5, 1, 50)
    flat = np.zeros(50)
    drawn = figures.of_model(tree, targets, scores, (grid, flat, flat + 1), tmp_path)
    assert drawn == ["roc.png", "det.png", "histogram.png", "reliability.png", "base_rates.png"]
    assert all(shows(tmp_path / file, style.DETECTOR) for file in ("roc.png", "reliability.png"))
    flagged = tree["decision"]["tp"] + tree["decision"]["fp"] > 0
    assert shows(tmp_path / "base_rates.png", style.DETECTOR) == flagged


def test_the_pessimistic_curve_lies_apart_only_where_the_bounds_do(tmp_path: Path) -> None:
    targets, scores = scored_sets()["usual"]
    decision = measured(targets, scores, resamples=3)["decision"]
    figures.base_rates(decision, tmp_path / "apart.png")
    assert shows(tmp_path / "apart.png", style.FORGED)
    assert decisions.precision_at(
        decision["tpr_lower_bound"], decision["fpr_upper_bound"], 0.01
    ) < decisions.precision_at(decision["tpr"]["value"], decision["fpr"]["value"], 0.01)


def test_a_curve_drawn_from_its_corners_is_the_same_curve() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 2, 400)
    fpr, tpr = rates.roc(targets, np.round(rng.random(400), 2))
    corners = figures._corners(fpr, tpr)
    assert len(corners[0]) < len(fpr)
    grid = np.linspace(0, 1, 1001)
    assert rates.tpr_at_fpr(*corners, grid).tolist() == rates.tpr_at_fpr(fpr, tpr, grid).tolist()
    assert np.trapezoid(corners[1], corners[0]) == pytest.approx(np.trapezoid(tpr, fpr))
