"""Runs of a study: trained and scored once, continued after a stop, refused if they are another's."""

import signal
from pathlib import Path

import pytest
from programs import CONFIG

from telltale import config
from telltale.errors import InputError
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.study import runs
from telltale.study.clips import manifest_of, read_clips, rows_of
from telltale.study.folder import StudyFolder
from telltale.study.runs import Task, execute


def task(data: Path, name: str, *overrides: str) -> Task:
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

    monkeypatch.setattr(runs, "_run", None)  # nothing is left to run
    assert execute(study, [one], SignalWatch()).equals(scores)
    with pytest.raises(InputError, match="one: was made of other settings or clips"):
        execute(study, [task(tiny, "one", "seed=3")], SignalWatch())
    with pytest.raises(InputError, match="two runs have the same name"):
        execute(study, [one, one], SignalWatch())


def test_long_studies_say_what_they_cost(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = StudyFolder(tmp_path / "out", "trial", {})
    monkeypatch.setattr(runs, "_measured", lambda task: {"train": 36.0, "predict": 3.6})
    monkeypatch.setattr(runs, "CHEAP_PASSES", 10)
    one = task(tiny, "one", "optim.epochs=10")
    runs.announce(study, [one])  # 160 passes of training, 80 of validation and 10 of the test
    assert capsys.readouterr().out.startswith("1 runs; about 101 minutes")
    monkeypatch.setattr(runs, "_measured", lambda task: 1 / 0)
    runs.announce(study, [one, task(tiny, "two", "optim.epochs=10", "seed=2")])
    assert capsys.readouterr().out.startswith("2 runs; about 3.4 hours")
