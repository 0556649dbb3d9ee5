"""scores.csv: bit-exact numbers, columns that follow from the dataclass, faults with their line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_rows import ROWS

from telltale.errors import InputError
from telltale.scores.journal import Journal
from telltale.scores.score import Score, columns
from telltale.scores.submission import write_submission
from telltale.scores.table import read_scores, write_scores


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


# Further columns


@dataclass(frozen=True)
class Towers(Score):
    """Scores of picture and sound apart."""

    picture_probability: float | None = None
    sound_probability: float | None = None
    tower: str = "both"


TOWERS = [
    Towers("a.mp4", 0.25, "ok", 4.0, 0.1 + 0.2, 0.0),
    Towers("b.mp4", None, "damaged"),
    Towers("c, d.mp4", 0.5, "no_sound", 2.0, 0.5, None, "picture"),
]
HEADER = "video_name,fake_probability,status,seconds"


def test_columns_follow_from_the_dataclass(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(path, TOWERS, Towers)
    assert path.read_text() == (
        f"{HEADER},picture_probability,sound_probability,tower\n"
        "a.mp4,0.25,ok,4.0,0.30000000000000004,0.0,both\n"
        "b.mp4,,damaged,,,,both\n"
        '"c, d.mp4",0.5,no_sound,2.0,0.5,,picture\n'
    )
    assert list(read_scores(path, kind=Towers).values()) == TOWERS
    write_scores(path, TOWERS)  # as `Score`: the columns of every file so far
    assert path.read_text().splitlines()[0] == HEADER
    assert list(read_scores(path, kind=Towers).values()) == [Towers(**vars(row)) for row in _plain(TOWERS)]


def test_a_reader_ignores_columns_that_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(path, TOWERS, Towers)
    assert list(read_scores(path).values()) == list(_plain(TOWERS))
    path.write_text("note,status,video_name,fake_probability\nseen,ok,a.mp4,0.5\n")
    assert read_scores(path) == {"a.mp4": Score("a.mp4", 0.5, "ok")}


def test_a_fault_in_a_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"{HEADER},sound_probability\na.mp4,0.5,ok,1,loud\n")
    assert read_scores(path)
    with pytest.raises(InputError, match=r":2: sound_probability 'loud'; wanted a number$"):
        read_scores(path, kind=Towers)
    path.write_text(f"{HEADER},seconds\na.mp4,0.5,ok,1,1\n")
    with pytest.raises(InputError, match=r":1: header .*; wanted video_name,fake_probability,status,seconds"):
        read_scores(path)


def test_a_journal_has_the_columns_too(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "f", Towers)
    journal.append(TOWERS)
    journal.close()
    assert path.read_text().splitlines()[1:] == [
        '["a.mp4", 0.25, "ok", 4.0, 0.30000000000000004, 0.0, "both"]',
        '["b.mp4", null, "damaged", null, null, null, "both"]',
        '["c, d.mp4", 0.5, "no_sound", 2.0, 0.5, null, "picture"]',
    ]
    again = Journal(path, "f", Towers)
    assert list(again.done.values()) == TOWERS
    again.close()
    plain = Journal(path, "f")  # values that it does not know come last
    assert list(plain.done.values()) == list(_plain(TOWERS))
    plain.remove()
    earlier = Journal(path, "f")
    earlier.append(ROWS)
    earlier.close()
    later = Journal(path, "f", Towers)
    assert list(_plain(later.done.values())) == ROWS
    later.close()


def _plain(rows: Iterable[Score]) -> Iterator[Score]:
    return (Score(row.video_name, row.fake_probability, row.status, row.seconds) for row in rows)


def test_a_column_is_a_text_or_a_number() -> None:
    @dataclass(frozen=True)
    class Odd(Score):
        segments: tuple[float, ...] = ()

    with pytest.raises(TypeError, match=r"Odd\.segments: wanted str, float or float \| None"):
        columns(Odd)
