"""submission.csv is written whole or not at all; this is where a clip without a score gets a number."""

import math
import os
from pathlib import Path

import pytest
from score_rows import ROWS

from telltale.errors import InputError
from telltale.scores.score import Score
from telltale.scores.submission import write_submission
from telltale.scores.table import read_scores


def test_submission_by_the_letter(tmp_path: Path) -> None:
    write_submission(tmp_path / "submission.csv", ROWS, fallback=0.25)
    assert (tmp_path / "submission.csv").read_text(encoding="utf-8") == (
        "video_name,score\na.mp4,0.3000000000\nb.mp4,0.2500000000\n"
        '"c, d.mp4",0.3333333333\né.mp4,0.0000000000\ne.mp4,0.2500000000\n'
    )
    again = read_scores(tmp_path / "submission.csv")
    assert again["b.mp4"] == Score("b.mp4", 0.25, "submitted", None)
    assert list(again) == [row.video_name for row in ROWS]


def test_submission_refuses_what_it_must_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    with pytest.raises(InputError, match=r"2 .*b.mp4 \(damaged\).*e.mp4 \(no_sound\)"):
        write_submission(path, ROWS, fallback=None)
    with pytest.raises(InputError, match=r"given twice.*'a.mp4'"):
        write_submission(path, [*ROWS, ROWS[0]], fallback=0.5)
    for fallback in (math.nan, -0.1, 1.1):
        with pytest.raises(InputError, match="fallback"):
            write_submission(path, ROWS, fallback=fallback)
    assert list(tmp_path.iterdir()) == []
    write_submission(path, [ROWS[0]], fallback=None)
    assert path.exists()


def test_a_write_that_fails_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, ROWS[:1], None)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_submission(path, ROWS, 0.5)
    assert path.read_bytes() == before
    monkeypatch.undo()
    write_submission(path, ROWS, 0.5)
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_never_holds_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole and on disk under another name of the same folder, before it takes this one."""
    path, seen = tmp_path / "submission.csv", []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (seen.append("synced"), fsync(number)))

    def watched(self: Path, target: Path) -> Path:
        assert self.parent == target.parent
        assert self.read_text(encoding="utf-8").count("\n") == 1 + len(ROWS)
        assert not target.exists()
        seen.append("renamed")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_submission(path, ROWS, 0.5)
    assert seen == ["synced", "renamed"]


def test_a_name_that_is_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not Unicode"):
        write_submission(tmp_path / "s.csv", [Score(os.fsdecode(b"\xff.mp4"), 0.5, "ok", 1.0)], None)
