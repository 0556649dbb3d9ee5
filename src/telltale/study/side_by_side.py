"""Several runs of a study at once, each in a process of its own.

    for task, ended in side_by_side(tasks, study_folder, watch, Place(store, jobs=2)):
        ...

Each process prints to log.txt in its run's folder. It has a process group of its own, so a terminal's Ctrl-C
reaches the study alone, which then lets every run save.
"""

import os
import pickle
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from telltale.runtime.process import describe_exit
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.study.task import Task
from telltale.study.task_run import LOG, START, Place

POLL_SECONDS = 0.1
GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Ended:
    """How a run ended. reason: of its failure, for people; "" if it is done. seconds: it took."""

    reason: str
    seconds: float


@dataclass
class _Running:
    task: Task
    process: "subprocess.Popen[bytes]"
    slot: int
    began: float


def side_by_side(
    tasks: Sequence[Task], study: Path, watch: SignalWatch, place: Place
) -> Iterator[tuple[Task, Ended]]:
    """Run every task, `place.jobs` at a time, in their order; each with how it ended, as soon as it has.

    A task that starts from another waits for it, and fails if it failed. If the caller stops asking, and
    after a signal, all runs save and end. Raises Stopped after a signal.
    """
    watch.defer()  # what runs has to be ended first
    waiting, running = list(tasks), list[_Running]()
    failed: set[str] = set()
    try:
        while waiting or running:
            if watch.number:
                raise Stopped(watch.number, "the same command continues the study")
            busy = {each.task.name for each in [*running]} | {each.name for each in waiting}
            for task in [each for each in waiting if each.start is None or each.start.name not in busy]:
                if len(running) == place.jobs:
                    break
                waiting.remove(task)
                if task.start is not None and task.start.name in failed:
                    failed.add(task.name)
                    yield task, Ended(f"run {task.start.name}, from which it starts, failed", 0.0)
                    continue
                slot = min(set(range(place.jobs)) - {each.slot for each in running})
                running.append(_start(task, study, place, slot))
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                ended = _ended(each, study)
                failed |= {each.task.name} if ended.reason else set()
                yield each.task, ended
            time.sleep(POLL_SECONDS)
    finally:
        for each in running:
            _close(each.process)
        for each in running:
            each.process.wait()


def _start(task: Task, study: Path, place: Place, slot: int) -> _Running:
    folder = task.folder(study)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            START,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
            env={**os.environ, **_gpu(slot)},
        )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended, and its exit status says how
        process.stdin.write(pickle.dumps((task, study, place.store, place.jobs)))
        process.stdin.flush()
    return _Running(task, process, slot, began)


def _gpu(slot: int) -> dict[str, str]:
    """The environment that gives a process one of several GPUs, by turns."""
    import torch

    count = torch.cuda.device_count()
    if count < 2:
        return {}
    listed = os.environ.get(GPUS, "").split(",") if os.environ.get(GPUS) else list(map(str, range(count)))
    return {GPUS: listed[slot % count]}


def _ended(run: _Running, study: Path) -> Ended:
    _close(run.process)
    seconds, code = time.monotonic() - run.began, run.process.returncode
    status = run.task.status(study)
    if status.get("done"):
        return Ended("", seconds)
    log = run.task.folder(study) / LOG
    return Ended(status.get("failed") or f"its process {describe_exit(code)}; {log} says more", seconds)


def _close(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
