"""A search as a whole: its rungs, tables, figure, page and the best configuration in one folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from telltale import config
from telltale.files import write_text
from telltale.report import search_figures
from telltale.report.page import Page
from telltale.runtime.signals import SignalWatch
from telltale.study import unseen_report
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution
from telltale.study.search import FINAL, Found, SearchSpec, search
from telltale.study.search_choices import GIVEN, Trial, described
from telltale.study.unseen import UNSEEN
from telltale.study.unseen_tables import difference, run_table, summary_table

BEST = "best.yaml"


@dataclass(frozen=True)
class Asked:
    """What the page says of the search. name: of the configuration; refused: sentences on combinations that
    are none."""

    name: str
    refused: Sequence[str] = ()


def study(
    spec: SearchSpec, asked: Asked, out: Path, watch: SignalWatch, how: Execution, resamples: int
) -> str:
    """Do the search in the folder `out`, or what is left of it; the text to print.

    how: its runs are made; a run that fails is a status. resamples: of the bootstrap of the final round.
    Raises InputError, and Stopped after a signal.
    """
    lines = unseen_report.held_out(spec.unseen)  # mistakes in columns and files before the folder is made
    folder = StudyFolder(out, "search", about(spec))
    for line in (*asked.refused, *lines, *rungs_text(spec)):
        print(line, flush=True)
    found = search(spec, folder, watch, how)
    final = final_table(found, resamples)
    folder.table(FINAL, final)
    chosen = next(trial for trial in spec.trials if trial.name == final["trial"].iloc[0])
    write_text(out / BEST, best_text(chosen, final, asked.name))
    search_figures.halving(found.boards, final, GIVEN, out / "search.png")
    write_page(spec, asked, found, final, out)
    return text(final, chosen, out)


def about(spec: SearchSpec) -> dict[str, Any]:
    """What the results of the study depend on, for `StudyFolder`."""
    trials = [[trial.name, config.fingerprint(trial.settings)] for trial in spec.trials]
    plain = unseen_report.about(spec.unseen)
    del plain["configs"]
    return {**plain, "trials": trials, "rungs": [asdict(rung) for rung in spec.rungs]}


def rungs_text(spec: SearchSpec) -> list[str]:
    """A sentence on each rung."""
    epochs = spec.trials[0].settings.optim.epochs
    lines = []
    for rung in spec.rungs:
        seeds = ", ".join(map(str, rung.seeds))
        many = f"{rung.count} trials" if rung.name != FINAL else f"{rung.count} best trials and {GIVEN}"
        lines.append(
            f"{rung.name}: {many}, {max(1, round(epochs * rung.share))} of {epochs} epochs, seeds {seeds}"
        )
    return lines


def final_table(found: Found, resamples: int) -> pd.DataFrame:
    """The leaderboard of the final round, with more: low and high, the AUC's 95 % interval (nested
    bootstrap); sd_seeds; gain, gain_low, gain_high, p: the AUC less that of the configuration as it is, on
    the same folds, seeds and clips, paired."""
    board, scores = found.boards[FINAL], found.final
    summary = summary_table(scores, run_table(scores), resamples).set_index("config")
    rows = []
    for row in board.to_dict("records"):
        trial = row["trial"]
        own = {"low": summary["low"][trial], "high": summary["high"][trial]}
        own["sd_seeds"] = summary["sd_seeds"][trial]
        pair = difference(scores, (trial, GIVEN), UNSEEN, resamples) if trial != GIVEN else {}
        names = {"difference": "gain", "low": "gain_low", "high": "gain_high", "p": "p"}
        own |= {name: pair.get(key, float("nan")) for key, name in names.items()}
        rows.append({"trial": trial, "auc": row["auc"], **own, **row})
    return pd.DataFrame(rows)


def best_text(chosen: Trial, final: pd.DataFrame, name: str) -> str:
    """best.yaml: the whole configuration, below lines that say where it is from."""
    row = final.iloc[0]
    lines = [
        f"# The best of a search on {name}: {chosen.name} ({described(chosen.picks)}).",
        f"# AUC on held-out kinds {row['auc']:.4f}, mean over folds and seeds.",
    ]
    return "\n".join([*lines, config.dump(chosen.settings)])


def write_page(spec: SearchSpec, asked: Asked, found: Found, final: pd.DataFrame, out: Path) -> None:
    """Write index.html."""
    page = Page(f"A search on {asked.name}")
    folds = spec.unseen
    page.text(
        f"{len(spec.trials)} configurations, trained on {folds.data} without one of {len(folds.folds)} folds "
        f"by {folds.division.by} at a time. Each rung takes the best of the one before and trains them "
        "longer, from new weights and with the schedule compressed to the rung's epochs. The final round has "
        "seeds of its own. Its folds are those that chose, so the best AUC is somewhat too high."
    )
    page.figure("search.png", "AUC of each trial by rung. A line ends where its trial was dropped.")
    page.table(
        final,
        f"The final round, the best first. gain: the AUC less that of {GIVEN}, the configuration as it is, "
        "on the same folds, seeds and clips, with its 95 % interval. TPR is at FPR 1e-3.",
    )
    for line in (*rungs_text(spec), *unseen_report.held_out(folds), *asked.refused):
        page.text(line)
    for name, board in found.boards.items():
        if name != FINAL:
            page.heading(name)
            page.table(board, f"{name}: all its trials, the best first.")
    page.write(out / "index.html")


def text(final: pd.DataFrame, chosen: Trial, out: Path) -> str:
    """The text to print."""
    columns = ["trial", "auc", "low", "high", "worst_auc", "sd_seeds", "gain", "gain_low", "gain_high"]
    table = final[columns].to_string(index=False, float_format="{:.4f}".format, na_rep="-")
    return (
        f"{table}\nthe best: {chosen.name} ({described(chosen.picks)})\n"
        f"wrote {BEST}, final.csv, the rungs' leaderboards, search.png and index.html to {out}"
    )
