"""`telltale audit --submission`: the numbers of a submission are those of the model."""

import re
import shutil
from pathlib import Path

import pytest
from audits import audit, audited
from programs import do_predict

from telltale.files import sha256
from telltale.scores import sidecar


def submission_of(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bool | None, str]:
    return audited(run, capsys, run.parent / "out" / "submission.csv")["submission"]


def test_a_submission_passes_with_the_numbers_of_the_model_only(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = sha256(run / "best.pt")
    assert submission_of(run, capsys) == (True, f"10 numbers of model {model}")
    path = run.parent / "out" / "submission.csv"
    lines = path.read_text().splitlines()
    name, number = lines[3].split(",")
    last = str((int(number[-1]) + 1) % 10)  # the tenth decimal
    path.write_text("\n".join([*lines[:3], f"{name},{number[:-1]}{last}", *lines[4:]]) + "\n")
    passed, detail = submission_of(run, capsys)
    assert passed is False
    assert f"{name} ({number[:-1]}{last}, scored {number})" in detail
    assert audit(run, strict=True, submission=path) == 1
    # The same numbers in another order, and so in other bytes.
    path.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    passed, detail = submission_of(run, capsys)
    assert passed is False and re.search(
        r"its SHA-256 is \w{16}\.\.\., but .*scores\.json describes one of \w{16}", detail
    )
    assert "not the model's" not in detail
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert "in one of it and its scores alone" in submission_of(run, capsys)[1]
    shutil.copy(path.with_name("scores.csv"), path)
    assert "is a file of scores" in submission_of(run, capsys)[1]


def test_all_videos_without_a_score_have_the_same_fallback(
    run: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    names = [*sorted(path.name for path in (tiny / "test").iterdir())[:2], "absent.mp4", "gone.mp4"]
    (tmp_path / "list.csv").write_text("\n".join(["video_name", *names]) + "\n")
    out = run.parent / "out" / "submission.csv"
    more = ("--list", str(tmp_path / "list.csv"), "--on-unreadable", "value")
    assert do_predict(run, tiny / "test", out, *more) == 0
    assert sidecar.check(out.with_name("scores.csv")).overrides == ["predict.on_unreadable=value"]
    passed, detail = submission_of(run, capsys)
    assert passed is True and detail.endswith("2 videos not scored, 0.5000000000 for each")
    out.write_text(out.read_text().replace("gone.mp4,0.5", "gone.mp4,0.9"))
    passed, detail = submission_of(run, capsys)
    assert passed is False and "2 numbers for videos not scored" in detail
