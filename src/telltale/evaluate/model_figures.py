"""Figures of an evaluation beside those of `figures`: reliability, precision over base rate, comparison; and
a model's set.

No torch and no pyplot, as there.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from telltale.metrics.decisions import precision_at
from telltale.metrics.rates import roc
from telltale.report import figures
from telltale.report.style import (
    DETECTOR,
    FAINT,
    FORGED,
    INK,
    PERCENT,
    SEEN,
    Floats,
    legend_below,
    new_figure,
    save_figure,
    style_axes,
)


def of_model(
    tree: dict[str, Any], targets: Any, probabilities: Floats, band: tuple[Floats, Floats, Floats], out: Path
) -> list[str]:
    """Every figure of one model into the folder `out`; the files' names. `tree`: its metrics; `band`: as for
    `figures.roc`."""
    fpr, tpr = _corners(*roc(targets, probabilities))
    n_genuine, n_forged = tree["n_genuine"], tree["n_forged"]
    points = [
        (float(limit), entry["value"], entry["resolved"]) for limit, entry in tree["tpr_at_fpr"].items()
    ]
    figures.roc(
        fpr, tpr, points, n_genuine, out / "roc.png", title=f"ROC: AUC {tree['auc']['value']:.4f}", band=band
    )
    eer = tree["eer"]["value"]
    figures.det(fpr, tpr, eer, n_genuine, n_forged, out / "det.png", title=f"DET: EER {eer * 100:.1f} %")
    genuine, forged = probabilities[targets == 0], probabilities[targets == 1]
    figures.histogram(genuine, forged, out / "histogram.png", title="Fake probabilities by class")
    error = tree["calibration"]["error"]["value"]
    reliability(
        tree["calibration"]["bins"],
        out / "reliability.png",
        title=f"Reliability: calibration error {error:.3f}",
    )
    base_rates(tree["decision"], out / "base_rates.png")
    drawn = ["roc.png", "det.png", "histogram.png", "reliability.png", "base_rates.png"]
    for column, groups in tree.get("groupings", {}).items():
        rows = [
            (group, entry["seen"], entry["value"], entry["low"], entry["high"])
            for group, entry in groups.items()
            if entry["n_forged"]
        ]
        name = "kinds.png" if column == "kind" else f"groups_{re.sub(r'[^A-Za-z0-9._-]', '_', column)}.png"
        figures.kinds(rows, out / name, title=f"AUC of forged clips by {column}")
        drawn.append(name)
    return drawn


def reliability(bins: Sequence[dict[str, Any]], path: Path, *, title: str) -> None:
    """The share of forged clips over the mean fake probability of each bin, with 95 % intervals, and below it
    the bins' clips.

    `bins`: as `metrics.calibration.calibration` gives them; empty ones are left out.
    """
    figure = Figure(figsize=(5.4, 6.2), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    filled = [each for each in bins if each["n"]]
    mean, share, low, high = (
        np.array([each[key] for each in filled])
        for key in ("mean_probability", "share_forged", "share_low", "share_high")
    )
    for axes in (upper, lower):
        style_axes(axes)
    upper.plot((0, 1), (0, 1), color=FAINT, linewidth=1, linestyle="--", label="calibrated")
    # Over the frame, where a share of 0 or 1 lies.
    upper.vlines(
        mean, low, high, color=DETECTOR, linewidth=2.2, alpha=0.45, label="95 % interval", clip_on=False
    )
    upper.plot(
        mean,
        share,
        "o-",
        color=DETECTOR,
        linewidth=1.2,
        markersize=5,
        label="detector",
        clip_on=False,
        zorder=4,
    )
    upper.set(ylabel="Share of forged clips", ylim=(-0.01, 1.01), xlim=(0, 1), title=title)
    upper.xaxis.set_major_formatter(PERCENT)
    upper.yaxis.set_major_formatter(PERCENT)
    counts = [each["n"] for each in bins]
    lower.stairs(
        counts,
        [*(each["from"] for each in bins), bins[-1]["to"]],
        fill=True,
        color=SEEN,
        alpha=0.55,
        baseline=0,
    )
    lower.set(xlabel="Fake probability", ylabel="Clips", yscale="log", ylim=(0.5, max(counts) * 2))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    lower.yaxis.set_minor_locator(NullLocator())
    legend_below(figure, 3)
    save_figure(figure, path)


def base_rates(decision: dict[str, Any], path: Path) -> None:
    """Precision over the base rate of forged clips, both logarithmic: as measured and with the rates' 95 %
    bounds.

    `decision`: as `metrics.summary` gives it. A threshold that flags nothing has no precision, and the figure
    says so.
    """
    figure, axes = new_figure(6.4, 4.8)
    tpr, fpr = decision["tpr"]["value"], decision["fpr"]["value"]
    rates = np.geomspace(1e-4, 0.9, 200)
    pairs = [
        ((tpr, fpr), DETECTOR, "-", "TPR and FPR as measured"),
        (
            (decision["tpr_lower_bound"], decision["fpr_upper_bound"]),
            FORGED,
            (0, (4, 1.5)),
            "pessimistic: their 95 % bounds",
        ),
    ]
    lowest = 1e-1
    if decision["tp"] + decision["fp"]:
        for (true, false), colour, line, label in pairs:
            found = np.array([precision_at(true, false, rate) or math.nan for rate in rates.tolist()])
            axes.plot(rates, found, color=colour, linestyle=line, linewidth=1.8, label=label, clip_on=False)
            if np.isfinite(found).any():
                lowest = min(lowest, float(np.nanmin(found)))
        axes.plot(
            rates, rates, color=FAINT, linewidth=1, linestyle=":", label="chance: precision = base rate"
        )
        if decision["tp"] == 0:
            _say(axes, "no flag is true: precision 0")
        lowest = min(lowest, rates[0])
    else:
        _say(axes, "nothing flagged: no precision")
    axes.set(
        xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(10.0 ** math.floor(math.log10(lowest) + 1e-9), 1.05)
    )
    axes.set(
        title=(
            f"Precision at threshold {decision['threshold']:.4g}: TPR {tpr * 100:.1f} %, FPR "
            f"{fpr * 100:.3g} %"
        )
    )
    axes.set(
        xlabel="Base rate: share of all clips that is forged",
        ylabel="Precision: share of flagged clips that is forged",
    )
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(PERCENT)
    right = axes.secondary_yaxis("right", functions=(lambda share: share, lambda share: share))
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator())
    right.yaxis.set_major_formatter(
        FuncFormatter(lambda share, _: f"1 in {1 / share:,.0f}" if share > 0 else "")
    )
    for axis in (axes.xaxis, axes.yaxis, right.yaxis):
        axis.set_minor_locator(NullLocator())
    right.spines["right"].set_visible(False)
    if axes.lines:
        legend_below(figure, 2)
    save_figure(figure, path)


def comparison(found: dict[str, Any], path: Path) -> None:
    """Several models: their AUCs with intervals, and each one's difference from the first with DeLong's
    interval.

    `found`: the tree of `evaluation.of_files` for several score files.
    """
    models, comparisons = found["models"], found["comparisons"]
    figure = Figure(figsize=(9.6, 1.6 + 0.36 * max(len(models), 3)), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        style_axes(axes)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5))
    for height, tree in enumerate(models):
        _whisker(left, height, tree["auc"]["value"], tree["auc"]["low"], tree["auc"]["high"])
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
    mean, deviation = found["spread"]["auc"]["mean"], found["spread"]["auc"]["sd"]
    left.set(yticks=range(len(models)), ylim=(len(models) - 0.4, -0.6))
    left.set_yticklabels([tree["name"] for tree in models])
    left.set(title=f"AUC: mean {mean:.4f}, SD {deviation:.4f}", xlabel="AUC, with 95 % interval")
    right.set(title=f"AUC less that of {models[0]['name']}", xlabel="Difference, with DeLong's 95 % interval")
    save_figure(figure, path)


def _say(axes: Axes, what: str) -> None:
    """In the middle, where there is no curve."""
    frame = {"facecolor": "white", "edgecolor": "none"}
    axes.text(0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", color=INK, bbox=frame)


def _whisker(axes: Axes, height: int, value: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None:
        axes.plot((low, high), (height, height), color=SEEN, linewidth=2.2, solid_capstyle="round")
    axes.plot(value, height, "o", color=SEEN, markersize=6.5)


def _corners(fpr: Floats, tpr: Floats) -> tuple[Floats, Floats]:
    """The curve without the points in the middle of an upright or level stretch: the same steps from far
    fewer points."""
    inner = ~(
        ((fpr[:-2] == fpr[1:-1]) & (fpr[1:-1] == fpr[2:]))
        | ((tpr[:-2] == tpr[1:-1]) & (tpr[1:-1] == tpr[2:]))
    )
    keep = np.concatenate(([True], inner, [True]))
    return fpr[keep], tpr[keep]
