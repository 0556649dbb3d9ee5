"""A budgeted search among configurations by successive halving, on kinds of forgery that no training saw.

    spec = SearchSpec(unseen_spec, drawn.trials, plan(27, 12, eta=3, finalists=3, seeds=(1, 2, 3), seed=0))
    found = search(spec, study, watch, Execution(jobs=2))

Every trial is trained briefly for each fold; the best of them longer; a few best ones in full, with several
seeds (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016,
arXiv 1502.07943). A longer training begins anew, since a schedule such as cosine depends on the length.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import pandas as pd

from telltale import config
from telltale.errors import InputError
from telltale.runtime.signals import SignalWatch
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, announce, execute, failures
from telltale.study.search_choices import GIVEN, Trial
from telltale.study.task import RUNS, Task
from telltale.study.unseen import UnseenSpec, tasks
from telltale.study.unseen_tables import run_table, with_keys

FINAL = "final"


@dataclass(frozen=True)
class Rung:
    """One round of a search. name: "rung0" and so on, or "final"; count: trials in it; share: of the epochs
    that they are trained; seeds: of the runs."""

    name: str
    count: int
    share: float
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class SearchSpec:
    """What a search is made of.

    unseen: data, division into folds and the seeds of the final round; its configurations are not used
    trials: of `draw`, the configuration as it is first
    rungs: of `plan`
    """

    unseen: UnseenSpec
    trials: Sequence[Trial]
    rungs: Sequence[Rung]


@dataclass(frozen=True)
class Found:
    """What a search found.

    boards: name of each rung → its leaderboard, as of `leaderboard`
    final: the scores of the final round, with `with_keys`
    """

    boards: dict[str, pd.DataFrame]
    final: pd.DataFrame


def plan(trials: int, epochs: int, eta: int, finalists: int, seeds: tuple[int, ...], seed: int) -> list[Rung]:
    """The rungs of a search, the final round last.

    Each takes 1 / eta of the trials of the one before, and trains them eta times as long, so each costs about
    as much. As many rungs come before the final round as it takes to get from `trials` to `finalists`, but
    none with less than one of the `epochs`. seed: of the runs before the final round, whose are `seeds`.

    Raises InputError for numbers that make no search.
    """
    for name, value, least in (("--trials", trials, 2), ("--eta", eta, 2), ("--finalists", finalists, 1)):
        if value < least:
            raise InputError(f"{name} {value}: wanted {least} or more")
    steps = 1
    while ceil(trials / eta**steps) > finalists and epochs >= eta ** (steps + 1):
        steps += 1
    if trials <= finalists:  # nothing is to be chosen before the final round
        steps = 0
    rungs = [
        Rung(f"rung{number}", max(finalists, ceil(trials / eta**number)), eta ** (number - steps), (seed,))
        for number in range(steps)
    ]
    return [*rungs, Rung(FINAL, min(finalists, trials), 1.0, seeds)]


def shortened(settings: config.Config, share: float) -> config.Config:
    """The settings for a share of the epochs, at least one. The schedule is compressed: warm-up and the
    epochs of a step shrink alike, and the other schedules are of the whole run anyway."""
    optim = settings.optim
    epochs = max(1, round(optim.epochs * share))
    share = epochs / optim.epochs
    update = {
        "epochs": epochs,
        "warmup_steps": round(optim.warmup_steps * share),
        "step_epochs": max(1, round(optim.step_epochs * share)),
    }
    return settings.model_copy(update={"optim": optim.model_copy(update=update)})


def tasks_of(spec: SearchSpec, rung: Rung, trials: Sequence[Trial]) -> list[Task]:
    """The runs of a rung, named RUNG/TRIAL/FOLD/seedN."""
    configs = {trial.name: shortened(trial.settings, rung.share) for trial in trials}
    return tasks(replace(spec.unseen, configs=configs, seeds=rung.seeds), f"{rung.name}/")


def search(spec: SearchSpec, study: StudyFolder, watch: SignalWatch, how: Execution) -> Found:
    """Do the search, or what is left of it. Prints first what all of it may cost, if that takes long, and
    each rung's best.

    Raises InputError if no trial of a rung has a value, and Stopped after a signal.
    """
    if not (study.path / RUNS).exists():  # which trials go on is not known yet: the first stand for them
        planned = [tasks_of(spec, rung, spec.trials[: rung.count]) for rung in spec.rungs]
        announce(study, [task for part in planned for task in part], how)
    trials, boards, scores = list(spec.trials), {}, pd.DataFrame()
    for rung, following in zip(spec.rungs, [*spec.rungs[1:], None], strict=True):
        listed = tasks_of(spec, rung, trials)
        found = execute(study, listed, watch, how)
        scores = with_keys(found.assign(task=found["task"].str.partition("/")[2]))
        boards[rung.name] = board = leaderboard(scores, trials, failures(study, listed))
        study.table(rung.name, board)
        if board["auc"].isna().all():
            raise InputError(f"{study.path}/{rung.name}.csv: no trial has an AUC; its column status says why")
        first = board.iloc[0]
        print(f"{rung.name}: {len(trials)} trials; the best is {first['trial']}, AUC {first['auc']:.4f}")
        if following is not None:
            trials = going_on(spec, board, following)
    return Found(boards, scores)


def leaderboard(scores: pd.DataFrame, trials: Sequence[Trial], failed: dict[str, str]) -> pd.DataFrame:
    """A row for each trial of a rung, the best first.

    auc: mean over folds and seeds of what was held out; NaN if a run has none
    worst_auc, worst_fold: the lowest mean over seeds of a fold
    tpr: mean TPR at FPR 1e-3
    epochs: of the whole training of the trial
    status: "ok", or why a run failed
    then the option of each choice, "" in the configuration as it is

    scores: of the rung, with `with_keys`. failed: of `failures`, by the names of tasks.
    """
    runs = run_table(scores)
    choices = list(dict.fromkeys(name for trial in trials for name in trial.picks))
    rows = []
    for trial in trials:
        own = runs[runs["config"] == trial.name]
        by_fold = own.groupby("fold", sort=False)["unseen_auc"].mean(skipna=False)
        whole = by_fold.notna().all()
        reasons = [why for name, why in failed.items() if f"/{trial.name}/" in name]
        rows.append(
            {
                "trial": trial.name,
                "auc": by_fold.mean(skipna=False),
                "worst_auc": by_fold.min(skipna=False),
                "worst_fold": by_fold.idxmin() if whole else "",
                "tpr": own["unseen_tpr"].mean(skipna=False),
                "epochs": trial.settings.optim.epochs,
                "status": reasons[0] if reasons else "ok" if whole else "no AUC",
                **{name: trial.picks.get(name, "") for name in choices},
            }
        )
    table = pd.DataFrame(rows)
    # Stable: of equal trials the first drawn is the better one.
    return table.sort_values("auc", ascending=False, kind="stable", na_position="last", ignore_index=True)


def going_on(spec: SearchSpec, board: pd.DataFrame, rung: Rung) -> list[Trial]:
    """The trials of the rung after the one of the leaderboard: the best that have an AUC. The final round has
    the configuration as it is besides, for comparison."""
    names = board.loc[board["auc"].notna(), "trial"].tolist()[: rung.count]
    names += [GIVEN] if rung.name == FINAL and GIVEN not in names else []
    by_name = {trial.name: trial for trial in spec.trials}
    return [by_name[name] for name in names]
