"""The page and the figures of shortcut probes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from telltale.report.page import Page
from telltale.report.probe_figures import ProbeRow, probes
from telltale.study.probe_facts import Facts
from telltale.study.probes import Question

_SHOWN = ["probe", "clips", "auc", "low", "high", "chance", "p", "p_corrected", "finding"]
_FOUND = ["probe", "strongest", "remedy", "effect"]


def write_page(
    folder: Path, tables: Sequence[tuple[Question, pd.DataFrame]], facts: Facts, groups: str
) -> None:
    """Write a figure NAME.png for each question, and index.html. groups: what clips were held out by."""
    page = Page("Shortcut probes")
    counts = Counter(facts.statuses)
    statuses = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    page.text(f"{len(facts.statuses)} clips: {statuses}. Held out by {groups}.")
    page.text(
        "Each probe predicts the class of held-out clips from one thing by a small linear model. The AUC is "
        "of those predictions. In a small data set an AUC below 0.5 is what no relation looks like. Chance "
        "is the AUC that one permutation of the labels in twenty reaches. The corrected p is what counts."
    )
    for question, table in tables:
        page.heading(question.title)
        tested = table[table["status"] == "ok"].sort_values("auc", ascending=False)
        rows = [
            ProbeRow(r["probe"], r["auc"], r["low"], r["high"], r["chance"], r["finding"] or "")
            for r in tested.assign(finding=tested["finding"].fillna("")).to_dict("records")
        ]
        probes(rows, folder / f"{question.name}.png", title=question.title)
        page.figure(f"{question.name}.png", "AUC of each probe on held-out clips")
        second = int(question.labels.sum())
        sizes = zip((len(question.rows) - second, second), question.words, strict=True)
        page.table(tested[_SHOWN], ", ".join(f"{size} clips {word}" for size, word in sizes))
        found = table[table["finding"].notna()]
        if len(found):
            page.table(found[_FOUND], "What was found, and what to do")
        if len(few := table[table["status"] != "ok"]):
            page.text(f"Too few clips for: {', '.join(few['probe'])}.")
    page.write(folder / "index.html")
