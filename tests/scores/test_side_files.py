"""Each submission has a score file and a side file of its own name, which say which model wrote it."""

import json
from pathlib import Path

import pytest

from telltale.cli import parse
from telltale.competition.ledger_file import read
from telltale.errors import InputError
from telltale.files import sha256
from telltale.scores import sidecar
from telltale.scores.score import Score
from telltale.scores.submission import write_submission
from telltale.scores.table import write_scores

MODEL, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    module, parsed = parse(["submit-log", *arguments])
    return module.run(parsed)


def bundle(name: str, **facts: object) -> str:
    Path(name).mkdir()
    Path(name, "bundle.json").write_text(json.dumps(facts))
    return name


def test_names_follow_the_submissions() -> None:
    for name, scores, side in (
        ("submission.csv", "scores.csv", "scores.json"),
        ("a.csv", "a.scores.csv", "a.scores.json"),
        ("a.v2.csv", "a.v2.scores.csv", "a.v2.scores.json"),
        ("a.txt", "a.txt.scores.csv", "a.txt.scores.json"),
    ):
        found = sidecar.scores_of(Path("out") / name)
        assert (found, sidecar.path_of(found)) == (Path("out") / scores, Path("out") / side)
        assert sidecar.is_scores_name(found.name) and not sidecar.is_scores_name(name)


def scored(name: str, model: str, value: float, column: str = "score", described: bool = True) -> None:
    """A submission as predict.py leaves it; described: with its SHA-256 in the side file, as since then."""
    rows, submission = [Score("a.mp4", value, "ok", 4.0), Score("b.mp4", None, "damaged")], Path(name)
    scores = sidecar.scores_of(submission) if described else Path("scores.csv")
    write_scores(scores, rows)
    write_submission(submission, rows, 0.5, column)
    digest = sha256(submission) if described else None
    sidecar.write(scores, digest, model_sha256=model, config="0" * 16, data="1" * 16, videos="test")


def add_file(name: str, *more: str) -> str:
    """The model that is noted."""
    assert run("add", name, "--phase", "validation", "--when", "2024-01-05T12:00", *more, "--force") == 0
    return read(Path("submissions.csv")).entries[-1].model_sha256


def test_each_submission_has_the_side_file_of_its_name() -> None:
    scored("a.csv", MODEL, 0.25)
    scored("b.csv", OTHER, 0.75, column="y_pred")
    scored("submission.csv", OTHER, 0.125)
    assert [add_file(name) for name in ("a.csv", "b.csv", "submission.csv")] == [MODEL, OTHER, OTHER]
    assert add_file("a.csv", "--bundle", bundle("B", model_sha256=MODEL)) == MODEL
    with pytest.raises(
        InputError, match=r"b\.csv: was written by model cdcd.*side file says, and B holds model abab"
    ):
        add_file("b.csv", "--bundle", "B")
    Path("a.csv").write_bytes(Path("b.csv").read_bytes())
    with pytest.raises(
        InputError,
        match=r"a\.csv: its SHA-256 is \w{16}\.\.\., but a\.scores\.json "
        r"describes one of \w{16}.*0\.75.*0\.25",
    ):
        add_file("a.csv")
    Path("a.scores.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.scores\.json: is not the side file of a score file"):
        add_file("a.csv")


def test_a_prediction_that_wrote_no_submission_describes_none() -> None:
    scored("a.csv", MODEL, 0.25)
    sidecar.write(Path("a.scores.csv"), "", model_sha256=OTHER, config="0" * 16, data="1" * 16, videos="test")
    with pytest.raises(InputError, match=r"a\.scores\.json says that none was written"):
        add_file("a.csv")


def test_a_side_file_of_before_is_that_of_the_submission_with_its_numbers() -> None:
    scored("a.csv", MODEL, 0.25, described=False)
    scored("b.csv", OTHER, 0.75, described=False)  # into the same scores.csv and scores.json
    assert "submission_sha256" not in Path("scores.json").read_text()
    assert [add_file("a.csv"), add_file("b.csv")] == ["", OTHER]
    Path("a.csv").rename("submission.csv")
    with pytest.raises(
        InputError, match=r"submission\.csv: .*scores\.json describes none \(not the model's numbers"
    ):
        add_file("submission.csv")
    Path("b.csv").rename("submission.csv")
    assert add_file("submission.csv") == OTHER
