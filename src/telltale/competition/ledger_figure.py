"""The figure of the submission ledger: estimated and returned AUC over time, a panel for each phase."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure

from telltale.competition.ledger import LIMITS, Submission
from telltale.errors import InputError
from telltale.report.style import DETECTOR, FAINT, INK, UNSEEN, save_figure, style_axes

# Markers of estimates are hollow. Those of the returned AUC are filled and joined by a line, because the
# estimates are compared with it. (field, label, colour, marker, face colour, line style)
SERIES = (
    ("own_auc", "own validation AUC", DETECTOR, "o", "none", "none"),
    ("unseen_auc", "unseen-cluster estimate", UNSEEN, "D", "none", "none"),
    ("score_auc", "returned AUC", INK, "s", INK, "-"),
)
SIDE = timedelta(hours=1)  # smallest margin of the time axis, whose span is 0 for a single submission


def over_time(entries: Sequence[Submission], zone: ZoneInfo, path: Path) -> None:
    """Draw `entries` into the PNG file `path`, with the local times of `zone`.

    There is one panel for each phase that occurs. The panels share the time axis and the AUC axis. A faint
    line joins the numbers of one submission. A triangle at the bottom marks a submission without a score, so
    that a submission without any number is visible. Raises InputError if there are no entries.
    """
    if not entries:
        raise InputError("no submission to draw; wanted at least one")
    phases = [phase for phase in LIMITS if any(entry.phase == phase for entry in entries)]
    figure = Figure(figsize=(8.0, 1.5 + 2.4 * len(phases)), dpi=120, layout="constrained")
    panels: list[Axes] = list(figure.subplots(len(phases), 1, sharex=True, sharey=True, squeeze=False)[:, 0])
    for axes, phase in zip(panels, phases, strict=True):
        rows = sorted((entry for entry in entries if entry.phase == phase), key=lambda entry: entry.submitted)
        style_axes(axes)
        _panel(axes, rows)
        count = f"{len(rows)} submission{'s' if len(rows) > 1 else ''}"
        axes.set_title(
            f"{phase}: {count}, {sum(row.score_auc is not None for row in rows)} with a score",
            fontsize=10.5,
            loc="left",
        )
        axes.set_ylabel("AUC")
    known = [
        value for entry in entries for name, *_ in SERIES if (value := getattr(entry, name)) is not None
    ] or [0.5, 1.0]
    margin = max(0.01, 0.08 * (max(known) - min(known)))
    panels[0].set_ylim(max(-0.02, min(known) - 2 * margin), min(1.02, max(known) + margin))
    _time_axis(panels[-1], min(e.submitted for e in entries), max(e.submitted for e in entries), zone)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5, columnspacing=1.2
    )
    save_figure(figure, path)


def _panel(axes: Axes, rows: Sequence[Submission]) -> None:
    """Draw the submissions of one phase, which are sorted by time."""
    when = date2num([row.submitted for row in rows])
    for at, row in zip(when, rows, strict=True):
        known = [value for name, *_ in SERIES if (value := getattr(row, name)) is not None]
        if len(known) > 1:
            axes.plot((at, at), (min(known), max(known)), color=FAINT, linewidth=0.8, alpha=0.7, zorder=2)
    for name, label, colour, marker, face, line in SERIES:
        value = np.array([np.nan if (share := getattr(row, name)) is None else share for row in rows])
        known_rows = np.isfinite(value)
        axes.plot(
            when[known_rows],
            value[known_rows],
            marker,
            linestyle=line,
            color=colour,
            markerfacecolor=face,
            markersize=5,
            linewidth=1,
            label=label,
        )
    waiting = when[[row.score_auc is None for row in rows]]
    foot = axes.get_xaxis_transform()
    axes.plot(
        waiting,
        np.full(len(waiting), 0.05),
        "^",
        color=FAINT,
        markersize=6,
        transform=foot,
        label="no score yet",
    )


def _time_axis(axes: Axes, first: datetime, last: datetime, zone: ZoneInfo) -> None:
    """Format the time axis: hours if all is within one day, else days. The label has the rest of the date."""
    days = [f"{when.astimezone(zone):%Y-%m-%d}" for when in (first, last)]
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    within = (
        "%H:%M" if days[0] == days[1] else "%d %b\n%H:%M" if last - first < timedelta(days=4) else "%d %b"
    )
    axes.xaxis.set_major_formatter(DateFormatter(within, tz=zone))
    side = max(SIDE, 0.03 * (last - first))
    axes.set_xlim(date2num(first - side), date2num(last + side))
    axes.set_xlabel(f"Submitted {days[0] if days[0] == days[1] else ' to '.join(days)} ({zone.key})")
