"""A study of unseen kinds as a whole: its runs, tables, figure and page in one folder."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from telltale import config
from telltale.files import fingerprint, sha256
from telltale.report import study_figures
from telltale.report.page import Page
from telltale.runtime.signals import SignalWatch
from telltale.study import unseen_tables
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, execute
from telltale.study.unseen import Division, UnseenSpec, tasks


def study(spec: UnseenSpec, out: Path, watch: SignalWatch, how: Execution, resamples: int) -> str:
    """Do the study in the folder `out`, or what is left of it; the table to print.

    how: its runs are made; resamples: of the bootstrap. Raises InputError, and Stopped
    after a signal.
    """
    listed = tasks(spec)  # mistakes in columns and files are reported before the folder is made
    folder = StudyFolder(out, "unseen", about(spec))
    for line in held_out(spec):
        print(line, flush=True)
    scores = unseen_tables.with_keys(execute(folder, listed, watch, how))
    runs = unseen_tables.run_table(scores)
    summary = unseen_tables.summary_table(scores, runs, resamples)
    pairs = unseen_tables.pair_table(scores, resamples)
    for name, table in (("runs", runs), ("summary", summary), ("pairs", pairs)):
        folder.table(name, table)
    study_figures.unseen(runs, summary, out / "unseen.png")
    write_page(spec, (runs, summary, pairs), out)
    return text(summary, pairs, out)


def held_out(spec: UnseenSpec) -> list[str]:
    """A sentence on each fold: the kinds that it holds out, and the clips of its runs."""
    lines = []
    for name, splits in spec.folds.items():
        assert splits.unseen is not None
        forged = (row.video_name for row in splits.unseen.rows if row.target == 1)
        kinds = Counter(spec.facts.kinds[each] for each in forged)
        held = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
        parts = (splits.train, splits.validation, splits.unseen)
        sizes = [f"{part.n_genuine} genuine and {part.n_forged} forged" for part in parts]
        lines.append(
            f"{name} holds out {held}: trained on {sizes[0]}, validated on {sizes[1]}, tested on {sizes[2]}"
        )
    return lines


def about(spec: UnseenSpec) -> dict[str, Any]:
    """What the results of the study depend on, for `StudyFolder`."""
    clips = spec.clips[["video_name", "split", "target"]].to_dict("split")["data"]
    return {
        "data": str(spec.data.absolute()),
        "clips": fingerprint(clips),
        "configs": {name: config.fingerprint(settings) for name, settings in spec.configs.items()},
        "division": of_division(spec.division),
        "seeds": list(spec.seeds),
        "pool": spec.pool,
        "only": spec.only,
    }


def of_division(division: Division) -> dict[str, Any]:
    """A division of JSON's types, with the SHA-256 of its files."""
    files = [Path(division.kind)] if division.by == "clusters" else []
    files += [] if division.groups is None else [division.groups]
    groups = None if division.groups is None else str(division.groups)
    return {**vars(division), "groups": groups, "sha256": [sha256(path) for path in files]}


def write_page(spec: UnseenSpec, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], out: Path) -> None:
    """Write index.html. tables: runs, summary and pairs."""
    runs, summary, pairs = tables
    page = Page("Kinds of forgery that training has not seen")
    page.text(
        f"{len(spec.clips)} clips of {spec.data}; {len(spec.folds)} folds by {spec.division.by}; "
        f"seeds {', '.join(map(str, spec.seeds))}. Each run is trained without the forgeries and the genuine "
        "clips of its fold, and scores them."
    )
    page.figure("unseen.png", "AUC on held-out folds, and on plain validation.")
    page.table(
        summary,
        "Each configuration: mean over folds and seeds with its 95 % interval (nested bootstrap over folds, "
        "seeds and clips), the worst fold, deviations over seeds and over folds, TPR at FPR 1e-3, and plain "
        "validation.",
    )
    if len(pairs):
        page.table(pairs, "Pairs of configurations on the same folds and clips: first less second.")
    page.heading("Folds")
    for line in held_out(spec):
        page.text(line)
    page.heading("Runs")
    page.table(runs, "Each run. TPR is at FPR 1e-3; unscored clips have a status in the run's scores.")
    page.write(out / "index.html")


def text(summary: pd.DataFrame, pairs: pd.DataFrame, out: Path) -> str:
    """The tables to print, and where the files are."""
    columns = ["config", "unseen_auc", "low", "high", "worst_auc", "worst_fold", "sd_seeds", "sd_folds"]
    columns += ["unseen_tpr", "validation_auc", "unscored"]
    parts = [summary[columns].to_string(index=False, float_format="{:.4f}".format)]
    if len(pairs):
        parts.append(pairs.to_string(index=False, float_format="{:.4f}".format))
    return "\n\n".join(
        [*parts, f"wrote summary.csv, runs.csv, pairs.csv, unseen.png and index.html to {out}"]
    )
