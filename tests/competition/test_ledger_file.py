"""The file of the submission ledger: what is written is read back, and damage is named by its line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas
import pytest

from telltale.competition import ledger_file
from telltale.competition.ledger import Ledger, Submission
from telltale.competition.ledger_file import read
from telltale.errors import InputError

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
SHA, MODEL = "0123456789abcdef" * 4, "fedcba9876543210" * 4
PLAIN = Submission(1, NOON, "validation", "submission.csv", SHA)
FULL = Submission(
    7, NOON + timedelta(hours=11), "test", 'out/é, "two" #3.csv', SHA, "bundles/b#1", MODEL, 0.1 + 0.2,
    1 / 3, 1.0, 0.0,
    "limit and same bytes", " try #4, 'better', said \"x\" ",
)  # fmt: skip


def written(path: Path, *entries: Submission, zone: ZoneInfo = ROME) -> Path:
    ledger_file.change(path, lambda _: Ledger(zone, entries), "")
    return path


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    path = written(tmp_path / "submissions.csv", PLAIN, FULL)
    assert read(path) == Ledger(ROME, (PLAIN, FULL))
    assert [item.name for item in tmp_path.iterdir()] == ["submissions.csv"]  # neither a lock nor half a file
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# timezone: Europe/Rome"
    assert lines[2] == f"1,2026-11-21T12:00:00+01:00,validation,submission.csv,{SHA},,,,,,,,"


def test_pandas_reads_the_file(tmp_path: Path) -> None:
    table = pandas.read_csv(written(tmp_path / "l.csv", PLAIN, FULL), comment="#")
    assert list(table.columns) == list(ledger_file.COLUMNS)
    assert table.loc[1, "file"] == FULL.file
    assert table.loc[1, "note"] == FULL.note
    assert table["score_auc"].isna().tolist() == [True, False]
    assert pandas.Timestamp(table.loc[1, "submitted"]) == pandas.Timestamp(FULL.submitted)


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", PLAIN)
    text = path.read_text().replace("Europe/Rome", "Europe/Rome" + "," * 12).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.removesuffix("\r\n").encode())
    assert read(path) == Ledger(ROME, (PLAIN,))


ROW = f"1,2026-11-21T12:00:00+01:00,validation,s.csv,{SHA},,,,,,,,"


def row(**fields: str) -> str:
    """ROW with other fields."""
    return ",".join((dict(zip(ledger_file.COLUMNS, ROW.split(","), strict=True)) | fields).values())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<<<<<<< ours", r"row '<<<<<<< ours' has 1 fields; wanted 13, as the header"),
        ("", r"row '' has 0 fields"),
        (ROW[:-1], r"has 12 fields; wanted 13, as the header"),
        (ROW + '"', r"is not CSV \(unexpected end of data\)"),
        (row(id="one"), r"id 'one'; wanted a number from 1 up"),
        (row(id="0"), r"id 0; wanted a number from 1 up"),
        (row(id="3"), r"id 3 comes a second time"),
        (
            row(submitted="2026-11-21T12:00:00"),
            r"time '2026-11-21T12:00:00' has no offset; wanted .* ISO 8601",
        ),
        (row(submitted="2026-11-31T12:00:00Z"), r"time '2026-11-31T12:00:00Z'; wanted"),
        (row(submitted="2026-11-21"), r"time '2026-11-21'; wanted"),
        (row(submitted="0226-11-21T12:00:00Z"), r"time '0226-.*'; wanted"),
        (row(phase="final"), r"phase 'final'; wanted validation or test"),
        (row(file=""), r"no file; wanted"),
        (row(sha256=SHA[1:]), r"SHA-256 '123.*wanted 64 lowercase hex digits"),
        (row(sha256=SHA.upper()), r"SHA-256 .*wanted 64 lowercase hex digits"),
        (row(model_sha256="12"), r"of the model '12'; wanted 64"),
        (row(own_auc="91.2"), r"own_auc 91.2; wanted a number in \[0, 1\]"),
        (row(unseen_auc="nan"), r"unseen_auc nan; wanted"),
        (row(score_auc="0_9"), r"score_auc '0_9'; wanted"),
        (row(score_auc="-0.1"), r"score_auc -0.1; wanted"),
        (row(score_tpr="0.5"), r"score_tpr without score_auc"),
        (row(forced="yes"), r"forced 'yes'; wanted"),
        (row(note="a\tb"), r"note 'a.tb'; wanted one line"),
    ],
)
def test_a_damaged_row_is_named_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    path = written(tmp_path / "l.csv", replace(PLAIN, id=3), replace(PLAIN, id=4))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=rf"l\.csv:5: .*{why}"):
        read(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", r"is empty; wanted a submission ledger, which begins with '# timezone: '"),
        ("id,submitted\n", r":1: 'id,submitted'; wanted '# timezone: '"),
        ("# timezone: Rome\n", r":1: time zone 'Rome' is not known"),
        ("# timezone: UTC\n", r":2: header ''; wanted id,submitted,phase"),
        ("# timezone: UTC\nid,when\n", r":2: header 'id,when'; wanted id,submitted,phase"),
        (b"# timezone: UTC\n\xff\n", r":2: byte 0xff is not UTF-8"),
    ],
)
def test_damaged_first_lines_are_named(tmp_path: Path, content: str | bytes, why: str) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=why):
        read(path)


def test_a_ledger_that_does_not_exist_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"none.csv: does not exist; wanted the ledger, which telltale submit-log",
    ):
        ledger_file.change(tmp_path / "none.csv", lambda ledger: ledger)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"cannot be locked \(No such file"):
        ledger_file.change(tmp_path / "deep" / "l.csv", lambda ledger: ledger, "")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)


def test_a_failed_write_or_edit_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "l.csv", PLAIN)
    before = path.read_bytes()

    def refuse(_: Ledger) -> Ledger:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        ledger_file.change(path, refuse)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(InputError, match=r"l.csv: cannot be written \(No space left"):
        ledger_file.change(path, lambda ledger: replace(ledger, entries=()))
    assert path.read_bytes() == before
    assert not (tmp_path / ".l.csv.lock").exists()


def test_a_link_to_the_ledger_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = written(tmp_path / "real" / "l.csv", PLAIN)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    written(link, PLAIN, FULL)
    assert link.is_symlink()
    assert len(read(path).entries) == 2


def test_the_zone_can_change_while_the_ledger_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", zone=ZoneInfo("UTC"))
    assert ledger_file.change(path, lambda ledger: ledger, "Asia/Tokyo").zone.key == "Asia/Tokyo"
    written(path, PLAIN)
    assert ledger_file.change(path, lambda ledger: ledger, "Europe/Rome").entries == (PLAIN,)
    assert ledger_file.change(path, lambda ledger: ledger, "").zone == ROME
    with pytest.raises(InputError, match=r"--timezone UTC: the days of .*l.csv are those of Europe/Rome"):
        ledger_file.change(path, lambda ledger: ledger, "UTC")
