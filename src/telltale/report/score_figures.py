"""Figures of one model's scores, from numbers to PNG files: ROC, DET, histogram, reliability and precision.

Rates are shares in [0, 1] as arguments and percent on the axes. `style.py` has the colours. No torch, and no
pyplot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy.special import ndtri

from telltale.report.style import (
    DETECTOR,
    FAINT,
    FORGED,
    GENUINE,
    INK,
    PERCENT,
    SEEN,
    Floats,
    legend_below,
    new_figure,
    save_figure,
    style_axes,
)

DET_TICKS = (0.00001, 0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class RocCurve:
    """The ROC curve of one model.

    fpr, tpr: (K,) each, rising from (0, 0) to (1, 1).
    n_genuine, n_forged: the clips that it was measured on.
    """

    fpr: Floats
    tpr: Floats
    n_genuine: int
    n_forged: int


def roc(
    curve: RocCurve,
    points: Sequence[tuple[float, float, bool]],
    path: Path,
    *,
    title: str,
    band: tuple[Floats, Floats, Floats] | None = None,
) -> None:
    """ROC curve over a logarithmic false positive rate.

    points: the three (FPR, TPR, resolved) to mark. band: three (G,), false positive rates, and the low and
    the high TPR there. Rates below 1 / n_genuine allow not one false positive; they are shaded.
    """
    figure, axes = new_figure(6.4, 5.2)
    fpr, tpr, n_genuine = curve.fpr, curve.tpr, curve.n_genuine
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


def det(curve: RocCurve, eer: float, path: Path, *, title: str) -> None:
    """Detection error trade-off: misses over false alarms on normal-deviate axes, on which two normal score
    distributions of equal width give a straight line. The equal error rate is marked. Rates of zero lie on
    the frame."""
    figure, axes = new_figure(5.4, 5.2)
    high = 0.9 if eer < 0.45 else 0.99
    limits = []
    for count in (curve.n_genuine, curve.n_forged):
        limits.append((min(0.02, 10.0 ** math.floor(math.log10(1 / count))), high))
    alarms, misses = (
        ndtri(np.clip(rate, *limit)) for rate, limit in zip((curve.fpr, 1 - curve.tpr), limits, strict=True)
    )
    # Not clipped: the curve may lie on the frame.
    axes.plot(alarms, misses, color=DETECTOR, linewidth=1.8, clip_on=False, zorder=3)
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
    """How the fake probabilities of each class are distributed: the share of the class in each bin, on a
    logarithmic axis. genuine, forged: (N,) and (M,)."""
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


def reliability(bins: Sequence[dict[str, Any]], path: Path, *, title: str) -> None:
    """The share of forged clips over the mean fake probability of each bin, with 95 % intervals. Below it,
    how many clips each bin has.

    bins: as `metrics.calibration.calibration` gives them; empty ones are left out.
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
    # Not clipped: a share of 0 or 1 lies on the frame.
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


def base_rates(
    rates: Floats, precisions: tuple[Floats, Floats] | None, path: Path, *, title: str, note: str = ""
) -> None:
    """Precision over the base rate of forged clips, both logarithmic.

    rates: (R,) base rates, rising. precisions: two (R,), with the TPR and FPR as measured and with their 95 %
    bounds, NaN if no flag is true; None if nothing is flagged. note: written into the middle.
    """
    figure, axes = new_figure(6.4, 4.8)
    lowest = 1e-1
    if precisions is not None:
        measured, pessimistic = precisions
        for precision, colour, line, label in (
            (measured, DETECTOR, "-", "TPR and FPR as measured"),
            (pessimistic, FORGED, (0, (4, 1.5)), "pessimistic: their 95 % bounds"),
        ):
            axes.plot(
                rates, precision, color=colour, linestyle=line, linewidth=1.8, label=label, clip_on=False
            )
            if np.isfinite(precision).any():
                lowest = min(lowest, float(np.nanmin(precision)))
        axes.plot(
            rates, rates, color=FAINT, linewidth=1, linestyle=":", label="chance: precision = base rate"
        )
        lowest = min(lowest, rates[0])
    if note:
        frame = {"facecolor": "white", "edgecolor": "none"}
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", color=INK, bbox=frame)
    bottom = 10.0 ** math.floor(math.log10(lowest) + 1e-9)
    axes.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(bottom, 1.05), title=title)
    axes.set(
        xlabel="Base rate: share of all clips that is forged",
        ylabel="Precision: share of flagged clips that is forged",
    )
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(PERCENT)
    for axis in (axes.xaxis, axes.yaxis, _one_in_axis(axes)):
        axis.set_minor_locator(NullLocator())
    if axes.lines:
        legend_below(figure, 2)
    save_figure(figure, path)


def _one_in_axis(axes: Axes) -> Axis:
    """An axis on the right that says a share as "1 in N"."""
    right = axes.secondary_yaxis("right", functions=(lambda share: share, lambda share: share))
    right.set_yscale("log")
    right.yaxis.set_major_locator(LogLocator())
    right.yaxis.set_major_formatter(
        FuncFormatter(lambda share, _: f"1 in {1 / share:,.0f}" if share > 0 else "")
    )
    right.spines["right"].set_visible(False)
    return right.yaxis
