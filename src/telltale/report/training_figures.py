"""The curves of a training run, from its history to a PNG file. No torch, and no pyplot."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from telltale.report.style import DETECTOR, FAINT, FORGED, INK, UNSEEN, Floats, save_figure, style_axes


def curves(history: Sequence[dict[str, Any]], path: Path, best: int | None = None) -> None:
    """Training curves: loss on the left; on the right AUC and TPR of the validation clips and, if folds hold
    clips out, of those, and the AUC of pseudo-forgeries, if training makes some. The best epoch is marked.

    history: a dictionary for each epoch with the columns of history.csv; a value may be missing, None or NaN.
    best: the number of the best epoch's row; None: by `best_row` of the validation clips.
    """
    figure = Figure(figsize=(9.6, 4.0), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        style_axes(axes)
        axes.set(xlabel="Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    epochs = _column(history, "epoch")
    auc, tpr = _column(history, "validation_auc"), _column(history, "validation_tpr_at_fpr_1e-3")
    left.plot(epochs, _column(history, "train_loss"), "o-", color=DETECTOR, markersize=4, label="training")
    left.plot(
        epochs, _column(history, "validation_loss"), "s--", color=UNSEEN, markersize=4, label="validation"
    )
    left.set(title="Loss", ylabel="Cross-entropy (nats per clip)")
    right.plot(epochs, auc, "o-", color=INK, markersize=4, label="AUC")
    right.plot(epochs, tpr, "s--", color=FAINT, markersize=4, label="TPR at FPR 0.1 %")
    if held_out := any("unseen_auc" in row for row in history):
        unseen = (("unseen_auc", "D-", "AUC, unseen"), ("unseen_tpr_at_fpr_1e-3", "v:", "TPR, unseen"))
        for key, line, label in unseen:
            right.plot(epochs, _column(history, key), line, color=UNSEEN, markersize=4, label=label)
    if pseudo := any("pseudo_auc" in row for row in history):
        label = "AUC, pseudo-forgeries"
        right.plot(epochs, _column(history, "pseudo_auc"), "^-", color=DETECTOR, markersize=4, label=label)
    names = ["Validation", *(["unseen"] if held_out else []), *(["pseudo-forgeries"] if pseudo else [])]
    right.set(
        title=" and ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else names[0],
        ylabel="AUC and true positive rate",
        ylim=(-0.02, 1.02),
    )
    best = best_row(auc, tpr) if best is None or not np.isfinite(auc[best]) else best
    if best is not None:
        for axes in (left, right):
            axes.axvline(epochs[best], color=FAINT, linewidth=1, linestyle=":")
        right.plot(epochs[best], auc[best], "*", color=FORGED, markersize=13, zorder=5, linestyle="none")
        right.plot(
            [],
            [],
            "*",
            color=FORGED,
            markersize=11,
            label=f"best: epoch {epochs[best]:g}, AUC {auc[best]:.4f}",
        )
    for axes in (left, right):
        axes.set_xlim(np.nanmin(epochs) - 0.5, np.nanmax(epochs) + 0.5)
        # Four or more entries beside one another inside the axes would cover a curve.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 3}
        place: dict[str, Any] = below if (held_out or pseudo) and axes is right else {}
        axes.legend(frameon=True, edgecolor="none", framealpha=0.85, fontsize=9, **place)
    save_figure(figure, path)


def best_row(auc: Floats, tpr: Floats) -> int | None:
    """The index of the epoch with the highest AUC, then the highest TPR, the first of equals; None if no AUC
    is known. An unknown TPR loses. auc, tpr: (E,)."""
    known = [row for row in range(len(auc)) if np.isfinite(auc[row])]
    return max(known, key=lambda row: (auc[row], np.nan_to_num(tpr[row], nan=-1.0)), default=None)


def _column(history: Sequence[dict[str, Any]], key: str) -> Floats:
    values = [row.get(key) for row in history]
    return np.array([math.nan if value in (None, "") else float(value) for value in values])
