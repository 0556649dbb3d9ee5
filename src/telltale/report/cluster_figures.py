"""Figures of clusters: the indices over k, a map of the clips, a contact sheet. No torch, and no pyplot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from telltale.report.style import DETECTOR, FAINT, FORGED, INK, Floats, new_figure, save_figure, style_axes

if TYPE_CHECKING:
    import pandas as pd

# Colours of Okabe and Ito, and of Tol, neighbours unlike each other; then they begin anew with
# another marker.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933", "#332288"),
    *("#117733", "#661100", "#44AA99", "#AA4499", "#6699CC", "#888888", "#DDCC77", "#000000", "#CC6677"),
)
MARKERS = "os^DvP*X"


def over_k(
    ks: "Sequence[int] | pd.Series",
    indices: Mapping[str, "Sequence[float] | pd.Series"],
    elbow: int,
    k: int,
    path: Path,
) -> None:
    """A panel for each index over k. The elbow, of the first index, and the k that was used are marked.

    indices: name → values, NaN where unknown
    """
    figure = Figure(figsize=(4.8 * len(indices), 3.8), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(indices), squeeze=False)[0]
    for number, (axes, (name, values)) in enumerate(zip(panels, indices.items(), strict=True)):
        style_axes(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.plot(ks, values, "o-", color=DETECTOR, markersize=4)
        if number == 0:
            known = [(x, y) for x, y in zip(ks, values, strict=True) if np.isfinite(y)]
            axes.plot(*zip(*(known[0], known[-1]), strict=True), color=FAINT, linewidth=1, linestyle="--")
            axes.axvline(elbow, color=FORGED, linewidth=1, label=f"elbow: k = {elbow}")
        if k != elbow or number:
            axes.axvline(k, color=INK, linewidth=1, linestyle=":", label=f"used: k = {k}")
        axes.set(xlabel="Clusters k", ylabel=name)
        axes.legend(frameon=True, edgecolor="none", framealpha=0.85, fontsize=9)
    save_figure(figure, path)


def clip_map(places: Floats, panels: Mapping[str, Sequence[str]], path: Path) -> None:
    """Clips at their places, once for each way to name them.

    places: (N, 2); panels: title → the N clips' groups, "" for unknown ones, which are drawn in grey
    """
    names = [set(groups) - {""} for groups in panels.values()]
    # A line of the legend has room for about a hundred letters.
    columns = [max(1, 100 // (12 + max(map(len, each), default=1))) for each in names]
    lines = max(-(-len(each) // count) for each, count in zip(names, columns, strict=True))
    figure = Figure(figsize=(6.4 * len(panels), 5.2 + 0.2 * lines), dpi=120, layout="constrained")
    drawn = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, count, (title, groups) in zip(drawn, columns, panels.items(), strict=True):
        _scatter(axes, places, np.asarray(groups), count)
        axes.set(title=title)
    save_figure(figure, path)


def _scatter(axes: Axes, places: Floats, groups: NDArray, columns: int) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#E4E4E4")
    size = float(np.clip(6000 / max(len(places), 1), 4, 30))
    names = sorted(
        set(groups.tolist()) - {""}, key=lambda name: (len(name), name) if name.isdigit() else (99, name)
    )
    unknown = groups == ""
    x, y = places.T
    axes.scatter(x[unknown], y[unknown], s=size, color="#CCCCCC", linewidths=0)
    for number, name in enumerate(names):
        here = groups == name
        marker = MARKERS[number // len(COLOURS) % len(MARKERS)]
        colour = COLOURS[number % len(COLOURS)]
        label = f"{name} ({here.sum()})"
        axes.scatter(
            x[here], y[here], s=size, color=colour, marker=marker, linewidths=0, alpha=0.8, label=label
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=columns, frameon=False, fontsize=8)


def contact_sheet(rows: Sequence[tuple[str, NDArray[np.uint8]]], path: Path) -> None:
    """A row of frames for each clip, below its label. rows: label and frames uint8 (T, H, W, 3), T >= 1."""
    most = max(len(frames) for _, frames in rows)
    figure = Figure(figsize=(1.15 * most, 1.4 * len(rows)), dpi=100, layout="constrained")
    grid = figure.subplots(len(rows), most, squeeze=False)
    for axes, (label, frames) in zip(grid, rows, strict=True):
        for place, one in enumerate(axes):
            one.set_axis_off()
            if place < len(frames):
                one.imshow(frames[place])
        # Out of the layout: a long label would widen the first column.
        said = axes[0].text(0, 1.04, label, transform=axes[0].transAxes, fontsize=7, color=INK)
        said.set_in_layout(False)
    save_figure(figure, path)


def by_labels(values: Mapping[str, Sequence[float]], path: Path) -> None:
    """The Calinski-Harabasz index of each run, and the mean, by the labels that it learnt. values: labels →
    the index of each seed."""
    figure, axes = new_figure(1.6 + 1.3 * len(values), 3.8)
    for place, runs in enumerate(values.values()):
        axes.plot([place] * len(runs), runs, "o", color=DETECTOR, alpha=0.7)
        axes.plot([place - 0.25, place + 0.25], [np.mean(runs)] * 2, color=INK, linewidth=2)
    axes.set_xticks(range(len(values)), list(values))
    axes.set(
        xlabel="Labels of forged clips", ylabel="Calinski-Harabasz index", xlim=(-0.5, len(values) - 0.5)
    )
    axes.set_ylim(bottom=0)
    save_figure(figure, path)
