"""Training runs of a study: each trains one configuration on given clips and scores others.

    tasks = [Task("baseline-seed1", settings, train, validation, {"unseen": rows}), ...]
    scores = execute(study, tasks, store=None)

A run goes through the same code as train.py and predict.py. It has a folder RUNS/NAME in the study's folder,
and continues from its last saved step. Its weights are removed once its clips are scored.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from telltale import config
from telltale.competition import access, rules
from telltale.data.folds import Splits
from telltale.data.manifest import Manifest, Row
from telltale.errors import InputError
from telltale.files import fingerprint, read_mapping, write_text
from telltale.predict import prediction
from telltale.predict.prediction import RunPaths, ScoringRun
from telltale.runtime import distributed
from telltale.runtime.distributed import Process
from telltale.runtime.progress import each
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.table import read_scores, write_scores
from telltale.study.folder import StudyFolder
from telltale.train import planning, run_audit, run_folder, training
from telltale.train.context import RunContext, RunInputs

RUNS = "runs"
# Passes of clips through training below which a study takes no five minutes on one core.
CHEAP_PASSES = 3000
SAMPLE = 8  # clips that costs are measured with
WEIGHTS = ("best.pt", "last.pt")


@dataclass(frozen=True)
class Task:
    """One run of a study.

    name: of its folder, unique in the study
    settings: its configuration
    data: root of the data set
    train, validation: what it is trained and validated on
    scored: what its best weights score afterwards: name of the set → its clips
    unseen: what folds hold out, scored after each epoch; None without folds
    start: the task from whose best weights it starts, None for a start as the settings say
    """

    name: str
    settings: config.Config
    data: Path
    train: Manifest
    validation: Manifest
    scored: Mapping[str, Sequence[Row]]
    unseen: Manifest | None = None
    start: "Task | None" = None

    @property
    def fingerprint(self) -> str:
        """16 hex digits of everything that the run's scores depend on."""
        found = Splits(self.train, self.validation, self.unseen)
        splits = [[_names(split.rows) for split in found.manifests]]
        scored = {name: _names(rows) for name, rows in self.scored.items()}
        start = [] if self.start is None else [self.start.fingerprint]
        return fingerprint([config.fingerprint(self.settings), splits, scored, *start])

    @property
    def passes(self) -> int:
        """How many times a clip goes through the model in training."""
        return len(self.train.rows) * self.settings.optim.epochs


def _names(rows: Iterable[Row]) -> list[list[object]]:
    return [[row.video_name, row.target, row.method] for row in rows]


def execute(
    study: StudyFolder,
    tasks: Sequence[Task],
    watch: SignalWatch,
    *,
    store: Path | None = None,
    keep_weights: bool = False,
) -> pd.DataFrame:
    """Train and score every task that is not done yet; the scores of all of them. A task that others start
    from comes before them, and its weights stay until they are done.

    store: folder of decoded clips, as of `train.py --store`
    keep_weights: whether best.pt and last.pt of the runs stay

    Columns: task; set; video_name; target; fake_probability, NaN for a clip without a score; status. Prints a
    cost estimate first if it may take more than five minutes. Raises InputError if two tasks have one name,
    if a run in the folder was made of other settings or clips, and Stopped after a signal: the same command
    then continues.
    """
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise InputError(f"{study.path}: two runs have the same name; wanted a name of its own for each")
    left = _left(study, tasks)
    announce(study, left)
    for number, task in enumerate(each(left, "study", "run", shown=len(left) > 1)):
        _run(study, task, watch, store)
        if not keep_weights:
            wanted = {later.start.name for later in left[number + 1 :] if later.start is not None}
            for done in (task, task.start):
                if done is not None and done.name not in wanted:
                    _remove_weights(study, done)
    return pd.concat([scores_of(study, task) for task in tasks], ignore_index=True)


def _left(study: StudyFolder, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that are to be run. One that is done is run again if its weights are gone and another needs
    them: it comes to the same."""
    left = [task for task in tasks if not is_done(study, task)]
    starts = {task.start.name for task in left if task.start is not None}
    gone = {name for name in starts if not (study.path / RUNS / name / "best.pt").exists()}
    names = {task.name for task in left} | gone
    return [task for task in tasks if task.name in names]


def _remove_weights(study: StudyFolder, task: Task) -> None:
    for name in WEIGHTS:
        (folder_of(study, task) / name).unlink(missing_ok=True)


def folder_of(study: StudyFolder, task: Task) -> Path:
    return study.path / RUNS / task.name


def is_done(study: StudyFolder, task: Task) -> bool:
    """Whether the task was trained and scored. Raises InputError if its folder is another task's."""
    path = folder_of(study, task) / "task.json"
    kept = read_mapping(path)
    if kept is None:
        return False
    if kept.get("task") != task.fingerprint:
        raise InputError(
            f"{path.parent}: was made of other settings or clips; give another --out, or remove this folder"
        )
    return bool(kept.get("done"))


def scores_of(study: StudyFolder, task: Task) -> pd.DataFrame:
    """The scores of a task that is done, as of `execute`."""
    parts = []
    for name, rows in task.scored.items():
        scores = read_scores(folder_of(study, task) / f"{name}_scores.csv")
        columns = {
            "task": task.name,
            "set": name,
            "video_name": [row.video_name for row in rows],
            "target": [row.target for row in rows],
            "fake_probability": [scores[row.video_name].fake_probability for row in rows],
            "status": [scores[row.video_name].status for row in rows],
        }
        parts.append(pd.DataFrame(columns).astype({"fake_probability": "float64"}))
    return pd.concat(parts, ignore_index=True)


def announce(study: StudyFolder, tasks: Sequence[Task]) -> None:
    """Print what the tasks will cost, if that may be more than five minutes. A cost is measured once for each
    detector and kept in the study."""
    if sum(task.passes for task in tasks) <= CHEAP_PASSES:
        return
    seconds = 0.0
    for task in tasks:
        settings, first = task.settings, task
        while first.start is not None:  # a pass costs about as much as in the run that it starts from
            first = first.start
        key = fingerprint(config.fingerprint(first.settings.model_copy(update={"seed": 0})))
        cost = study.step(f"cost-{key}", partial(_measured, first))
        scored = sum(map(len, task.scored.values())) + len(task.validation.rows) * settings.optim.epochs
        seconds += task.passes * cost["train"] + scored * cost["predict"]
    print(f"{len(tasks)} runs; about {duration(seconds)} by a short measurement of each detector", flush=True)


def _measured(task: Task) -> dict[str, float]:
    paths = [row.path for row in task.train.rows[:: max(1, len(task.train.rows) // SAMPLE)][:SAMPLE]]
    with distributed.join(task.settings.threads) as process:
        costs = planning.measure(task.settings, paths, process, task.settings.predict.spans)
    return {"train": costs.train_clip_seconds, "predict": costs.predict_clip_seconds}


def duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _run(study: StudyFolder, task: Task, watch: SignalWatch, store: Path | None) -> None:
    folder = folder_of(study, task)
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "task.json"
    write_text(mark, f'{{"task": "{task.fingerprint}", "done": false}}\n')
    began = time.monotonic()
    settings = task.settings
    if task.start is not None:
        path = folder_of(study, task.start) / "best.pt"
        settings = config.override(settings, [f"model.start_from={json.dumps(str(path))}"])
    try:
        with (
            (folder / "log.txt").open("a", encoding="utf-8") as log,
            redirect_stdout(log),
            access.recorded() as access_log,
            distributed.join(settings.threads, deterministic=settings.deterministic) as process,
        ):
            _train(task, RunContext(settings, process, watch), folder, store, access_log)
            for name, rows in task.scored.items():
                _score(task, process, watch, folder / f"{name}_scores.csv", rows, store)
    except Stopped as stop:
        raise Stopped(stop.number, "the same command continues the study") from None
    write_text(mark, f'{{"task": "{task.fingerprint}", "done": true}}\n')
    print(f"{task.name}: trained and scored in {time.monotonic() - began:.0f} s", flush=True)


def _train(
    task: Task, context: RunContext, folder: Path, store: Path | None, access_log: access.AccessLog
) -> None:
    """The steps of train.py, on the task's clips."""
    settings = context.settings
    rules.enforce_settings(settings)
    resumed = run_folder.prepare(folder, settings, context.process, resume=True, force=False)
    context.say(training.beginning(Splits(task.train, task.validation, task.unseen), context))
    inputs = RunInputs(folder, task.data, task.train, task.validation, (), store, resumed, task.unseen)
    model, objective = training.build(inputs, context)
    of_model = rules.audit(model, settings)
    audit = run_audit.begin(inputs, context, of_model, access_log)
    rules.enforce(of_model, settings)
    context.say(training.result(training.run(model, objective, inputs, context, audit), inputs, audit))


def _score(
    task: Task, process: Process, watch: SignalWatch, out: Path, rows: Sequence[Row], store: Path | None
) -> None:
    """The steps of predict.py, with the task's best weights."""
    path = out.with_name("best.pt")
    settings, content = prediction.read(path, [])
    paths = RunPaths(path, out, store)
    with ScoringRun(list(rows), settings, process, paths) as run:
        scores = run.score(prediction.restore(content, settings, path), watch)
    write_scores(out, scores)
    run.journal.remove()
