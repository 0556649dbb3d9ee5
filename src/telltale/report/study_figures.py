"""Figures of studies. `style.py` has the colours. No torch, and no pyplot."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.report.style import FAINT, INK, SEEN, UNSEEN, legend_below, new_figure, save_figure

if TYPE_CHECKING:
    import pandas as pd


def unseen(runs: "pd.DataFrame", summary: "pd.DataFrame", path: Path) -> None:
    """AUC of each configuration on held-out folds: a dot for each fold (its mean over seeds), the mean with
    its interval, and plain validation.

    runs, summary: tables of `study/unseen_tables.py`.
    """
    figure, axes = new_figure(7.0, 1.6 + 0.62 * max(len(summary), 2))
    for height, row in enumerate(summary.itertuples()):
        by_fold = runs[runs["config"] == row.config].groupby("fold", sort=False)["unseen_auc"].mean()
        axes.plot(by_fold, np.full(len(by_fold), height + 0.2), "o", color=UNSEEN, markersize=4, alpha=0.5)
        axes.plot((row.low, row.high), (height, height), color=UNSEEN, linewidth=2.4, solid_capstyle="round")
        axes.plot(row.unseen_auc, height, "D", color=UNSEEN, markersize=7)
        axes.plot(row.validation_auc, height, "o", color=SEEN, markersize=7, fillstyle="none")
        at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9}
        axes.annotate(f"{row.unseen_auc:.3f}", (1.02, height), **at)
    axes.plot([], [], "D", color=UNSEEN, label="held-out kinds: mean, 95 % interval")
    axes.plot([], [], "o", color=UNSEEN, markersize=4, alpha=0.5, label="each fold")
    axes.plot([], [], "o", color=SEEN, fillstyle="none", label="plain validation")
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle="--")
    lowest = min(0.45, float(runs["unseen_auc"].min()) - 0.02)
    axes.set(yticks=range(len(summary)), ylim=(len(summary) - 0.4, -0.6), xlim=(max(lowest, 0.0), 1.01))
    axes.set_yticklabels(list(summary["config"]))
    axes.grid(visible=False, axis="y")
    axes.set(title="AUC on kinds of forgery that training has not seen", xlabel="AUC (dashed: chance)")
    legend_below(figure, 3)
    save_figure(figure, path)


def estimates(table: "pd.DataFrame", columns: Sequence[str], path: Path) -> None:
    """Estimated AUC against the true AUC on methods never seen: a point for each configuration and seed.

    table: columns config, true_auc and `columns`, one for each way to estimate.
    """
    figure, axes = new_figure(6.4, 5.6)
    colours = (SEEN, UNSEEN, "#0072B2", "#D55E00", "#00695C", "#E69F00")
    markers = "osD^vP"
    for number, column in enumerate(columns):
        colour, marker = colours[number % 6], markers[number % 6]
        axes.plot(table["true_auc"], table[column], marker, color=colour, alpha=0.75, label=column)
    values = table[[*columns, "true_auc"]].to_numpy()
    low = max(0.0, float(np.nanmin(values)) - 0.03)
    axes.plot((low, 1), (low, 1), color=FAINT, linewidth=1, linestyle="--")
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01), aspect="equal")
    axes.set(xlabel="AUC on methods never seen", ylabel="estimate", title="Estimate and truth")
    at: dict[str, Any] = {"xytext": (6, 14), "textcoords": "offset points", "rotation": 45}
    axes.annotate("estimate = truth", (low, low), color=INK, **at)
    legend_below(figure, 2)
    save_figure(figure, path)
