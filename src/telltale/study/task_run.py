"""Trains and scores one `Task`, in this process or, as a program of its own, in another.

    run_here(task, study_folder, watch, Place(store))

The program `START` reads a pickled (task, folder, store, jobs) from its standard input and does the same.
When its standard input is closed it saves and ends, as after SIGTERM: it was asked to, or the process that
started it is gone.
"""

import json
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from telltale import config
from telltale.competition import access, rules
from telltale.data.folds import Splits
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.predict import prediction
from telltale.predict.prediction import RunPaths, ScoringRun
from telltale.runtime import distributed, threads
from telltale.runtime.distributed import Process
from telltale.runtime.entry import guarded
from telltale.runtime.signals import SignalWatch, Stopped, watch_signals
from telltale.scores.table import write_scores
from telltale.study.task import Task
from telltale.train import run_audit, run_folder, training
from telltale.train.context import RunContext, RunInputs

LOG = "log.txt"
# -P: Python does not import modules from the working directory.
START = [sys.executable, "-P", "-c", "from telltale.study.task_run import main; raise SystemExit(main())"]


@dataclass(frozen=True)
class Place:
    """Where a run takes its clips from, and what share of the machine it has.

    store: folder of decoded clips, as of `train.py --store`; None: none
    jobs: how many runs go on side by side
    """

    store: Path | None = None
    jobs: int = 1

    @contextmanager
    def joined(self, settings: config.Config) -> Iterator[Process]:
        """This process, with its share of the cores for torch's threads and for workers that decode."""
        count = settings.threads
        if not count and self.jobs > 1:
            count = max(1, threads.cores() // self.jobs)
        with distributed.join(count, deterministic=settings.deterministic) as process:
            yield replace(process, local_world=self.jobs)


def run_here(task: Task, study: Path, watch: SignalWatch, place: Place) -> None:
    """Train and score the task in the study's folder `study`; what it prints goes to log.txt beside its
    weights.

    A run that was stopped continues. A run that failed leaves the reason in task.json. Raises what made it
    fail, such as InputError, or ArithmeticError for a loss that is not finite, and Stopped.
    """
    folder = task.folder(study)
    folder.mkdir(parents=True, exist_ok=True)
    task.mark(study, done=False)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        try:
            _run(task, study, watch, place, log)
        except Stopped as stop:
            raise Stopped(stop.number, "the same command continues the study") from None
        except (InputError, ArithmeticError) as error:
            task.mark(study, done=False, failed=str(error), final=isinstance(error, ArithmeticError))
            raise
        except Exception as error:  # of a combination of settings that nobody tried, or of too little memory
            traceback.print_exc(file=log)
            first = str(error).partition("\n")[0]
            task.mark(study, done=False, failed=f"{type(error).__name__}: {first}", final=False)
            raise
    task.mark(study, done=True)


def _run(task: Task, study: Path, watch: SignalWatch, place: Place, log: TextIO) -> None:
    folder, settings = task.folder(study), task.settings
    if task.start is not None:
        path = task.start.folder(study) / "best.pt"
        settings = config.override(settings, [f"model.start_from={json.dumps(str(path))}"])
    with redirect_stdout(log), access.recorded() as access_log, place.joined(settings) as process:
        _train(task, RunContext(settings, process, watch), folder, place.store, access_log)
        for name, rows in task.scored.items():
            _score(task, process, watch, folder / f"{name}_scores.csv", rows, place.store)


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


def main() -> int:
    """The program that `START` starts. Returns its exit status, as of `guarded`."""
    task, study, *of_place = pickle.load(sys.stdin.buffer)

    def program() -> int:
        with watch_signals() as watch:
            threading.Thread(target=_until_closed, args=(watch,), daemon=True).start()
            run_here(task, study, watch, Place(*of_place))
        return 0

    return guarded(program, f"run {task.name}")


def _until_closed(watch: SignalWatch) -> None:
    sys.stdin.buffer.read()
    if not watch.number:  # a second signal would kill what is being saved
        os.kill(os.getpid(), signal.SIGTERM)
