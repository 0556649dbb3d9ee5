"""The history of a run: history.csv after every epoch, the curves not oftener than they are worth."""

from pathlib import Path
from typing import Any

import pytest

from telltale.train import history
from telltale.train.history import RunLog


def row(epoch: int) -> dict[str, Any]:
    values = {"train_loss": 0.7, "rate": 1e-3, "validation_loss": 0.6, "validation_auc": 0.5 + epoch / 10}
    return {"epoch": epoch, **values, "validation_tpr_at_fpr_1e-3": 0.0}


def test_curves_are_drawn_at_first_when_due_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(history.training_figures, "curves", lambda rows, path, best: drawn.append(len(rows)))
    now = [5.0]
    monkeypatch.setattr(history.time, "monotonic", lambda: now[0])
    log, rows = RunLog(tmp_path, 0), [row(epoch) for epoch in range(1, 6)]
    for count, seconds in ((1, 5.0), (2, 10.0), (3, 36.0), (4, 40.0), (5, 41.0)):
        now[0] = seconds
        log.epoch(rows[:count], count, count - 1)
        assert len((tmp_path / "history.csv").read_text().splitlines()) == count + 1
    assert drawn == [1, 3]
    log.close()
    assert drawn == [1, 3, 5]


def test_what_is_drawn_already_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(history.training_figures, "curves", lambda rows, path, best: drawn.append(len(rows)))
    log = RunLog(tmp_path, 0)
    log.epoch([row(1)], 1, 0)
    log.close()
    RunLog(tmp_path, 1).close()
    assert drawn == [1]
