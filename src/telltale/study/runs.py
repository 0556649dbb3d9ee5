"""Training runs of a study: each trains one configuration on given clips and scores others.

    tasks = [Task("baseline-seed1", settings, train, validation, {"unseen": rows}), ...]
    scores = execute(study, tasks, watch, Execution(jobs=2))

A run goes through the same code as train.py and predict.py. It has a folder RUNS/NAME in the study's folder,
and continues from its last saved step. Its weights are removed once its clips are scored.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from telltale import config
from telltale.errors import InputError
from telltale.files import fingerprint
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch
from telltale.scores.table import read_scores
from telltale.study.folder import StudyFolder
from telltale.study.side_by_side import Ended, side_by_side
from telltale.study.task import WEIGHTS, Task
from telltale.study.task_run import Place, run_here
from telltale.train import planning

# Passes of clips through training below which a study takes no five minutes on one core.
CHEAP_PASSES = 3000
SAMPLE = 8  # clips that costs are measured with
MOST_MEASURED = 4  # configurations; the cost of others is taken for the mean of these
RUN_FAILED = "run_failed"  # status of the clips of a run that has no scores
COLUMNS = ["task", "set", "video_name", "target", "fake_probability", "status"]


@dataclass(frozen=True)
class Execution:
    """How the runs of a study are made; no result depends on it, but for the last bits.

    store: folder of decoded clips, as of `train.py --store`; None: none
    jobs: runs that go on side by side, each in a process of its own
    keep_weights: whether best.pt and last.pt of the runs stay
    tolerant: whether a failed run is a status of its clips, not the end of the study
    """

    store: Path | None = None
    jobs: int = 1
    keep_weights: bool = False
    tolerant: bool = False

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InputError(f"--jobs {self.jobs}: wanted 1 or more")

    @property
    def place(self) -> Place:
        return Place(self.store, self.jobs)


def execute(
    study: StudyFolder, tasks: Sequence[Task], watch: SignalWatch, how: Execution | None = None
) -> pd.DataFrame:
    """Train and score every task that is not done yet; the scores of all of them, as of `scores_of`. A task
    that others start from comes before them, and its weights stay until they are done.

    Prints a cost estimate first if it may take more than five minutes. Raises InputError if two tasks have
    one name, if a run in the folder was made of other settings or clips, if a run failed (a tolerant study:
    if all of them did), and Stopped after a signal: the same command then continues.
    """
    how = how or Execution()
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise InputError(f"{study.path}: two runs have the same name; wanted a name of its own for each")
    left = _left(study, tasks, how)
    announce(study, left, how)
    unfinished = {task.name: task for task in left}
    progress = bar(len(left), "study", "run", len(left) > 1, delay=0.5)
    with closing(progress), closing(_ends(study, left, watch, how)) as ends:
        for task, ended in ends:
            del unfinished[task.name]
            progress.update()
            said = f"failed: {ended.reason}" if ended.reason else "trained and scored"
            print(f"{task.name}: {said} in {ended.seconds:.0f} s", flush=True)
            if ended.reason and not how.tolerant:
                raise InputError(f"run {task.name}: {ended.reason}")
            if not how.keep_weights:
                wanted = {each.start.name for each in unfinished.values() if each.start is not None}
                for done in (task, task.start):
                    if done is not None and done.name not in wanted:
                        _remove_weights(study, done)
    failed = failures(study, tasks)
    if tasks and len(failed) == len(tasks):
        name, reason = next(iter(failed.items()))
        raise InputError(f"all {len(tasks)} runs failed; {name}: {reason}")
    return pd.concat([_empty(), *(scores_of(study, task) for task in tasks)], ignore_index=True)


def _ends(
    study: StudyFolder, left: Sequence[Task], watch: SignalWatch, how: Execution
) -> Generator[tuple[Task, Ended]]:
    """The tasks, each as soon as it is trained and scored."""
    if how.jobs > 1 and len(left) > 1:
        yield from side_by_side(left, study.path, watch, how.place)
        return
    for task in left:
        began, reason = time.monotonic(), ""
        try:
            run_here(task, study.path, watch, how.place)
        except Exception as error:
            if not how.tolerant:
                raise
            reason = task.status(study.path).get("failed") or str(error)
        yield task, Ended(reason, time.monotonic() - began)


def _left(study: StudyFolder, tasks: Sequence[Task], how: Execution) -> list[Task]:
    """The tasks that are to be run. One that is done is run again if its weights are gone and another needs
    them: it comes to the same. A tolerant study does not repeat a failure that would come to the same."""
    left = [task for task in tasks if not is_done(study, task)]
    if how.tolerant:
        left = [task for task in left if not task.status(study.path).get("final")]
    starts = {task.start.name for task in left if task.start is not None}
    gone = {
        task.name
        for task in tasks
        if task.name in starts and not (task.folder(study.path) / "best.pt").exists()
    }
    names = {task.name for task in left} | gone
    return [task for task in tasks if task.name in names]


def _remove_weights(study: StudyFolder, task: Task) -> None:
    for name in WEIGHTS:
        (task.folder(study.path) / name).unlink(missing_ok=True)


def is_done(study: StudyFolder, task: Task) -> bool:
    """Whether the task was trained and scored. Raises InputError if its folder is another task's."""
    return bool(task.status(study.path).get("done"))


def failures(study: StudyFolder, tasks: Sequence[Task]) -> dict[str, str]:
    """Name of each task that is not done → why."""
    found = {task.name: task.status(study.path) for task in tasks}
    return {
        name: status.get("failed", "its process ended")
        for name, status in found.items()
        if not status.get("done")
    }


def scores_of(study: StudyFolder, task: Task) -> pd.DataFrame:
    """The scores of a task that is done.

    Columns: task; set; video_name; target; fake_probability, NaN for a clip without a score; status, which is
    "run_failed" for all clips of a task that failed.
    """
    parts = [_empty()]
    done = is_done(study, task)
    for name, rows in task.scored.items():
        scores = read_scores(task.folder(study.path) / f"{name}_scores.csv") if done else {}
        found = [scores.get(row.video_name) for row in rows]
        columns = {
            "task": task.name,
            "set": name,
            "video_name": [row.video_name for row in rows],
            "target": [row.target for row in rows],
            "fake_probability": [None if each is None else each.fake_probability for each in found],
            "status": [RUN_FAILED if each is None else each.status for each in found],
        }
        parts.append(pd.DataFrame(columns).astype(_empty().dtypes))
    return pd.concat(parts, ignore_index=True)


def _empty() -> pd.DataFrame:
    types = dict.fromkeys(COLUMNS, "object") | {"target": "int64", "fake_probability": "float64"}
    return pd.DataFrame(columns=COLUMNS).astype(types)


def announce(study: StudyFolder, tasks: Sequence[Task], how: Execution | None = None) -> None:
    """Print what the tasks will cost, if that may be more than five minutes. A cost is measured once for each
    configuration, up to `MOST_MEASURED`, and kept in the study."""
    how = how or Execution()
    if sum(task.passes for task in tasks) <= CHEAP_PASSES:
        return
    kinds: dict[str, Task] = {}
    for task in tasks:
        kinds.setdefault(_kind(task), task)
    chosen = list(kinds)[:: -(-len(kinds) // MOST_MEASURED)]
    costs = {kind: study.step(f"cost-{kind}", partial(_measured, kinds[kind], how.place)) for kind in chosen}
    mean = {key: sum(cost[key] for cost in costs.values()) / len(costs) for key in ("train", "predict")}
    seconds = 0.0
    for task in tasks:
        cost = costs.get(_kind(task), mean)
        scored = sum(map(len, task.scored.values()))
        scored += len(task.validation.rows) * task.settings.optim.epochs
        seconds += task.passes * cost["train"] + scored * cost["predict"]
    jobs = min(how.jobs, len(tasks))
    beside = f", {jobs} side by side" if jobs > 1 else ""
    measured = "each detector" if len(chosen) == len(kinds) else f"{len(chosen)} of {len(kinds)} detectors"
    print(
        f"{len(tasks)} runs{beside}; about {duration(seconds / jobs)} by a short measurement of {measured}",
        flush=True,
    )


def _kind(task: Task) -> str:
    """Tasks that cost as much for each pass of a clip have the same."""
    while task.start is not None:  # a pass costs about as much as in the run that it starts from
        task = task.start
    same = task.settings.optim.model_copy(update={"epochs": 1, "rate": 1.0})
    return fingerprint(config.fingerprint(task.settings.model_copy(update={"seed": 0, "optim": same})))


def _measured(task: Task, place: Place) -> dict[str, float]:
    paths = [row.path for row in task.train.rows[:: max(1, len(task.train.rows) // SAMPLE)][:SAMPLE]]
    with place.joined(task.settings) as process:
        costs = planning.measure(task.settings, paths, process, task.settings.predict.spans)
    return {"train": costs.train_clip_seconds, "predict": costs.predict_clip_seconds}


def duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
