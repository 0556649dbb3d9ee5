"""The side file of a score file: what it says, and what it refuses."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telltale.errors import InputError
from telltale.runtime import environment
from telltale.scores import sidecar
from telltale.scores.score import Score
from telltale.scores.submission import write_submission
from telltale.scores.table import write_scores

SCORES = [
    Score("b.mp4", 0.25, "ok", 3.0),
    Score("a.mp4", None, "missing"),
    Score("c.mp4", 1 / 3, "ok"),
    Score("d.mp4", 0.5, "partial"),
]
ABOUT: dict[str, Any] = {"model_sha256": "ab" * 32, "config": "0" * 16, "data": "f" * 16, "videos": "test"}


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    write_scores(path, SCORES)
    return path


def test_what_is_written_comes_back_and_is_checked(scores: Path) -> None:
    written = sidecar.write(scores, **ABOUT, overrides=["predict.spans=3"], world=2)
    assert sidecar.check(scores) == sidecar.read(scores) == written
    tree = json.loads((scores.parent / "scores.json").read_text())
    assert tree["format"] == "telltale-scores-1"
    assert tree["polarity"] == "fake_probability: 1 is forged, 0 is genuine"
    assert tree["statuses"] == {"missing": 1, "ok": 2, "partial": 1} and tree["rows"] == 4
    assert tree["scores_sha256"] == hashlib.sha256(scores.read_bytes()).hexdigest()
    assert (tree["world"], tree["overrides"], tree["videos"]) == (2, ["predict.spans=3"], "test")
    assert (tree["code"], tree["packages"]) == (environment.code(), environment.packages())
    assert sorted(path.name for path in scores.parent.iterdir()) == ["scores.csv", "scores.json"]


def test_the_side_file_bears_the_score_files_name(tmp_path: Path) -> None:
    write_submission(tmp_path / "mine.csv", SCORES, 0.5)
    origin = sidecar.write(tmp_path / "mine.csv", **ABOUT)
    assert sidecar.path_of(tmp_path / "mine.csv") == tmp_path / "mine.json"
    assert origin.statuses == {"submitted": 4} and sidecar.check(tmp_path / "mine.csv").rows == 4


def test_a_checkpoint_that_does_not_name_its_data_is_no_failure(scores: Path) -> None:
    assert sidecar.write(scores, **{**ABOUT, "data": ""}) == sidecar.check(scores)
    assert sidecar.read(scores).data == ""


def test_two_writings_differ_in_the_date_alone(scores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sidecar.write(scores, **ABOUT)
    monkeypatch.setattr(environment, "utc_date", lambda: "2030-01-01T00:00:00+00:00")
    other = sidecar.write(scores, **ABOUT)
    assert other.date != one.date
    assert {**vars(other), "date": one.date} == vars(one)


def test_a_changed_score_file_is_refused_by_name(scores: Path) -> None:
    sidecar.write(scores, **ABOUT)
    scores.write_text(scores.read_text().replace("0.25", "0.26"))
    assert sidecar.read(scores).rows == 4
    with pytest.raises(InputError, match=r"scores\.csv: its SHA-256 is .*scores\.json describes a file of"):
        sidecar.check(scores)


def test_no_side_file_and_no_score_file_are_told_apart(scores: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"scores\.json: cannot be read .*that train\.py or predict\.py writes with scores\.csv",
    ):
        sidecar.read(scores)
    sidecar.write(scores, **ABOUT)
    scores.unlink()
    with pytest.raises(InputError, match=r"scores\.csv: cannot be read"):
        sidecar.check(scores)
    with pytest.raises(InputError, match=r"scores\.csv: cannot be read"):
        sidecar.write(scores, **ABOUT)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_sha256": "ab"}, "wanted 64 hex digits"),
        ({"scores_sha256": "AB" * 32}, "wanted 64 hex digits"),
        ({"config": None}, "config is None; wanted 16 hex digits"),
        ({"data": None}, "data is None; wanted 16 hex digits"),
        ({"data": "g" * 16}, "wanted 16 hex digits"),
        ({"format": "telltale-scores-2"}, "format 'telltale-scores-2'"),
        ({"polarity": "1 is genuine"}, "polarity '1 is genuine'"),
        ({"rows": 5}, "counts that add up"),
        ({"statuses": {"ok": "4"}}, "unsupported operand"),
        ({"statuses": None}, "has no attribute"),
        ({"world": 0}, "the number of processes"),
        ({"date": ""}, "wanted neither of them empty"),
        ({"more": 1}, "unexpected keyword"),
    ],
)
def test_nonsense_is_refused(scores: Path, change: dict[str, Any], reason: str) -> None:
    sidecar.write(scores, **ABOUT)
    path = sidecar.path_of(scores)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=rf"scores\.json: is not the side file of a score file \(.*{reason}"):
        sidecar.read(scores)


NOT_JSON = "is not JSON .*wanted the side file that train.py or predict.py writes"


@pytest.mark.parametrize(
    ("text", "why"),
    [("", NOT_JSON), ("\0", NOT_JSON)]
    + [(text, "is not the side file of a score file") for text in ("[]", "{}", "3", "null", '{"rows": 1}')],
)
def test_what_is_no_side_file_is_refused(scores: Path, text: str, why: str) -> None:
    sidecar.path_of(scores).write_text(text)
    with pytest.raises(InputError, match=why):
        sidecar.read(scores)


def test_a_folder_that_cannot_be_written_is_an_input_error(scores: Path) -> None:
    sidecar.path_of(scores).mkdir()
    with pytest.raises(InputError, match=r"scores\.json: cannot be written"):
        sidecar.write(scores, **ABOUT)


def test_it_loads_no_torch() -> None:
    program = (
        "import sys, telltale.scores.sidecar, telltale.competition.access; print(*(n for n in "
        "('torch', 'timm', 'pandas') if n in sys.modules))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        == []
    )
