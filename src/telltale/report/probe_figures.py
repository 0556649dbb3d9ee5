"""A figure of shortcut probes: the AUC of each with its interval, and what chance gives.

`style.py` has the colours. No torch, and no pyplot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.report.style import FAINT, FORGED, GENUINE, INK, legend_below, new_figure, save_figure


@dataclass(frozen=True)
class ProbeRow:
    """One probe. chance: the AUC that one permutation in twenty reaches; finding: "shortcut", "informative"
    or ""."""

    name: str
    auc: float
    low: float
    high: float
    chance: float
    finding: str


def probes(rows: Sequence[ProbeRow], path: Path, *, title: str) -> None:
    """AUC of each probe with its interval, the best on top. A tick marks what chance reaches once in 20."""
    rows = sorted(rows, key=lambda row: row.auc)
    figure, axes = new_figure(7.2, 1.5 + 0.3 * max(len(rows), 3))
    colours = {"shortcut": FORGED, "informative": GENUINE, "": FAINT}
    labels = {"shortcut": "shortcut, found", "informative": "informative, found", "": "not found"}
    for height, row in enumerate(rows):
        colour = colours[row.finding]
        axes.plot((row.low, row.high), (height, height), color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot(row.auc, height, "o", color=colour, markersize=6.5, clip_on=False)
        axes.plot(row.chance, height, "|", color=INK, markersize=10)
        axes.annotate(
            f"{row.auc:.3f}",
            (1.03, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=colour if row.finding else INK,
        )
    for finding in dict.fromkeys(row.finding for row in reversed(rows)):
        axes.plot([], [], "o", color=colours[finding], markersize=6.5, label=labels[finding])
    axes.plot([], [], "|", color=INK, markersize=10, linestyle="", label="chance, 95th percentile")
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.grid(visible=False, axis="y")
    lowest = min((row.low for row in rows), default=0.5)
    axes.set(xlim=(min(0.4, lowest) - 0.02, 1.01), ylim=(-0.6, len(rows) - 0.4), title=title)
    axes.set(xlabel="Cross-validated AUC, with 95 % interval")
    legend_below(figure, 4)
    save_figure(figure, path)
