"""An ablation as a whole: its runs, tables, figure and page in one folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from telltale import config
from telltale.files import fingerprint
from telltale.report import ablation_figures
from telltale.report.page import Page
from telltale.runtime.signals import SignalWatch
from telltale.study import ablation_tables, unseen_report
from telltale.study.ablation import AblationSpec, tasks
from telltale.study.ablation_ingredients import FULL
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, execute, failures
from telltale.study.unseen import UNSEEN
from telltale.study.unseen_tables import with_keys


@dataclass(frozen=True)
class Said:
    """What the page says beside the numbers. name: of the configuration; off: name of each ingredient → the
    keys that take it out; left_out: a sentence on each ingredient that could not be taken out."""

    name: str
    off: Mapping[str, str]
    left_out: Sequence[str] = ()


def study(
    spec: AblationSpec, said: Said, out: Path, watch: SignalWatch, how: Execution, resamples: int
) -> str:
    """Do the ablation in the folder `out`, or what is left of it; the table to print.

    how: its runs are made; a run that fails is a status. resamples: of the bootstrap. Further ingredients and
    seeds can be added to a study: what it has is not trained again. Raises InputError, and Stopped after a
    signal.
    """
    listed = tasks(spec)
    folder = StudyFolder(out, "ablation", about(spec))
    for line in (*said.left_out, *clips_text(spec)):
        print(line, flush=True)
    scores = with_keys(execute(folder, listed, watch, how))
    runs = ablation_tables.run_table(scores, failures(folder, listed))
    table = ablation_tables.gain_table(scores, runs, said.off, resamples)
    folder.table("runs", runs)
    folder.table("ablation", table)
    ablation_figures.gains(table[table["ingredient"] != FULL], out / "ablation.png")
    write_page(spec, said, runs, table, out)
    return text(table, runs, out)


def about(spec: AblationSpec) -> dict[str, Any]:
    """What no run of the study may differ in, for `StudyFolder`. Each run knows the rest."""
    names = spec.clips[["video_name", "split", "target"]].to_dict("split")["data"]
    folds = None if spec.division is None else unseen_report.of_division(spec.division)
    return {
        "data": str(spec.data.absolute()),
        "clips": fingerprint(names),
        "config": config.fingerprint(spec.variants[FULL]),
        "column": spec.column,
        "division": folds,
        "pool": spec.pool,
        "only": spec.only,
    }


def clips_text(spec: AblationSpec) -> list[str]:
    """What the unseen clips are, in sentences."""
    if spec.column is None:
        return unseen_report.held_out(spec.folds)
    rows = spec.tested[UNSEEN]
    forged = sum(row.target == 1 for row in rows)
    kinds = spec.clips.set_index("video_name")[spec.column]
    new = sorted({kinds[row.video_name] for row in rows if row.target == 1})
    return [
        f"unseen: {forged} forged test clips of {', '.join(new)}, which training and validation have not, "
        f"and {len(rows) - forged} genuine ones"
    ]


def write_page(spec: AblationSpec, said: Said, runs: pd.DataFrame, table: pd.DataFrame, out: Path) -> None:
    """Write index.html."""
    page = Page(f"What each ingredient of {said.name} is worth")
    seeds = ", ".join(map(str, spec.seeds))
    page.text(
        f"{said.name} on {spec.data}, whole and without each ingredient in turn; seeds {seeds}. A gain is "
        "the mean AUC of the whole configuration less that without the ingredient, on the same clips and "
        "seeds, with its 95 % interval (nested bootstrap over folds, seeds and clips). Of twenty ingredients "
        "that add nothing, one interval lies beside 0 by chance."
    )
    page.figure("ablation.png", "What each ingredient adds to the AUC. To the right of 0: it helps.")
    page.table(table, "The whole configuration, and without each ingredient. TPR is at FPR 1e-3.")
    for line in (*clips_text(spec), *said.left_out):
        page.text(line)
    failed = runs[runs["status"] != "ok"]
    if len(failed):
        page.text(f"{len(failed)} runs failed; what they are part of has no mean and no gain.")
    page.heading("Runs")
    page.table(runs, "Each run, and its status.")
    page.write(out / "index.html")


def text(table: pd.DataFrame, runs: pd.DataFrame, out: Path) -> str:
    """The table to print, and where the files are."""
    columns = ["ingredient", "seen_auc", "seen_tpr", "unseen_auc", "unseen_tpr"]
    columns += [f"{which}_{key}" for which in ("seen", "unseen") for key in ("gain", "low", "high")]
    lines = [table[columns].to_string(index=False, float_format="{:.4f}".format, na_rep="-")]
    failed = runs[runs["status"] != "ok"]
    lines += [f"{row.config}/{row.fold}/seed{row.seed} failed: {row.status}" for row in failed.itertuples()]
    return "\n".join([*lines, f"wrote ablation.csv, runs.csv, ablation.png and index.html to {out}"])
