"""Runs side by side: how many at once, in which order, what becomes of failures, and how all are stopped."""

import signal
import sys
from pathlib import Path

import pytest
import torch
from programs import CONFIG

from telltale import config
from telltale.data.manifest import Manifest
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.study import side_by_side as module
from telltale.study.side_by_side import Ended, side_by_side
from telltale.study.task import Task
from telltale.study.task_run import Place

# Stands for training: it does what its name says.
PROGRAM = """
import os, pickle, sys, time
task, study, store, jobs = pickle.load(sys.stdin.buffer)
name = task.name
folder = task.folder(study)
print("began", file=sys.stderr, flush=True)
with open(study / "order.txt", "a") as file:
    print("+" + name, file=file)
if name.startswith("fails"):
    task.mark(study, done=False, failed="no such weights", final=False)
    sys.exit(2)
if name.startswith("dies"):
    os.kill(os.getpid(), 9)
if name.startswith("long"):
    sys.stdin.buffer.read()
    (folder / "saved").touch()
    sys.exit(143)
time.sleep(0.3)
with open(study / "order.txt", "a") as file:
    print("-" + name, file=file)
task.mark(study, done=True)
"""
SETTINGS = config.read(Path(CONFIG))
NOTHING = Manifest("train", (), (), ())


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START", [sys.executable, "-P", "-c", PROGRAM])


def task(name: str, start: Task | None = None) -> Task:
    return Task(name, SETTINGS, Path("data"), NOTHING, NOTHING, {}, start=start)


def ended(tasks: list[Task], study: Path, jobs: int) -> dict[str, str]:
    found = side_by_side(tasks, study, SignalWatch(), Place(None, jobs))
    return {each.name: end.reason for each, end in found}


def test_as_many_as_asked_for_run_at_once_and_each_after_what_it_starts_from(tmp_path: Path) -> None:
    base = task("base")
    tasks = [base, task("tuned", base), task("other"), task("third")]
    assert ended(tasks, tmp_path, 2) == dict.fromkeys(["base", "tuned", "other", "third"], "")
    order = (tmp_path / "order.txt").read_text().split()
    running, most = 0, 0
    for each in order:
        running += 1 if each[0] == "+" else -1
        most = max(most, running)
    assert most == 2
    assert order.index("-base") < order.index("+tuned")
    assert set(order[:2]) == {"+base", "+other"}
    assert (tmp_path / "runs/base/log.txt").read_text() == "began\n"


def test_failures_have_reasons_and_end_what_starts_from_them(tmp_path: Path) -> None:
    bad = task("fails")
    found = ended([bad, task("from-it", bad), task("dies"), task("good")], tmp_path, 3)
    assert found["fails"] == "no such weights"
    assert found["from-it"] == "run fails, from which it starts, failed"
    assert found["dies"] == f"its process was ended by SIGKILL; {tmp_path}/runs/dies/log.txt says more"
    assert found["good"] == ""


def test_a_signal_lets_every_run_save(tmp_path: Path) -> None:
    watch = SignalWatch()
    runs = side_by_side(
        [task("quick"), task("long1"), task("long2"), task("never")], tmp_path, watch, Place(None, 3)
    )
    first, end = next(runs)
    assert (first.name, end.reason) == ("quick", "")
    watch.number = signal.SIGINT  # as its handler does
    with pytest.raises(Stopped) as stop:
        next(runs)
    assert (stop.value.number, stop.value.remedy) == (signal.SIGINT, "the same command continues the study")
    for name in ("long1", "long2"):
        assert (tmp_path / "runs" / name / "saved").exists()


def test_whoever_stops_asking_ends_all_runs(tmp_path: Path) -> None:
    runs = side_by_side([task("fails"), task("long")], tmp_path, SignalWatch(), Place(None, 2))
    failed, end = next(runs)
    assert isinstance(end, Ended) and failed.name == "fails"
    runs.close()
    assert (tmp_path / "runs/long/saved").exists()


def test_several_gpus_are_given_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert module._gpu(3) == {}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [module._gpu(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(4)] == ["0", "1", "2", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    assert module._gpu(1) == {"CUDA_VISIBLE_DEVICES": "6"}


def test_the_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telltale.runtime.threads.cores", lambda: 8)
    before = torch.get_num_threads()
    own = SETTINGS.model_copy(update={"threads": 0})
    try:
        with Place(None, 4).joined(own) as process:
            assert torch.get_num_threads() == 2 and process.workers(None, 100) == 2
        with Place(None, 4).joined(SETTINGS):  # which says threads: 1
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
