"""The figure of an ablation. `style.py` has the colours. No torch, and no pyplot."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.report.style import FAINT, INK, SEEN, UNSEEN, legend_below, new_figure, save_figure

if TYPE_CHECKING:
    import pandas as pd


def gains(table: "pd.DataFrame", path: Path) -> None:
    """What each ingredient adds to the AUC on unseen and on seen clips, with intervals; the most on top.

    table: rows of ingredients of `study/ablation_tables.py`, without the whole configuration. An ingredient
    whose gain is not known is at the end and has no dot.
    """
    rows = table.sort_values("unseen_gain", ascending=False, kind="stable", na_position="last")
    figure, axes = new_figure(7.2, 1.6 + 0.42 * max(len(rows), 3))
    for shift, which, colour, marker in ((-0.13, "unseen", UNSEEN, "D"), (0.13, "seen", SEEN, "o")):
        known = np.flatnonzero(rows[f"{which}_gain"].notna())
        own = rows.iloc[known]
        heights, label = known + shift, f"{which} clips: gain, 95 % interval"
        axes.hlines(heights, own[f"{which}_low"], own[f"{which}_high"], color=colour, linewidth=2.0)
        axes.plot(own[f"{which}_gain"], heights, marker, color=colour, markersize=6, label=label)
    at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9}
    for height, gain in enumerate(rows["unseen_gain"]):
        axes.annotate("–" if np.isnan(gain) else f"{gain:+.3f}", (1.02, height), color=INK, **at)
    axes.axvline(0, color=FAINT, linewidth=1, linestyle="--")
    axes.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticklabels(list(rows["ingredient"]))
    axes.grid(visible=False, axis="y")
    axes.set(title="What each ingredient adds", xlabel="AUC with all less AUC without it (right: it helps)")
    legend_below(figure, 2)
    save_figure(figure, path)
