"""The curves of a training run: they draw what a history has, and mark the best epoch."""

import math
from pathlib import Path

import numpy as np
import pytest
from pictures import shows

from telltale.report import style
from telltale.report import training_figures as figures

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


@pytest.mark.parametrize(
    "history",
    [
        HISTORY,
        HISTORY[:1],
        [{**row, "validation_loss": None, "validation_auc": math.nan} for row in HISTORY],
        [{**HISTORY[0], "validation_auc": None}, *HISTORY[1:]],
        [{"epoch": 1, "train_loss": 0.5}],
        [{**row, "unseen_auc": 0.5, "unseen_tpr_at_fpr_1e-3": 0.1} for row in HISTORY],
        [{**row, "unseen_auc": 0.5, "pseudo_auc": "" if row is HISTORY[1] else 0.7} for row in HISTORY],
        [
            {key: "" if key == "validation_auc" else str(value) for key, value in row.items()}
            for row in HISTORY
        ],
    ],
    ids=[
        "three",
        "one",
        "no validation",
        "one value missing",
        "columns missing",
        "held out",
        "pseudo-forgeries",
        "as read from CSV",
    ],
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
