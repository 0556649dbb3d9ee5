"""Runs of a study: trained and scored once, continued after a stop, refused if they are another's."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from programs import CONFIG

from telltale import config
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score
from telltale.scores.table import write_scores
from telltale.study import runs, task_run
from telltale.study.clips import manifest_of, read_clips, rows_of
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, execute
from telltale.study.task import Task
from telltale.train.losses import NonFiniteLoss


def task(data: Path, name: str, *overrides: str) -> Task:
    """One epoch of the tiny configuration."""
    settings = config.read(Path(CONFIG), ["optim.epochs=1", *overrides])
    clips = dict(list(read_clips(data).groupby("split")))
    train, validation = (manifest_of(clips[split], split) for split in ("train", "validation"))
    return Task(name, settings, data, train, validation, {"test": rows_of(clips["test"])})


def test_a_stopped_run_continues_and_equals_one_that_was_not_stopped(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, one = StudyFolder(tmp_path / "out", "trial", {}), task(tiny, "one")
    watch = SignalWatch()
    watch.number = signal.SIGTERM
    with pytest.raises(Stopped) as stop:
        execute(study, [one], watch)
    assert stop.value.remedy == "the same command continues the study"
    assert (study.path / "runs/one/last.pt").exists()

    scores = execute(study, [one], SignalWatch())
    whole = execute(StudyFolder(tmp_path / "whole", "trial", {}), [one], SignalWatch())
    assert scores.equals(whole)
    assert scores.groupby(["task", "set"]).size().to_dict() == {("one", "test"): 10}
    assert scores["fake_probability"].notna().all() and (scores["status"] == "ok").all()
    assert not list(study.path.rglob("*.pt"))
    assert "epoch 1" in (study.path / "runs/one/log.txt").read_text()

    monkeypatch.setattr(runs, "run_here", None)  # nothing is left to run
    assert execute(study, [one], SignalWatch()).equals(scores)
    with pytest.raises(InputError, match="one: was made of other settings or clips"):
        execute(study, [task(tiny, "one", "seed=3")], SignalWatch())
    with pytest.raises(InputError, match="two runs have the same name"):
        execute(study, [one, one], SignalWatch())


def test_runs_side_by_side_equal_runs_one_after_another(tiny: Path, tmp_path: Path) -> None:
    small = ("model.name=meso4", "model.picture_backbone=null")
    pair = [task(tiny, "one", *small), task(tiny, "two", *small, "seed=2")]
    one_after_another = execute(StudyFolder(tmp_path / "one", "trial", {}), pair, SignalWatch())
    both = execute(StudyFolder(tmp_path / "two", "trial", {}), pair, SignalWatch(), Execution(jobs=2))
    assert both.equals(one_after_another)
    assert set(both["task"]) == {"one", "two"} and both["fake_probability"].notna().all()
    for name in ("one", "two"):
        assert "epoch 1" in (tmp_path / "two/runs" / name / "log.txt").read_text()
        assert "1 worker" in (tmp_path / "two/runs" / name / "log.txt").read_text()
    assert not list(tmp_path.rglob("*.pt"))


def test_a_failed_run_ends_a_study_or_is_a_status(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = StudyFolder(tmp_path / "out", "trial", {})
    pair = [task(tiny, "good"), task(tiny, "bad", "optim.rate=1e30")]

    def broken(one: Task, context: object, *_: object) -> None:
        calls.append(one.name)
        if one.name == "bad":
            raise NonFiniteLoss("the loss's term 'forged' is not finite")
        if one.name == "worse":
            raise RuntimeError("shapes 3 and 4\nof tensors")

    calls: list[str] = []
    monkeypatch.setattr(task_run, "_train", broken)
    monkeypatch.setattr(task_run, "_score", lambda one, process, watch, out, rows, store: scored(out, rows))
    with pytest.raises(NonFiniteLoss):
        execute(study, pair, SignalWatch())
    scores = execute(study, pair, SignalWatch(), Execution(tolerant=True))
    assert calls == ["good", "bad"]  # the same failure would come again
    assert scores.groupby("task")["fake_probability"].count().to_dict() == {"bad": 0, "good": 10}
    assert set(scores.loc[scores["task"] == "bad", "status"]) == {"run_failed"}
    assert runs.failures(study, pair) == {"bad": "the loss's term 'forged' is not finite"}
    with pytest.raises(InputError, match="all 1 runs failed; bad: the loss's term"):
        execute(study, pair[1:], SignalWatch(), Execution(tolerant=True))

    both = [task(tiny, "fine"), task(tiny, "worse")]
    scores = execute(
        StudyFolder(tmp_path / "new", "trial", {}), both, SignalWatch(), Execution(tolerant=True)
    )
    assert set(scores.loc[scores["task"] == "worse", "status"]) == {"run_failed"}
    assert runs.failures(StudyFolder(tmp_path / "new", "trial", {}), both) == {
        "worse": "RuntimeError: shapes 3 and 4"
    }
    assert "of tensors" in (tmp_path / "new/runs/worse/log.txt").read_text()


def scored(out: Path, rows: Sequence[Row]) -> None:
    write_scores(out, [Score(row.video_name, 0.25, "ok", 1.0) for row in rows])


def test_a_study_of_runs_that_score_nothing_has_an_empty_table(tiny: Path, tmp_path: Path) -> None:
    study, one = StudyFolder(tmp_path / "out", "trial", {}), replace(task(tiny, "one"), scored={})
    one.folder(study.path).mkdir(parents=True)
    one.mark(study.path, done=True)
    for tasks in ([one], []):
        scores = execute(study, tasks, SignalWatch())
        assert scores.empty and list(scores) == runs.COLUMNS
    with pytest.raises(InputError, match="--jobs 0: wanted 1 or more"):
        Execution(jobs=0)


def test_long_studies_say_what_they_cost(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = StudyFolder(tmp_path / "out", "trial", {})
    monkeypatch.setattr(runs, "_measured", lambda task, place: {"train": 36.0, "predict": 3.6})
    monkeypatch.setattr(runs, "CHEAP_PASSES", 10)
    one = task(tiny, "one", "optim.epochs=10")
    runs.announce(study, [one])  # 160 passes of training, 80 of validation and 10 of the test
    assert capsys.readouterr().out.startswith("1 runs; about 101 minutes")
    monkeypatch.setattr(runs, "_measured", lambda task, place: 1 / 0)
    runs.announce(study, [one, task(tiny, "two", "optim.epochs=10", "seed=2")])
    assert capsys.readouterr().out.startswith("2 runs; about 3.4 hours")
    runs.announce(study, [one, replace(one, name="two")], Execution(jobs=4))
    assert capsys.readouterr().out.startswith("2 runs, 2 side by side; about 101 minutes")


def test_a_few_configurations_are_measured_for_the_cost_of_many(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "_measured", lambda task, place: {"train": 3.6, "predict": 0.0})
    monkeypatch.setattr(runs, "CHEAP_PASSES", 10)
    many = [task(tiny, f"run{width}", f"model.width={width}") for width in range(8, 80, 8)]
    study = StudyFolder(tmp_path / "out", "trial", {})
    runs.announce(study, many)
    assert capsys.readouterr().out == "9 runs; about 9 minutes by a short measurement of 3 of 9 detectors\n"
    assert len(list((study.path / "steps").iterdir())) == 3
