"""Figures of an evaluation: each draws, from the poorest input to the richest, without a warning."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from scored import measured

from telltale.evaluate import model_figures
from telltale.metrics import calibration, decisions, rates
from telltale.report import style


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def shows(path: Path, colour: str) -> bool:
    """Whether the picture has pixels of just this colour."""
    pixels = imread(path)[..., :3]
    return bool((np.abs(pixels - np.array(to_rgb(colour))).max(axis=-1) < 0.004).sum() > 3)


def worlds() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 1500)
    normal = 1 / (1 + np.exp(-rng.normal(3.0 * targets - 1.5)))
    tiny = np.array([0, 1])
    return {
        "usual": (targets, normal),
        "perfect": (targets, targets * 1.0),
        "nothing flagged": (targets, normal / 3),
        "no flag is true": (targets, np.where(targets == 0, normal, 0.1)),
        "constant": (targets, targets * 0 + 0.5),
        "two clips": (tiny, tiny * 0.5),
    }


@pytest.mark.parametrize("name", worlds())
def test_a_models_figures_draw(tmp_path: Path, name: str) -> None:
    targets, scores = worlds()[name]
    tree = measured(targets, scores, resamples=3)
    grid = np.geomspace(1e-5, 1, 50)
    flat = np.zeros(50)
    drawn = model_figures.of_model(tree, targets, scores, (grid, flat, flat + 1), tmp_path)
    assert drawn == ["roc.png", "det.png", "histogram.png", "reliability.png", "base_rates.png"]
    assert all(shows(tmp_path / file, style.DETECTOR) for file in ("roc.png", "reliability.png"))
    flagged = tree["decision"]["tp"] + tree["decision"]["fp"] > 0
    assert shows(tmp_path / "base_rates.png", style.DETECTOR) == flagged


def test_reliability_shows_every_bin_that_has_clips(tmp_path: Path) -> None:
    targets, scores = worlds()["usual"]
    bins = calibration.calibration(targets, scores)["bins"]
    model_figures.reliability(bins, tmp_path / "all.png", title="t")
    few = [each if index < 3 else {**each, "n": 0} for index, each in enumerate(bins)]
    model_figures.reliability(few, tmp_path / "few.png", title="t")
    inked = [(imread(tmp_path / f"{name}.png")[:300, :, 0] < 0.2).sum() for name in ("all", "few")]
    assert inked[0] > inked[1]


def test_the_pessimistic_curve_lies_apart_only_where_the_bounds_do(tmp_path: Path) -> None:
    targets, scores = worlds()["usual"]
    decision = measured(targets, scores, resamples=3)["decision"]
    model_figures.base_rates(decision, tmp_path / "apart.png")
    assert shows(tmp_path / "apart.png", style.FORGED)
    assert decisions.precision_at(
        decision["tpr_lower_bound"], decision["fpr_upper_bound"], 0.01
    ) < decisions.precision_at(decision["tpr"]["value"], decision["fpr"]["value"], 0.01)


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
    model_figures.comparison(found, tmp_path / "comparison.png")
    assert shows(tmp_path / "comparison.png", style.SEEN)


def test_a_curve_drawn_from_its_corners_is_the_same_curve() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 2, 400)
    fpr, tpr = rates.roc(targets, np.round(rng.random(400), 2))
    corners = model_figures._corners(fpr, tpr)
    assert len(corners[0]) < len(fpr)
    grid = np.linspace(0, 1, 1001)
    assert rates.tpr_at_fpr(*corners, grid).tolist() == rates.tpr_at_fpr(fpr, tpr, grid).tolist()
    assert np.trapezoid(corners[1], corners[0]) == pytest.approx(np.trapezoid(tpr, fpr))
