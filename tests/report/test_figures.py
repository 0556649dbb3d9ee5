"""Figures: every one draws, from the poorest input to the richest, without a warning, and shows what it is
given."""

import math
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from telltale.metrics import rates
from telltale.report import figures, style

HISTORY = [
    {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "rate": 1e-3,
        "clips_per_second": 9.0,
        "validation_loss": 0.7,
        "validation_auc": auc,
        "validation_tpr_at_fpr_1e-3": 0.1,
        "seconds": 3.0,
    }
    for epoch, auc in ((1, 0.6), (2, 0.9), (3, 0.8))
]


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def shows(path: Path, colour: str) -> bool:
    """Whether the picture has pixels of just this colour."""
    pixels = imread(path)[..., :3]
    return bool((np.abs(pixels - np.array(to_rgb(colour))).max(axis=-1) < 0.004).sum() > 3)


def worlds() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 1500)
    normal = 1 / (1 + np.exp(-rng.normal(3.0 * targets - 1.5)))
    tiny = np.array([0, 1])
    return [
        (targets, normal),
        (targets, 1 - normal),
        (targets, targets * 1.0),
        (targets, targets * 0 + 0.5),
        (tiny, tiny * 0.5),
    ]


@pytest.mark.parametrize("data", worlds(), ids=["usual", "reversed", "perfect", "constant", "two clips"])
def test_roc_det_and_histogram_draw(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data
    fpr, tpr = rates.roc(targets, scores)
    n_forged = int(targets.sum())
    n_genuine = len(targets) - n_forged
    points = [
        (limit, float(rates.tpr_at_fpr(fpr, tpr, [limit])[0]), n_genuine >= 1 / limit) for limit in rates.FPRS
    ]
    grid = np.geomspace(1e-4, 1, 50)
    band = (grid, rates.tpr_at_fpr(fpr, tpr, grid) * 0.9, rates.tpr_at_fpr(fpr, tpr, grid))
    figures.roc(fpr, tpr, points, n_genuine, tmp_path / "roc.png", title="t", band=band)
    figures.roc(fpr, tpr, points, n_genuine, tmp_path / "plain.png", title="t")
    figures.det(
        fpr, tpr, rates.equal_error_rate(fpr, tpr), n_genuine, n_forged, tmp_path / "det.png", title="t"
    )
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


def test_kinds_tell_seen_from_unseen(tmp_path: Path) -> None:
    path = tmp_path / "kinds.png"
    figures.kinds([("swap", True, 0.9, 0.8, 1.0), ("vocoder", False, 0.4, 0.1, 0.7)], path, title="t")
    assert shows(path, style.SEEN)
    assert shows(path, style.UNSEEN)
    figures.kinds([("swap", None, 0.9, 0.8, 1.0), ("vocoder", None, 0.0, 0.0, 0.0)], path, title="t")
    assert not shows(path, style.UNSEEN)


@pytest.mark.parametrize(
    "history",
    [
        HISTORY,
        HISTORY[:1],
        [{**row, "validation_loss": None, "validation_auc": math.nan} for row in HISTORY],
        [{**HISTORY[0], "validation_auc": None}, *HISTORY[1:]],
        [{"epoch": 1, "train_loss": 0.5}],
        [
            {key: "" if key == "validation_auc" else str(value) for key, value in row.items()}
            for row in HISTORY
        ],
    ],
    ids=["three", "one", "no validation", "one value missing", "columns missing", "as read from CSV"],
)
def test_curves_draw_what_there_is(tmp_path: Path, history: list[dict]) -> None:
    figures.curves(history, tmp_path / "curves.png")
    known = [row.get("validation_auc") for row in history]
    best_marked = shows(tmp_path / "curves.png", style.FORGED)
    assert best_marked == any(value not in (None, "") and not math.isnan(float(value)) for value in known)
    assert list(tmp_path.iterdir()) == [tmp_path / "curves.png"]


def test_best_epoch_is_by_auc_then_by_tpr_and_the_first_of_equals() -> None:
    auc = np.array([math.nan, 0.8, 0.9, 0.9, 0.9])
    assert figures.best_row(auc, np.array([1.0, 1.0, math.nan, 0.2, 0.2])) == 3
    assert figures.best_row(auc * math.nan, auc) is None


def test_no_torch_and_no_window_system() -> None:
    code = (
        "import sys, telltale.report.figures; print(sorted({'torch', 'matplotlib.pyplot'} & "
        "set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
