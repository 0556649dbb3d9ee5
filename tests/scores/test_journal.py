"""The journal of a prediction: cut at every byte, bit-exact, one writer."""

import subprocess
import sys
from pathlib import Path

import pytest
from score_rows import ROWS

from telltale.errors import InputError
from telltale.scores.journal import Journal
from telltale.scores.table import write_scores


def test_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "journal"
    journal = Journal(path, "f1")
    assert journal.done == {}
    journal.append(ROWS[:2])
    journal.append([])
    journal.append(ROWS[2:])
    journal.close()
    again = Journal(path, "f1")
    assert list(again.done.values()) == ROWS
    again.remove()
    assert not path.exists()


def test_journal_rows_are_in_the_file_when_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "f")
    journal.append(ROWS)
    assert (tmp_path / "journal").read_bytes().count(b"\n") == 1 + len(ROWS)  # read past the writer's buffers
    journal.close()


def test_journal_cut_at_every_byte_loses_at_most_the_line_it_was_in(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "f")
    journal.append(ROWS)
    journal.close()
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        journal = Journal(path, "f")
        lines = whole[:size].count(b"\n")
        assert list(journal.done.values()) == ROWS[: max(lines - 1, 0)]
        journal.append(ROWS[len(journal.done) :])
        journal.close()
        assert path.read_bytes() == whole  # nothing of the torn line is left


def test_journal_of_another_prediction_is_refused_and_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "f1")
    journal.append(ROWS)
    journal.close()
    before = (tmp_path / "journal").read_bytes()
    with pytest.raises(InputError, match=r"another prediction.*delete it"):
        Journal(tmp_path / "journal", "f2")
    assert (tmp_path / "journal").read_bytes() == before


@pytest.mark.parametrize(
    "line", ["nonsense", '["a.mp4", 2.0, "ok", 1.0]', '["a.mp4"]', '["a.mp4", "x", "ok", 1.0]', "3"]
)
def test_damaged_journal_line_is_named(tmp_path: Path, line: str) -> None:
    Journal(tmp_path / "journal", "f").close()
    with (tmp_path / "journal").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match="journal:2: is damaged"):
        Journal(tmp_path / "journal", "f")


def test_journal_has_one_writer(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal", "f")
    begin = (
        "from pathlib import Path; from telltale.scores.journal import Journal; "
        f"Journal(Path({str(tmp_path / 'journal')!r}), 'f')"
    )
    second = subprocess.run([sys.executable, "-c", begin], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "another process" in second.stderr
    first.close()
    Journal(tmp_path / "journal", "f").close()


def test_journal_refuses_a_name_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "f")
    journal.append(ROWS[:1])
    for batch in (ROWS[:1], [ROWS[1], ROWS[1]]):
        with pytest.raises(InputError, match="scored twice"):
            journal.append(batch)
    journal.close()
    assert list(Journal(tmp_path / "journal", "f").done) == ["a.mp4"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal", "f")
    with pytest.raises(InputError, match="cannot be written"):
        write_scores(tmp_path / "file" / "scores.csv", ROWS)
