"""Studies of estimates: which clips say the truth, and the tables by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from programs import CONFIG

from telltale.errors import InputError
from telltale.study import estimate_report
from telltale.study.estimate import (
    EstimateSpec,
    accuracy_table,
    all_tasks,
    columns,
    divisions,
    estimate_table,
)
from telltale.study.task import Task
from telltale.study.unseen import UnseenSpec, read_configs

UNSEEN_KINDS = {"whole_face_reenacted", "sound_shifted", "sound_replaced", "voice_converted"}


def spec(data: Path) -> EstimateSpec:
    named = divisions([], "kind", 2)
    configs = read_configs([Path(CONFIG)], [])
    return EstimateSpec(UnseenSpec(data, configs, named["methods"], (1, 2)), named, "kind")


def test_the_truth_is_of_methods_that_training_and_validation_have_not(tiny: Path) -> None:
    truth = spec(tiny).truth
    assert set(truth.loc[truth["target"] == 1, "kind"]) <= UNSEEN_KINDS
    assert set(truth["split"]) == {"test"}
    names = [task.name for task in all_tasks(spec(tiny))]
    assert names[:2] == ["plain/tiny/all/seed1", "plain/tiny/all/seed2"]
    assert names[2:] == [f"methods/tiny/fold{fold}/seed{seed}" for fold in (0, 1) for seed in (1, 2)]
    with pytest.raises(InputError, match="forged clips of a 'target' that training and validation have not"):
        _ = EstimateSpec(spec(tiny).unseen, {}, "target").truth


def scored(tasks: list[Task], shares: dict[str, float]) -> pd.DataFrame:
    """Scores as of `execute` whose AUC in a set is that of `shares`, by the beginning of "TASK SET"."""
    parts = []
    for task in tasks:
        for name, rows in task.scored.items():
            share = next(value for key, value in shares.items() if f"{task.name} {name}".startswith(key))
            targets = np.array([row.target for row in rows])
            values = np.full(len(rows), 0.5)
            forged = np.flatnonzero(targets == 1)
            above = round(share * len(forged))
            values[forged[:above]], values[forged[above:]] = 0.9, 0.1
            columns = {"task": task.name, "set": name, "video_name": [row.video_name for row in rows]}
            columns |= {"target": targets, "fake_probability": values, "status": "ok"}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def test_each_run_has_its_estimates_beside_its_truth(tiny: Path) -> None:
    asked = spec(tiny)
    shares = {"plain/tiny/all/seed1 truth": 0.0, "plain/tiny/all/seed2 truth": 1.0, "plain": 1.0}
    shares |= {"methods/tiny/fold0/seed1 unseen": 0.0, "methods": 1.0}
    table = estimate_table(asked, scored(all_tasks(asked), shares))
    assert columns(asked) == ["validation", "methods", "methods worst"]
    assert table["true_auc"].tolist() == [0.0, 1.0]
    assert table["validation"].tolist() == [1.0, 1.0]
    assert table["methods"].tolist() == [0.5, 1.0]  # the mean of two folds
    assert table["methods worst"].tolist() == [0.5, 1.0]


def test_errors_and_ranks_by_hand() -> None:
    table = pd.DataFrame(
        {
            "config": ["a", "b", "c"],
            "seed": 1,
            "true_auc": [0.5, 0.6, 0.8],
            "validation": [1.0, 0.9, 0.9],
            "folds": [0.55, 0.65, 0.75],
        }
    )
    first, second = accuracy_table(table, ["validation", "folds"]).to_dict("records")
    assert first["mean_absolute_error"] == pytest.approx((0.5 + 0.3 + 0.1) / 3)
    assert (first["ratio"], first["chosen"], first["chosen_auc"]) == (1.0, "a", 0.5)
    assert first["spearman_configs"] == pytest.approx(-np.sqrt(3) / 2)  # ranks 3, 1.5, 1.5 against 1, 2, 3
    assert second["mean_absolute_error"] == pytest.approx(0.05)
    assert second["bias"] == pytest.approx(0.05 / 3)
    assert second["ratio"] == pytest.approx(0.05 / 0.3)
    assert (second["spearman_configs"], second["chosen"]) == (1.0, "c")
    table.loc[1, "folds"] = np.nan
    (_, unknown) = accuracy_table(table, ["validation", "folds"]).to_dict("records")
    assert all(np.isnan(unknown[key]) for key in ("mean_absolute_error", "ratio", "bias"))


def test_the_study_writes_tables_a_figure_and_a_page(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"plain/tiny/all/seed1 truth": 0.6, "plain/tiny/all/seed2 truth": 0.8, "": 0.9}
    monkeypatch.setattr(estimate_report, "execute", lambda folder, tasks, *_, **__: scored(tasks, shares))
    said = estimate_report.study(spec(tiny), tmp_path / "out", None, None)  # type: ignore[arg-type]
    assert "mean_absolute_error" in said
    assert pd.read_csv(tmp_path / "out/accuracy.csv")["estimate"].tolist() == columns(spec(tiny))
    assert len(pd.read_csv(tmp_path / "out/estimates.csv")) == 2
    assert (tmp_path / "out/estimates.png").stat().st_size > 5000
    assert "estimates.png" in (tmp_path / "out/index.html").read_text()


def test_divisions_need_names_of_their_own() -> None:
    assert list(divisions(["sound=s.csv"], "kind", 3)) == ["methods", "sound"]
    for wrong in (["s.csv"], ["plain=s.csv"], ["a=s.csv", "a=t.csv"]):
        with pytest.raises(InputError, match="wanted NAME=CSV, each with a name of its own"):
            divisions(wrong, None, 3)
    with pytest.raises(InputError, match="nothing to estimate by"):
        divisions([], None, 3)
