"""A study of estimates as a whole: its runs, tables, figure and page in one folder."""

from pathlib import Path

from telltale.files import fingerprint
from telltale.report import study_figures
from telltale.report.page import Page
from telltale.runtime.signals import SignalWatch
from telltale.study import unseen_report
from telltale.study.estimate import EstimateSpec, accuracy_table, all_tasks, columns, estimate_table
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, execute


def study(spec: EstimateSpec, out: Path, watch: SignalWatch, how: Execution) -> str:
    """Do the study in the folder `out`, or what is left of it; the table to print.

    how: its runs are made. Raises InputError, and Stopped after a signal.
    """
    listed = all_tasks(spec)
    divisions = {name: unseen_report.of_division(each) for name, each in spec.divisions.items()}
    first = next(iter(spec.divisions))
    about = unseen_report.about(spec.spec_of(first)) | {
        "division": divisions,
        "column": spec.column,
        "truth": fingerprint(spec.truth["video_name"].tolist()),
    }
    folder = StudyFolder(out, "estimate", about)
    scores = execute(folder, listed, watch, how)
    table = estimate_table(spec, scores)
    ways = columns(spec)
    accuracy = accuracy_table(table, ways)
    folder.table("estimates", table)
    folder.table("accuracy", accuracy)
    study_figures.estimates(table, ways, out / "estimates.png")
    page = Page("Is the estimate true?")
    forged = int(spec.truth["target"].sum())
    genuine, seeds = len(spec.truth) - forged, ", ".join(map(str, spec.unseen.seeds))
    page.text(
        f"{len(spec.unseen.configs)} configurations, seeds {seeds}. The truth is the AUC on {forged} forged "
        "test clips of methods that neither training nor validation has, against "
        f"{genuine} genuine test clips."
    )
    page.figure("estimates.png", "Each point is a run: what was estimated, and what was true.")
    page.table(accuracy, "How far each estimate is from the truth, and how it ranks the configurations.")
    page.table(table, "Each configuration and seed. TPR is at FPR 1e-3.")
    page.write(out / "index.html")
    printed = accuracy.to_string(index=False, float_format="{:.4f}".format)
    return f"{printed}\n\nwrote estimates.csv, accuracy.csv, estimates.png and index.html to {out}"
