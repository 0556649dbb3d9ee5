"""Score files: bit-exact numbers, atomic writes, one-to-one joins."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.errors import InputError
from telltale.scores import score
from telltale.scores.score import (
    Journal,
    Score,
    merge,
    read_scores,
    status_counts,
    write_scores,
    write_submission,
)

ROWS = [
    Score("a.mp4", 0.1 + 0.2, "ok", 4.0),
    Score("b.mp4", None, "damaged", None),
    Score("c, d.mp4", 1 / 3, "no_sound", 3.9999999999999996),
    Score("é.mp4", 5e-324, "partial", 0.0),
    Score("e.mp4", None, "no_sound", 2.5),
]


# Score files


def test_scores_file_by_the_letter(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", ROWS[:3])
    assert (tmp_path / "scores.csv").read_bytes() == (
        b"video_name,fake_probability,status,seconds\n"
        b"a.mp4,0.30000000000000004,ok,4.0\n"
        b"b.mp4,,damaged,\n"
        b'"c, d.mp4",0.3333333333333333,no_sound,3.9999999999999996\n'
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1e6)), max_size=20))
@settings(max_examples=30, deadline=None)
def test_numbers_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("scores")
    rows = [Score(f"{index}.mp4", p, "ok", seconds) for index, (p, seconds) in enumerate(values)]
    write_scores(folder / "scores.csv", rows)
    journal = Journal(folder / "journal", "f")
    journal.append(rows)
    journal.close()
    reopened = Journal(folder / "journal", "f")
    for found in (list(read_scores(folder / "scores.csv").values()), list(reopened.done.values())):
        assert [
            (np.float64(s.fake_probability).tobytes(), np.float64(s.seconds).tobytes()) for s in found
        ] == [(np.float64(p).tobytes(), np.float64(seconds).tobytes()) for p, seconds in values]
    reopened.close()


def test_numpy_numbers_are_written_as_numbers(tmp_path: Path) -> None:
    row = Score("a.mp4", np.float32(0.1), "ok", np.float64(2))
    write_scores(tmp_path / "scores.csv", [row])
    journal = Journal(tmp_path / "journal", "f")
    journal.append([row])
    journal.close()
    assert (
        read_scores(tmp_path / "scores.csv")["a.mp4"]
        == Journal(tmp_path / "journal", "f").done["a.mp4"]
        == row
    )


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; wanted a CSV file of scores, with the header first"),
        (
            "name,y_pred\na.mp4,0.5\n",
            ":1: header 'name,y_pred'; wanted video_name,fake_probability,status,seconds, or video_name",
        ),
        (
            "video_name,p0,p1\na.mp4,0.5,0.5\n",
            ":1: header 'video_name,p0,p1'.*--score-column names one of several",
        ),
        ("video_name,\na.mp4,0.5\n", ":1: header 'video_name,'"),
        ("video_name,target\na.mp4,0\nb.mp4,1\n", "is a label file, with video_name,target"),
        ("video_name,score\na.mp4,0.5\na.mp4,0.5\n", ":3: 'a.mp4' is listed a second time"),
        ("video_name,score\na.mp4,nan\n", ":2: fake probability nan"),
        ("video_name,score\na.mp4,1.5\n", ":2: fake probability 1.5"),
        ("video_name,score\na.mp4,\n", ":2: score ''"),
        ("video_name,score\na.mp4,1_0\n", ":2: score '1_0'"),
        ("video_name,score\na.mp4,٠.٥\n", ":2: score"),
        ("video_name,score\na.mp4\n", ":2: row 'a.mp4'"),
        ("video_name,score\n,0.5\n", ":2: row ',0.5'"),
        ("video_name,score\na.mp4,0.5\n\nb.mp4,0.5\n", ":3: row ''"),
        ("video_name,fake_probability,status,seconds\na.mp4,,ok,1\n", ":2: status 'ok'"),
        (
            "video_name,fake_probability,status,seconds\na.mp4,0.5,failed,1\n",
            ":2: fake probability 0.5.*'failed'",
        ),
    ],
)
def test_unusable_score_files_name_the_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_scores(tmp_path / "s.csv")


def test_a_column_of_scores_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_submission(path, ROWS[:1], None, "y_pred")
    assert path.read_text() == "video_name,y_pred\na.mp4,0.3000000000\n"
    assert read_scores(path) == read_scores(path, "y_pred") == {"a.mp4": Score("a.mp4", 0.3, "submitted")}
    with pytest.raises(InputError, match="wanted the columns video_name and score, once each"):
        read_scores(path, "score")
    path.write_text("genuine,video_name,forged\n0.75,a.mp4,0.25\n")
    assert read_scores(path, "forged")["a.mp4"].fake_probability == 0.25
    path.write_text("video_name,target\na.mp4,0.5\nb.mp4,1\n")  # not 0 or 1 alone: no label file
    assert [row.fake_probability for row in read_scores(path).values()] == [0.5, 1]
    write_scores(path, ROWS[:1])
    assert read_scores(path, "y_pred") == {"a.mp4": ROWS[0]}  # our own form has no choice


def test_byte_order_mark_and_crlf_are_read_and_other_encodings_are_not(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(b"\xef\xbb\xbfvideo_name,score\r\na.mp4,0.5\r\n")
    assert read_scores(path)["a.mp4"].fake_probability == 0.5
    path.write_bytes("video_name,score\na.mp4,0.5\n".encode("utf-16"))
    with pytest.raises(InputError, match="UTF-8"):
        read_scores(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_scores(tmp_path / "absent.csv")


def test_merge_joins_by_name_one_to_one() -> None:
    a, b, c = ROWS[:3]
    names = [a.video_name, b.video_name, c.video_name]
    assert merge([{names[2]: c, names[0]: a}, {names[1]: b}], names) == [a, b, c]
    with pytest.raises(InputError, match=r"more than one part.*'a.mp4'"):
        merge([{names[0]: a}, dict(zip(names, (a, b, c), strict=True))], names)
    with pytest.raises(InputError, match=r"in no score part.*'c, d.mp4'"):
        merge([{names[0]: a, names[1]: b}], names)
    with pytest.raises(InputError, match=r"not asked for.*'b.mp4'"):
        merge([{names[0]: a, names[1]: b}], names[:1])
    with pytest.raises(InputError, match="asked for twice"):
        merge([{names[0]: a}], [names[0], names[0]])


def test_status_counts_as_text() -> None:
    assert status_counts([*ROWS, Score("x.mp4", 0.5, "ok", 1.0)]) == (
        "2 ok, 1 no_sound, 1 partial; 2 not scored: 1 damaged, 1 no_sound"
    )
    assert status_counts([ROWS[0]]) == "1 ok"
    assert status_counts([ROWS[1]]) == "none scored; 1 not scored: 1 damaged"


def test_first_few_names() -> None:
    assert score.first_few(["a", "b"]) == "'a', 'b'"
    assert score.first_few([str(n) for n in range(9)]) == "'0', '1', '2', '3', '4' and 4 more"
