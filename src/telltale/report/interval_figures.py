"""Figures of AUCs with their intervals, a row for each group, detector or model.

`style.py` has the colours. No torch, and no pyplot.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from telltale.report.style import (
    FAINT,
    INK,
    SEEN,
    UNSEEN,
    legend_below,
    new_figure,
    save_figure,
    style_axes,
)


def kinds(groups: Sequence[tuple[str, bool | None, float, float, float]], path: Path, *, title: str) -> None:
    """AUC of each kind of forgery against all genuine clips, with its interval, the best on top.

    groups: (kind, seen in training, AUC, low, high); `seen` is None if it is not known.
    """
    rows = sorted(groups, key=lambda row: row[2])
    figure, axes = new_figure(6.4, 1.3 + 0.32 * max(len(rows), 3))
    styles = {
        True: (SEEN, "o", "seen in training"),
        False: (UNSEEN, "D", "not seen in training"),
        None: (SEEN, "o", ""),
    }
    for height, (_, seen, value, low, high) in enumerate(rows):
        colour, marker, _ = styles[seen]
        axes.plot((low, high), (height, height), color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot(value, height, marker, color=colour, markersize=6.5, clip_on=False)
        axes.annotate(
            f"{value:.3f}",
            (1.03, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=colour,
        )
    for seen in (True, False):
        if any(row[1] is seen for row in rows):
            colour, marker, label = styles[seen]
            axes.plot([], [], marker, color=colour, markersize=6.5, label=label)
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle="--", label="chance")
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.grid(visible=False, axis="y")
    lowest = min((row[3] for row in rows), default=0.5)
    axes.set(xlim=(min(0.45, math.floor(lowest * 20) / 20), 1.01), ylim=(-0.6, len(rows) - 0.4), title=title)
    axes.set(xlabel="AUC against all genuine clips, with 95 % interval")
    legend_below(figure, 3)
    save_figure(figure, path)


def detectors(rows: Sequence[tuple[str, dict[str, float], dict[str, float]]], path: Path) -> None:
    """AUC of each detector on kinds of forgery seen in training and on others.

    rows: (name, AUC on seen kinds, AUC on others), the two as {"value", "low", "high"}.
    """
    figure, axes = new_figure(6.4, 1.4 + 0.32 * len(rows))
    for shift, which, colour, marker, label in (
        (-0.14, 1, SEEN, "o", "seen in training"),
        (0.14, 2, UNSEEN, "D", "unseen"),
    ):
        heights = [number + shift for number in range(len(rows))]
        aucs: list[dict[str, float]] = [row[which] for row in rows]  # type: ignore[misc]
        value, low, high = ([auc[key] for auc in aucs] for key in ("value", "low", "high"))
        axes.hlines(heights, low, high, color=colour, linewidth=1.4, alpha=0.6)
        axes.plot(value, heights, marker, color=colour, markersize=5, label=label)
    axes.axvline(0.5, color=FAINT, linestyle="--", linewidth=1)
    axes.set(
        yticks=range(len(rows)),
        yticklabels=[row[0] for row in rows],
        ylim=(len(rows) - 0.4, -0.6),
        xlim=(0, 1.02),
    )
    axes.set(title="AUC on demo data after a brief training, 95 % intervals", xlabel="AUC (0.5: chance)")
    axes.legend(loc="lower left")
    save_figure(figure, path)


def comparison(tree: dict[str, Any], path: Path) -> None:
    """Several models: their AUCs with intervals, and each one's difference from the first with DeLong's
    interval.

    tree: that of metrics.json for several models.
    """
    models, comparisons = tree["models"], tree["comparisons"]
    figure = Figure(figsize=(9.6, 1.6 + 0.36 * max(len(models), 3)), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        style_axes(axes)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5))
    for height, model in enumerate(models):
        _whisker(left, height, model["auc"]["value"], model["auc"]["low"], model["auc"]["high"])
    right.plot(0, 0, "o", color=SEEN, markersize=6.5)
    for height, each in enumerate(comparisons, 1):
        auc = each["auc"]
        _whisker(right, height, auc["difference"], auc["low"], auc["high"])
        if auc["p"] is not None:
            note = f"p {auc['p']:.2g}" if auc["p"] >= 1e-4 else "p < 0.0001"
            right.annotate(
                note, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK
            )
    right.axvline(0, color=FAINT, linewidth=1, linestyle="--")
    mean, deviation = tree["spread"]["auc"]["mean"], tree["spread"]["auc"]["sd"]
    left.set(yticks=range(len(models)), ylim=(len(models) - 0.4, -0.6))
    left.set_yticklabels([model["name"] for model in models])
    left.set(title=f"AUC: mean {mean:.4f}, SD {deviation:.4f}", xlabel="AUC, with 95 % interval")
    right.set(title=f"AUC less that of {models[0]['name']}", xlabel="Difference, with DeLong's 95 % interval")
    save_figure(figure, path)


def _whisker(axes: Axes, height: int, value: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None:
        axes.plot((low, high), (height, height), color=SEEN, linewidth=2.2, solid_capstyle="round")
    axes.plot(value, height, "o", color=SEEN, markersize=6.5)
