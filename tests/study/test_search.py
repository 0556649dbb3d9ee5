"""Searches: the plan of rungs, shortened schedules, leaderboards by hand, and one from end to end."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from programs import CONFIG

from telltale import config
from telltale.cli import main
from telltale.errors import InputError
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score
from telltale.scores.table import write_scores
from telltale.study import runs
from telltale.study.search import SearchSpec, going_on, leaderboard, plan, shortened
from telltale.study.search_choices import GIVEN, Trial
from telltale.study.task import Task
from telltale.study.unseen import Division, UnseenSpec
from telltale.study.unseen_tables import with_keys

SETTINGS = config.read(Path(CONFIG))


def numbers(*given: int) -> list[tuple[str, int, float]]:
    trials, epochs, eta, finalists = given
    rungs = plan(trials, epochs, eta, finalists, (1, 2), 0)
    assert {rung.seeds for rung in rungs[:-1]} <= {(0,)} and rungs[-1].seeds == (1, 2)
    return [(rung.name, rung.count, rung.share) for rung in rungs]


def test_each_rung_takes_fewer_trials_and_trains_them_longer() -> None:
    assert numbers(27, 12, 3, 3) == [("rung0", 27, 1 / 9), ("rung1", 9, 1 / 3), ("final", 3, 1.0)]
    assert numbers(8, 8, 2, 1) == [
        ("rung0", 8, 1 / 8),
        ("rung1", 4, 1 / 4),
        ("rung2", 2, 1 / 2),
        ("final", 1, 1.0),
    ]
    assert numbers(27, 4, 3, 3) == [("rung0", 27, 1 / 3), ("final", 3, 1.0)]  # no ninth of four epochs
    assert numbers(3, 9, 3, 3) == [("final", 3, 1.0)]  # nothing is to be chosen before
    assert numbers(4, 9, 3, 3) == [("rung0", 4, 1 / 3), ("final", 3, 1.0)]
    with pytest.raises(InputError, match="--eta 1: wanted 2 or more"):
        plan(9, 9, 1, 3, (1,), 0)


def test_a_shorter_training_has_its_schedule_compressed() -> None:
    settings = config.override(SETTINGS, ["optim.epochs=9", "optim.warmup_steps=90", "optim.step_epochs=3"])
    third = shortened(settings, 1 / 3).optim
    assert (third.epochs, third.warmup_steps, third.step_epochs) == (3, 30, 1)
    one = shortened(settings, 1 / 27).optim
    assert (one.epochs, one.warmup_steps, one.step_epochs) == (1, 10, 1)
    assert shortened(settings, 1.0) == settings


def scores_of(trial: str, fold: str, forged: float) -> pd.DataFrame:
    columns = {
        "task": f"{trial}/{fold}/seed0",
        "set": "unseen",
        "video_name": list("abcd"),
        "target": [1, 1, 0, 0],
        "fake_probability": [forged, forged, 0.4, 0.6],
        "status": "ok",
    }
    return pd.DataFrame(columns)


def test_leaderboards_by_hand(tmp_path: Path) -> None:
    picks = {"trial01": {"optim.rate": "1e-3"}, "trial02": {"optim.rate": "3e-4"}, GIVEN: {}}
    trials = [Trial(name, own, SETTINGS) for name, own in picks.items()]
    aucs = {"trial01": (0.9, 0.5), "trial02": (0.9, np.nan), GIVEN: (0.5, 0.1)}
    parts = [
        scores_of(name, fold, value)
        for name, own in aucs.items()
        for fold, value in zip("xy", own, strict=True)
    ]
    failed = {"rung0/trial02/y/seed0": "the loss is not finite"}
    board = leaderboard(with_keys(pd.concat(parts, ignore_index=True)), trials, failed)
    assert board["trial"].tolist() == ["trial01", GIVEN, "trial02"]
    assert board["auc"].tolist()[:2] == [0.75, 0.25] and np.isnan(board["auc"].iloc[2])
    assert board["worst_fold"].tolist() == ["y", "y", ""]
    assert board["status"].tolist() == ["ok", "ok", "the loss is not finite"]
    assert board["optim.rate"].tolist() == ["1e-3", "", "3e-4"]
    rungs = plan(3, 9, 2, 1, (1,), 0)
    spec = SearchSpec(UnseenSpec(tmp_path, {}, Division("methods", "kind")), trials, rungs)
    assert [each.name for each in going_on(spec, board, rungs[1])] == ["trial01", GIVEN]  # the other has none
    assert [each.name for each in going_on(spec, board, rungs[-1])] == ["trial01", GIVEN]  # for comparison


CHOICES = "optim.rate: [1e-3, 2e-3, 3e-3, 4e-3]\noptim.weight_decay: [0.01, 0.02]\n"


def typed(tiny: Path, folder: Path, *more: str) -> list[str]:
    (folder / "choices.yaml").write_text(CHOICES)
    given = ["study", "search", "--config", CONFIG, "--choices", f"{folder}/choices.yaml"]
    given += ["--data", str(tiny), "--out", f"{folder}/out", "--by", "methods", "--column", "kind"]
    given += ["--folds", "2", "--trials", "8", "--eta", "2", "--finalists", "2", "--seeds", "1", "2"]
    return [*given, "--set", "optim.epochs=4", "--resamples", "20", *more]


class Trained:
    """Stands for training: the higher its rate, the better a run is; one of rate 4e-3 fails."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.stop_after = 100

    def __call__(self, task: Task, study: Path, watch: SignalWatch, place: object) -> None:
        if len(self.names) == self.stop_after:
            raise Stopped(15, "the same command continues the study")
        self.names.append(task.name)
        task.folder(study).mkdir(parents=True, exist_ok=True)
        rate = task.settings.optim.rate
        if rate == 4e-3:
            task.mark(study, done=False, failed="the loss is not finite", final=True)
            raise ArithmeticError("the loss is not finite")
        rng = np.random.default_rng(task.settings.seed)
        for name, rows in task.scored.items():
            scores = [
                Score(
                    row.video_name, float(np.clip(row.target * rate * 200 + rng.normal(0, 0.3), 0, 1)), "ok"
                )
                for row in rows
            ]
            write_scores(task.folder(study) / f"{name}_scores.csv", scores)
        task.mark(study, done=True)


def test_a_search_from_end_to_end(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = Trained()
    monkeypatch.setattr(runs, "run_here", trained)
    trained.stop_after = 20
    assert main(typed(tiny, tmp_path)) == 143
    assert "the same command continues the study" in capsys.readouterr().err
    trained.stop_after = 1000
    assert main(typed(tiny, tmp_path)) == 0
    said = capsys.readouterr().out
    assert "rung0: 8 trials, 1 of 4 epochs, seeds 0" in said
    assert "rung1: 4 trials, 2 of 4 epochs, seeds 0" in said
    assert "final: 2 best trials and given, 4 of 4 epochs, seeds 1, 2" in said
    assert len(trained.names) == len(set(trained.names)) <= 8 * 2 + 4 * 2 + 3 * 2 * 2

    first, second, final = (pd.read_csv(tmp_path / f"out/{name}.csv") for name in ("rung0", "rung1", "final"))
    assert len(first) == 8 and len(second) == 4 and len(final) == 3
    assert (first.loc[first["optim.rate"] == 4e-3, "status"] == "the loss is not finite").all()
    assert first["auc"].isna().sum() == (first["optim.rate"] == 4e-3).sum() > 0
    assert set(second["trial"]) == set(first["trial"].iloc[:4])
    assert set(final["trial"]) == {*second["trial"].iloc[:2], GIVEN}
    best = final.iloc[0]
    assert best["optim.rate"] == 3e-3 and best["low"] <= best["auc"] <= best["high"]
    assert best["gain"] == pytest.approx(best["auc"] - final.set_index("trial").loc[GIVEN, "auc"])
    chosen = config.read(tmp_path / "out/best.yaml")
    assert (chosen.optim.rate, chosen.optim.epochs, chosen.seed) == (3e-3, 4, SETTINGS.seed)
    assert chosen.model == SETTINGS.model
    assert (tmp_path / "out/best.yaml").read_text().startswith("# The best of a search on tiny: trial")
    page = (tmp_path / "out/index.html").read_text()
    assert 'src="search.png"' in page and "rung1: all its trials" in page
    assert (tmp_path / "out/search.png").stat().st_size > 5000

    monkeypatch.setattr(runs, "run_here", None)  # nothing is left to run
    assert main(typed(tiny, tmp_path)) == 0
    assert main(typed(tiny, tmp_path, "--seed", "3")) == 2
    assert "was begun with " in capsys.readouterr().err


def test_mistakes_are_told_before_anything_is_made(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, said in (
        (["--trials", "1"], "are 1"),
        (["--finalists", "0"], "--finalists 0: wanted 1 or more"),
        (["--column", "colour"], "have a column 'colour'"),
        (["--folds", "20"], "20 folds of 4 kinds"),
        (["--jobs", "0"], "--jobs 0: wanted 1 or more"),
    ):
        assert main(typed(tiny, tmp_path, *more)) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
