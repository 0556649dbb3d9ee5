"""Tables, figures and the page of a study of generalisation, all from its results."""

import pandas as pd

from telltale.report import generalisation_figures as figures
from telltale.report.page import Page
from telltale.study import degradation
from telltale.study.degradation import SAME_IDENTITY, SAME_METHOD
from telltale.study.folder import StudyFolder
from telltale.study.generalisation import few_shot

MEASURE = (
    "Accuracy is that at a fake probability of 0.5, in percent: the mean of the share of forged clips that "
    "are called forged and of genuine clips that are called genuine, as on a set with as many of each. The "
    "original accuracy is that on the test parts of the sets that a detector was trained on, the degradation "
    "the original accuracy less the average over the other sets, in percentage points. All numbers are means "
    "over seeds. A detector that was tuned on a few clips of another set still counts that set as unseen."
)


def write(study: StudyFolder, results: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Write results.csv, a file for each table, the figures and index.html; the table of degradation.

    results: as of `generalisation.measure`; sets: how many clips each part of each set has
    """
    page = Page("Generalisation")
    study.table("results", results)
    study.table("sets", sets)
    page.text(MEASURE)
    page.table(sets, "Sets: clips of each part, genuine and forged.")
    table = degradation.degradation(results)
    page.heading("On sets that were not trained on")
    if table.empty:
        page.text("Every set was trained on: there is no unseen one.")
    else:
        study.table("degradation", table)
        figures.degradations(table, study.path / "degradation.png")
        page.table(_rounded(table), "Accuracy in percent; the least degradation first.")
        page.figure("degradation.png", "Original accuracy and the average over unseen sets.")
    aucs = degradation.aucs(results)
    study.table("auc", aucs)
    figures.matrix(results, study.path / "auc.png")
    page.table(aucs, "AUC on every set; results.csv has each seed's, with its 95 % interval.")
    page.figure("auc.png", "AUC of each detector on every set.")
    for role, name in ((SAME_METHOD, "method"), (SAME_IDENTITY, "identity")):
        _control(study, page, results, role, name)
    _few_shot(study, page, results)
    page.heading("Seeds")
    seeds = degradation.seeds(results)
    study.table("seeds", seeds)
    page.table(seeds, "AUC by seed of training. SD is the standard deviation of one run.")
    page.write(study.path / "index.html")
    return table


def _control(study: StudyFolder, page: Page, results: pd.DataFrame, role: str, name: str) -> None:
    if not (results["role"] == role).any():
        return
    page.heading(f"The same {name} as in training")
    table = degradation.control(results, role)
    if table.empty:
        page.text("No detector has both such a set and an unseen one.")
        return
    study.table(role, table)
    page.table(
        _rounded(table),
        f"Sets of the same {name} as control. Difference: the degradation on unseen sets less that on the "
        f"control, in percentage points; above 0 the control is easier.",
    )


def _few_shot(study: StudyFolder, page: Page, results: pd.DataFrame) -> None:
    curves = few_shot(results)
    if curves.empty:
        return
    page.heading("With a few examples of the new sets")
    study.table("few_shot", curves)
    figures.few_shot(curves, study.path / "few_shot.png")
    page.text(
        "Transfer trains the last two layers, merge all of them, on as many clips of the old sets as of the "
        "new ones, half of them forged. New sets are those that others were trained on; their test parts "
        "are scored."
    )
    page.figure("few_shot.png", "AUC against the number of new examples; the band is one SD over seeds.")
    page.table(curves, "The same as a table.")


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Percentages with two decimals, as text."""
    numbers = table.select_dtypes("float").columns
    shown = {
        name: table[name].map(lambda value: "–" if pd.isna(value) else f"{value:.2f}") for name in numbers
    }
    return table.assign(**shown)
