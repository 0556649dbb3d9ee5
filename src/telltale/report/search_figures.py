"""The figure of a search. `style.py` has the colours. No torch, and no pyplot."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.report.style import DETECTOR, FAINT, INK, UNSEEN, legend_below, new_figure, save_figure

if TYPE_CHECKING:
    import pandas as pd


def halving(boards: Mapping[str, "pd.DataFrame"], final: "pd.DataFrame", given: str, path: Path) -> None:
    """AUC of each trial, rung by rung: a line ends where its trial was dropped. The last rung has intervals.

    boards: of `study/search.py`, by the names of the rungs, the last one included
    final: columns trial, auc, low and high of the last rung
    given: the trial that is the configuration as it is
    """
    figure, axes = new_figure(7.0, 4.6)
    names, best = list(boards), str(final["trial"].iloc[0])
    points: dict[str, list[tuple[int, float]]] = {}
    for at, board in enumerate(boards.values()):
        for trial, auc in zip(board["trial"], board["auc"], strict=True):
            points.setdefault(trial, []).append((at, auc))
    finalists = list(final["trial"])
    # The last is on top: what was dropped, the finalists, the configuration as it is, the best.
    ranks = {**dict.fromkeys(finalists, 1), given: 2, best: 3}
    colours = (FAINT, DETECTOR, INK, UNSEEN)
    for trial in sorted(points, key=lambda trial: ranks.get(trial, 0)):
        rank = ranks.get(trial, 0)
        style = "--" if rank == 2 else "-"
        axes.plot(*zip(*points[trial], strict=True), style, marker="o", color=colours[rank], markersize=4)
    for number, row in enumerate(final.itertuples(), 1):
        right, colour = len(names) - 1 + 0.06 * number, colours[ranks[row.trial]]
        axes.plot((right, right), (row.low, row.high), color=colour, linewidth=1.8)
        axes.plot(right, row.auc, "D", color=colour, markersize=5)
    axes.plot([], [], "-", color=UNSEEN, label=f"the best: {best}")
    axes.plot([], [], "--", color=INK, label="the configuration as it is")
    axes.plot([], [], "-", color=DETECTOR, label="in the final round, with its 95 % interval")
    axes.plot([], [], "-", color=FAINT, label="dropped")
    labels = [f"{name}\n{len(board)} trials" for name, board in boards.items()]
    axes.set_xticks(range(len(names)), labels)
    axes.set(title="AUC on kinds held out, rung by rung", ylabel="AUC, mean over folds")
    legend_below(figure, 2)
    save_figure(figure, path)
