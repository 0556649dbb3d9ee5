"""`telltale submit-log score`, `list` and `check`: returned scores, gaps, and what is left of the day."""

import json
import re
from pathlib import Path

import pytest
from submissions import add, run

from telltale.cli import main
from telltale.competition.ledger_file import read
from telltale.errors import InputError


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_scores_are_noted_and_gaps_to_estimates_computed(capsys: pytest.CaptureFixture[str]) -> None:
    add(1, "2024-01-05T12:00", "--own-auc", "0.9", "--unseen-auc", "0.8")
    add(2, "2024-01-05T13:00", "--own-auc", "0.95")
    add(3, "2024-01-05T14:00", "--own-auc", "0.99", phase="test")
    add(4, "2024-01-05T15:00", "--unseen-auc", "0.7")
    capsys.readouterr()
    assert run("score", "1", "--auc", "0.75", "--tpr", "0.25") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "submission 1: AUC 0.75, TPR 0.25",
        "own validation AUC 0.9000, 0.1500 above it",
        "unseen-cluster estimate 0.8000, 0.0500 above it",
    ]
    run("score", "2", "--auc", "0.9")
    run("score", "3", "--auc", "0.79")
    capsys.readouterr()
    assert run("list", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["timezone"] == "UTC"
    assert printed["limits"] == {"validation": 5, "test": 2}
    assert [row["score_auc"] for row in printed["submissions"]] == [0.75, 0.9, 0.79, None]
    assert printed["submissions"][0]["submitted"] == "2024-01-05T12:00:00+00:00"
    # By hand: 0.15, 0.05 and 0.2. Only one unseen-cluster estimate has a score.
    gaps = {
        group: {key: (of["mean"], of["n"]) for key, of in printed["gaps"][group].items()}
        for group in printed["gaps"]
    }
    assert gaps == {
        "all": {
            "own_auc_minus_score": (pytest.approx(0.4 / 3), 3),
            "unseen_auc_minus_score": (pytest.approx(0.05), 1),
        },
        "validation": {
            "own_auc_minus_score": (pytest.approx(0.1), 2),
            "unseen_auc_minus_score": (pytest.approx(0.05), 1),
        },
        "test": {"own_auc_minus_score": (pytest.approx(0.2), 1), "unseen_auc_minus_score": (None, 0)},
    }
    run("list")
    printed = capsys.readouterr().out
    assert (
        "own validation AUC minus returned AUC, mean: all +0.1333 (n = 3), validation +0.1000 (n = 2), test"
        in printed
    )
    assert re.search(
        r"^ +1  2024-01-05 12:00  validation +0\.9000  0\.8000  0\.7500  0\.2500  s1\.csv$",
        printed,
        re.MULTILINE,
    )


def test_a_noted_score_is_replaced_only_with_force() -> None:
    add(1, "2024-01-05T12:00")
    with pytest.raises(InputError, match=r"has no submission 2; wanted an id"):
        run("score", "2", "--auc", "0.5")
    with pytest.raises(InputError, match=r"score_auc 81.3; wanted a number in \[0, 1\]"):
        run("score", "1", "--auc", "81.3")
    run("score", "1", "--auc", "0.8")
    run("score", "1", "--auc", "0.8")
    with pytest.raises(InputError, match=r"submission 1 has AUC 0.8, TPR None already; wanted --force"):
        run("score", "1", "--auc", "0.8", "--tpr", "0.1")
    run("score", "1", "--auc", "0.7", "--tpr", "0.1", "--force")
    (entry,) = read(Path("submissions.csv")).entries
    assert (entry.score_auc, entry.score_tpr) == (0.7, 0.1)


def test_check_counts_the_submissions_left_today(capsys: pytest.CaptureFixture[str]) -> None:
    def checked(now: str, *more: str) -> tuple[int, str]:
        capsys.readouterr()
        return run("check", "--now", now, *more), capsys.readouterr().out

    add(1, "2024-01-05T00:00", "--timezone", "Europe/Rome", phase="test")
    status, printed = checked("2024-01-05T12:30")
    assert status == 0
    assert printed.splitlines() == [
        "validation: 5 left on 2024-01-05 (Europe/Rome), 0 of 5 used",
        "test: 1 left on 2024-01-05 (Europe/Rome), 1 of 2 used",
        "warning: the next test submission is the last of 2024-01-05",
        "the day ends at 2024-01-06T00:00:00+01:00 (2024-01-05T23:00Z), in 11 h 30 min",
    ]
    add(2, "2024-01-05T01:00", phase="test")
    assert checked("2024-01-05T12:30", "--phase", "test")[0] == 1
    assert checked("2024-01-05T12:30", "--phase", "validation")[0] == 0
    assert checked("2024-01-05T12:30")[0] == 0  # some validation submissions are left
    assert checked("2024-01-05T23:00Z", "--phase", "test") == (
        0,
        "test: 2 left on 2024-01-06 (Europe/Rome), 0 of 2 used\n"
        "the day ends at 2024-01-07T00:00:00+01:00 (2024-01-06T23:00Z), in 24 h 00 min\n",
    )
    for k in range(3, 9):
        add(k, "2024-01-05T02:00", "--force")
    status, printed = checked("2024-01-05T12:30")
    assert status == 1
    assert "validation: 0 left on 2024-01-05 (Europe/Rome), 6 of 5 used" in printed
    assert "in 25 h 00 min" in checked("2024-10-27T00:00", "--phase", "test")[1]
    assert "in 22 h 59 min" in checked("2024-03-31T00:00:01", "--phase", "test")[1]
    assert run("check") == 0  # at the present time


def test_a_missing_ledger_is_an_error_and_is_not_created(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["check"], ["list"], ["score", "1", "--auc", "0.5"]):
        assert main(["submit-log", *arguments, "--ledger", "other.csv"]) == 2
        assert "error: other.csv: does not exist; wanted the ledger" in capsys.readouterr().err
    assert not list(Path().iterdir())
