"""The check of a submission against its template, the way an organiser's script does it."""

import argparse
import re
from pathlib import Path

import pytest

from telltale.cli import validate_submission as verb
from telltale.data.manifest import read_names
from telltale.errors import InputError
from telltale.scores.score import Score
from telltale.scores.submission import inspect_submission, score_column, write_submission

ROWS = [Score("a.mp4", 0.1 + 0.2, "ok", 4.0), Score("b.mp4", None, "damaged", None)]

VALID = "video_name,score\na.mp4,0.5\nb.mp4,0.25\n"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "template.csv").write_text("video_name,score\na.mp4,\nb.mp4,\n")
    return tmp_path / "template.csv"


def test_a_written_submission_is_valid(
    tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_submission(tmp_path / "s.csv", [ROWS[0], ROWS[1]], 0.5)
    assert inspect_submission(tmp_path / "s.csv", template).notes == []
    assert _run(tmp_path / "s.csv", template) == 0
    assert capsys.readouterr().out == "valid: 2 rows\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VALID.replace("score", "y_pred"), "header 'video_name,y_pred'; wanted video_name,score"),
        (VALID.replace("video_name,score\n", ""), "header 'a.mp4,0.5'"),
        ("", "is empty; wanted a CSV file of scores, with the header first"),
        ("\ufeff" + VALID, "byte order mark"),
        (VALID.replace("b.mp4,0.25\n", ""), "1 video names missing.*'b.mp4'"),
        (VALID + "c.mp4,0.5\n", "1 video names not in .*'c.mp4'"),
        (VALID + "a.mp4,0.5\n", "1 video names listed more than once: 'a.mp4'"),
        (VALID.replace("0.25", ""), "s.csv:3: score ''"),
        (VALID.replace("0.25", "nan"), "s.csv:3: .* nan"),
        (VALID.replace("0.25", "inf"), "s.csv:3: .* inf"),
        (VALID.replace("0.25", "-0.001"), "s.csv:3: .* -0.001"),
        (VALID.replace("0.25", "fake"), "s.csv:3: score 'fake'"),
        (VALID.replace("0.25", "0,25"), "s.csv:3: row 'b.mp4,0,25' has 3 fields"),
        (VALID.replace("\nb", "\n\nb"), "s.csv:3: row '' has 0 fields"),
    ],
)
def test_each_fault_is_found(
    tmp_path: Path, template: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    (problem,) = inspect_submission(path, template).problems[:1]
    assert _run(path, template) == 1
    printed = capsys.readouterr().out
    assert problem in printed
    assert re.search(said, printed)


def test_an_absent_submission_is_a_problem_and_an_absent_template_wrong_input(
    tmp_path: Path, template: Path
) -> None:
    assert "cannot be read" in inspect_submission(tmp_path / "none.csv", template).problems[0]
    with pytest.raises(InputError):
        inspect_submission(template, tmp_path / "none.csv")


def test_notes_make_nothing_invalid(
    tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.csv").write_bytes(b"video_name,score\r\nb.mp4,0.5\r\na.mp4,0.5\r\n")
    assert _run(tmp_path / "s.csv", template) == 0
    printed = capsys.readouterr().out
    for said in ("another order", "all 2 scores are 0.5", "CRLF", "valid: 2 rows"):
        assert said in printed


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("video_name\na.mp4\n", "score"),
        ("video_name,y_pred\na.mp4,\n", "y_pred"),
        ("\ufeffvideo_name,y_pred\r\na.mp4,0.5\r\n", "y_pred"),
        ("video_name,score\na.mp4,0\n", "score"),
        ("video_name,target\na.mp4,0\nb.mp4,1\n", "score"),  # labels
        ("video_name,target,method\na.mp4,0,\nb.mp4,1,swap\n", "score"),
        ("video_name,target\na.mp4,0.5\n", "target"),
        ("video_name,target\na.mp4,\n", "target"),
    ],
)
def test_the_template_names_the_column(tmp_path: Path, text: str, column: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert score_column(tmp_path / "t.csv") == column


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "video_name,id,y_pred\na.mp4,1,\n",
            "t.csv:1: header 'video_name,id,y_pred'; wanted video_name and one column",
        ),
        ("id,video_name\n1,a.mp4\n", "t.csv:1: header 'id,video_name'"),
        ("video_name,\na.mp4,\n", "t.csv:1: header 'video_name,'"),
        ("video_name,method\na.mp4,\nb.mp4,swap\n", "t.csv:3: method is 'swap', no number"),
    ],
)
def test_a_template_that_does_not_tell_its_column_wants_it_by_name(
    tmp_path: Path, text: str, said: str
) -> None:
    template, submission = tmp_path / "t.csv", tmp_path / "s.csv"
    template.write_text(text)
    with pytest.raises(InputError, match=f"{said}.*--score-column"):
        score_column(template)
    names = read_names(template)
    submission.write_text("video_name,p\n" + "".join(f"{name},0.5\n" for name in names))
    assert _run(submission, template, "--score-column", "p") == 0
    with pytest.raises(InputError, match="name of a column beside video_name"):
        _run(submission, template, "--score-column", "video_name")


def test_the_header_is_the_templates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, submission = tmp_path / "t.csv", tmp_path / "s.csv"
    template.write_text("video_name,y_pred\na.mp4,\nb.mp4,\n")
    write_submission(submission, ROWS, 0.5, score_column(template))
    assert submission.read_text() == "video_name,y_pred\na.mp4,0.3000000000\nb.mp4,0.5000000000\n"
    assert _run(submission, template) == 0
    write_submission(submission, ROWS, 0.5)
    capsys.readouterr()
    assert _run(submission, template) == 1
    assert "s.csv:1: header 'video_name,score'; wanted video_name,y_pred" in capsys.readouterr().out
    assert _run(submission, template, "--score-column", "score") == 0


def _run(submission: Path, template: Path, *more: str) -> int:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return verb.run(parser.parse_args([str(submission), "--list", str(template), *more]))
