"""Figures of how detectors do on sets that they were not trained on. No torch, and no pyplot."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from telltale.report.style import FAINT, INK, SEEN, UNSEEN, legend_below, save_figure, style_axes


def matrix(results: pd.DataFrame, path: Path) -> None:
    """AUC of each detector on every set, the mean over seeds; a frame is drawn around the sets that it was
    trained on.

    results: columns detector, set, role and auc.
    """
    names, sets = (list(dict.fromkeys(results[column])) for column in ("detector", "set"))
    table = results.pivot_table(index="detector", columns="set", values="auc").reindex(names)[sets]
    trained = set(map(tuple, results.loc[results["role"] == "trained", ["detector", "set"]].to_numpy()))
    size = (2.8 + 1.0 * len(sets), 1.5 + 0.36 * len(names))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, vmin=0.0, vmax=1.0, cmap="PuOr", aspect="auto")
    for row, name in enumerate(names):
        for column, each in enumerate(sets):
            value = table.loc[name, each]
            if not np.isnan(value):
                colour = "white" if abs(value - 0.5) > 0.32 else INK
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color=colour)
            if (name, each) in trained:
                frame = Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, fill=False, edgecolor=INK)
                axes.add_patch(frame)
    axes.set_xticks(range(len(sets)), sets, rotation=30 if len(sets) > 4 else 0)
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="tested on (framed: trained on)", title="AUC")
    figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    save_figure(figure, path)


def few_shot(curves: pd.DataFrame, path: Path) -> None:
    """AUC on new and on old sets against the number of new examples: a panel for each detector.

    curves: columns config, trained_on, tuning, examples, new_auc, old_auc, new_sd and old_sd.
    """
    groups = list(curves.groupby(["config", "trained_on"], sort=False))
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(1.0 + 3.1 * columns, 0.9 + 2.6 * rows), dpi=120, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    for axes, (key, group) in zip(panels, groups, strict=False):
        style_axes(axes)
        counts = sorted(set(group["examples"]))
        for tuning, part in group.groupby("tuning", sort=False):
            line = {"transfer": "--", "merge": "-"}[str(tuning)]
            at = [counts.index(count) for count in part["examples"]]
            for which, colour, marker in (("new", UNSEEN, "D"), ("old", SEEN, "o")):
                label = f"{which} sets, {tuning}"
                values = part[f"{which}_auc"]
                spread = part[f"{which}_sd"].fillna(0)
                axes.plot(at, values, line, marker=marker, color=colour, markersize=5, label=label)
                axes.fill_between(at, values - spread, values + spread, color=colour, alpha=0.1, linewidth=0)
        axes.axhline(0.5, color=FAINT, linewidth=1, linestyle=":")
        axes.set_xticks(range(len(counts)), counts)
        axes.set_title(f"{key[0]} [{key[1]}]", fontsize=10)
    for axes in list(panels):
        axes.set_visible(False)
    used = figure.axes[: len(groups)]
    for axes in used[::columns]:
        axes.set_ylabel("AUC")
    for axes in used[-columns:]:
        axes.set_xlabel("examples of the new sets")
    handles = {
        text: line for axes in used for line, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=2, frameon=False, fontsize=8.5
    )
    save_figure(figure, path)


def degradations(table: pd.DataFrame, path: Path) -> None:
    """Original accuracy and the average over unseen sets of each detector, the least degradation on top.

    table: columns Detector, Original and Average, in percent.
    """
    figure = Figure(figsize=(6.8, 1.4 + 0.3 * max(len(table), 3)), dpi=120, layout="constrained")
    axes = figure.subplots()
    style_axes(axes)
    heights: Sequence[int] = range(len(table))
    axes.hlines(heights, table["Average"], table["Original"], color=FAINT, linewidth=1.6)
    axes.plot(table["Original"], heights, "o", color=SEEN, markersize=6, label="original")
    axes.plot(table["Average"], heights, "D", color=UNSEEN, markersize=6, label="unseen, average")
    axes.axvline(50, color=FAINT, linewidth=1, linestyle="--")
    axes.set_yticks(heights, table["Detector"])
    axes.set(ylim=(len(table) - 0.4, -0.6), xlabel="Accuracy at 0.5, both classes counted one half, in %")
    axes.grid(visible=False, axis="y")
    legend_below(figure, 2)
    save_figure(figure, path)
