"""Figures of scores and of training, from numbers to PNG files: `roc`, `det`, `histogram`, `kinds` and
`curves`.

Rates are shares in [0, 1] as arguments and percent on the axes. `style.py` has the colours. No torch, and no
pyplot.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from scipy.special import ndtri

from telltale.report.style import (
    DETECTOR,
    FAINT,
    FORGED,
    GENUINE,
    INK,
    PERCENT,
    SEEN,
    UNSEEN,
    Floats,
    legend_below,
    new_figure,
    save_figure,
    style_axes,
)

DET_TICKS = (0.00001, 0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)


def roc(
    fpr: Floats,
    tpr: Floats,
    points: Sequence[tuple[float, float, bool]],
    n_genuine: int,
    path: Path,
    *,
    title: str,
    band: tuple[Floats, Floats, Floats] | None = None,
) -> None:
    """ROC curve over a logarithmic false positive rate.

    `fpr`, `tpr` (K,): the curve from (0, 0) to (1, 1). `points`: the three marked (FPR, TPR, resolved).
    `band`: three (G,), the rates and the low and high TPR there. Left of 1 / `n_genuine` not one false
    positive is allowed: shaded.
    """
    figure, axes = new_figure(6.4, 5.2)
    left = min(5e-4, 10.0 ** math.floor(math.log10(1 / n_genuine)))
    rates, reached = np.append(left, fpr[fpr > left]), np.append(tpr[fpr <= left].max(), tpr[fpr > left])
    if 1 / n_genuine > left:
        axes.axvspan(
            left, 1 / n_genuine, color="#EEEEEE", linewidth=0, label=f"less than 1 of {n_genuine:,} genuine"
        )
    if band is not None:
        grid, low, high = band
        axes.fill_between(
            grid, low, high, step="post", color=DETECTOR, alpha=0.18, linewidth=0, label="95 % interval"
        )
    axes.step(rates, reached, where="post", color=DETECTOR, linewidth=1.8, label="detector")
    chance = np.geomspace(left, 1, 200)
    axes.plot(chance, chance, color=FAINT, linewidth=1, linestyle="--", label="chance")
    for (limit, value, resolved), marker in zip(points, "os^", strict=True):
        face, doubt = (INK, "") if resolved else ("white", ", not resolved")
        label = f"{value * 100:.1f} % at FPR {limit * 100:g} %{doubt}"
        axes.plot(
            limit, value, marker, color=INK, markerfacecolor=face, markersize=6.5, zorder=5, label=label
        )
    axes.set(xscale="log", xlim=(left, 1), ylim=(-0.01, 1.02), title=title)
    axes.set(
        xlabel="False positive rate (genuine clips called forged)",
        ylabel="True positive rate (forged clips found)",
    )
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(PERCENT)
    legend_below(figure, 2)
    save_figure(figure, path)


def det(
    fpr: Floats, tpr: Floats, eer: float, n_genuine: int, n_forged: int, path: Path, *, title: str
) -> None:
    """Detection error trade-off: misses over false alarms on normal-deviate axes, where two normal score
    distributions of equal width give a straight line. `fpr`, `tpr` (K,) as for `roc`; `eer` is marked. Rates
    of zero lie on the frame."""
    figure, axes = new_figure(5.4, 5.2)
    high = 0.9 if eer < 0.45 else 0.99
    limits = []
    for count in (n_genuine, n_forged):
        limits.append((min(0.02, 10.0 ** math.floor(math.log10(1 / count))), high))
    alarms, misses = (
        ndtri(np.clip(rate, *limit)) for rate, limit in zip((fpr, 1 - tpr), limits, strict=True)
    )
    axes.plot(
        alarms, misses, color=DETECTOR, linewidth=1.8, clip_on=False, zorder=3
    )  # over the frame, where it may lie
    diagonal = ndtri((max(limits[0][0], limits[1][0]), high))
    axes.plot(diagonal, diagonal, color=FAINT, linewidth=1, linestyle="--")
    at = ndtri(np.clip(eer, max(limits[0][0], limits[1][0]), high))
    axes.plot(at, at, "o", color=INK, markersize=6, zorder=5, clip_on=False)
    for axis, limit in zip((axes.xaxis, axes.yaxis), limits, strict=True):
        ticks: list[float] = []
        for rate in DET_TICKS:
            if limit[0] <= rate <= limit[1] and (
                not ticks or np.ptp(ndtri((ticks[-1], rate))) > np.ptp(ndtri(limit)) / 12
            ):
                ticks.append(rate)
        axis.set_ticks(ndtri(ticks), [f"{rate * 100:g}" for rate in ticks])
        axis.set_minor_locator(NullLocator())
    axes.set(xlim=ndtri(limits[0]), ylim=ndtri(limits[1]), title=title)
    axes.set(
        xlabel="False alarms: genuine clips called forged (%)",
        ylabel="Misses: forged clips called genuine (%)",
    )
    save_figure(figure, path)


def histogram(genuine: Floats, forged: Floats, path: Path, *, title: str, bins: int = 40) -> None:
    """How the fake probabilities of each class, (N,) and (M,), are distributed: share of the class per bin,
    logarithmic."""
    figure, axes = new_figure(6.4, 4.2)
    edges = np.linspace(0, 1, bins + 1)
    floor = 0.02
    for values, colour, line, name in (
        (genuine, GENUINE, "-", "genuine"),
        (forged, FORGED, (0, (4, 1.5)), "forged"),
    ):
        share = np.histogram(values, edges)[0] / len(values)
        floor = min(floor, share[share > 0].min())
        label = f"{name} ({len(values):,} clips)"
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.25, linewidth=0)
        axes.stairs(share, edges, color=colour, linewidth=1.6, label=label, linestyle=line)
    axes.set(yscale="log", ylim=(floor / 2, 1.3), xlim=(0, 1), title=title)
    axes.set(xlabel="Fake probability", ylabel=f"Share of each class's clips per {1 / bins:g}")
    axes.yaxis.set_major_formatter(PERCENT)
    legend_below(figure, 3)
    save_figure(figure, path)


def kinds(groups: Sequence[tuple[str, bool | None, float, float, float]], path: Path, *, title: str) -> None:
    """AUC of each kind of forgery against all genuine clips, with its interval, the best on top.

    `groups`: (kind, seen in training, AUC, low, high); `seen` None where it is not known.
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


def curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Training curves: loss on the left, validation AUC and TPR on the right, the best epoch (AUC, then TPR)
    marked.

    `history`: a dictionary per epoch with `history.csv`'s columns; a value may be missing, None or NaN.
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
    right.set(title="Validation", ylabel="AUC and true positive rate", ylim=(-0.02, 1.02))
    if (best := best_row(auc, tpr)) is not None:
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
        axes.legend(frameon=True, edgecolor="none", framealpha=0.85, fontsize=9)
    save_figure(figure, path)


def best_row(auc: Floats, tpr: Floats) -> int | None:
    """The row with the highest AUC, then TPR, the first of equals; None where no AUC (E,) is known. An
    unknown TPR loses."""
    known = [row for row in range(len(auc)) if np.isfinite(auc[row])]
    return max(known, key=lambda row: (auc[row], np.nan_to_num(tpr[row], nan=-1.0)), default=None)


def _column(history: Sequence[dict[str, Any]], key: str) -> Floats:
    values = [row.get(key) for row in history]
    return np.array([math.nan if value in (None, "") else float(value) for value in values])


def detectors(rows: Sequence[tuple[str, dict[str, float], dict[str, float]]], path: Path) -> None:
    """AUC of each detector on kinds of forgery seen in training and on others.

    rows: (name, seen, unseen), the two as {"value", "low", "high"}.
    """
    figure, axes = new_figure(6.4, 1.4 + 0.32 * len(rows))
    for shift, which, colour, marker, label in (
        (-0.14, 1, SEEN, "o", "seen in training"),
        (0.14, 2, UNSEEN, "D", "unseen"),
    ):
        places = [at + shift for at in range(len(rows))]
        found: list[dict[str, float]] = [row[which] for row in rows]  # type: ignore[misc]
        axes.hlines(
            places,
            [f["low"] for f in found],
            [f["high"] for f in found],
            color=colour,
            linewidth=1.4,
            alpha=0.6,
        )
        axes.plot([f["value"] for f in found], places, marker, color=colour, markersize=5, label=label)
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
