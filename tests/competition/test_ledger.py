"""The ledger's file, its days and its lock."""

import fcntl
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas
import pytest

from telltale.competition import ledger
from telltale.competition.ledger import Ledger, Submission, day_ends, instant, midnight, read, zone_named
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
    ledger.change(path, lambda _: Ledger(zone, entries), "")
    return path


# The file


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    path = written(tmp_path / "submissions.csv", PLAIN, FULL)
    assert read(path) == Ledger(ROME, (PLAIN, FULL))
    assert [item.name for item in tmp_path.iterdir()] == ["submissions.csv"]  # neither a lock nor half a file
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# timezone: Europe/Rome"
    assert lines[2] == f"1,2026-11-21T12:00:00+01:00,validation,submission.csv,{SHA},,,,,,,,"


def test_pandas_reads_it_too(tmp_path: Path) -> None:
    table = pandas.read_csv(written(tmp_path / "l.csv", PLAIN, FULL), comment="#")
    assert list(table.columns) == list(ledger.COLUMNS)
    assert table.loc[1, "file"] == FULL.file
    assert table.loc[1, "note"] == FULL.note
    assert table["score_auc"].isna().tolist() == [True, False]
    assert pandas.Timestamp(table.loc[1, "submitted"]) == pandas.Timestamp(FULL.submitted)


def test_a_spreadsheets_copy_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", PLAIN)
    text = path.read_text().replace("Europe/Rome", "Europe/Rome" + "," * 12).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.removesuffix("\r\n").encode())
    assert read(path) == Ledger(ROME, (PLAIN,))


ROW = f"1,2026-11-21T12:00:00+01:00,validation,s.csv,{SHA},,,,,,,,"


def row(**fields: str) -> str:
    """ROW with other fields."""
    return ",".join((dict(zip(ledger.COLUMNS, ROW.split(","), strict=True)) | fields).values())


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
        (row(sha256=SHA[1:]), r"SHA-256 '123.*wanted 64 small hex digits"),
        (row(sha256=SHA.upper()), r"SHA-256 .*wanted 64 small hex digits"),
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
def test_a_damaged_head_is_named(tmp_path: Path, content: str | bytes, why: str) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=why):
        read(path)


def test_a_ledger_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none.csv: is not there; wanted the ledger that telltale submit-log add begins"
    ):
        ledger.change(tmp_path / "none.csv", lambda held: held)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"cannot be locked \(No such file"):
        ledger.change(tmp_path / "deep" / "l.csv", lambda held: held, "")
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
        ledger.change(path, refuse)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("telltale.competition.ledger.os.fsync", broken)
    with pytest.raises(InputError, match=r"l.csv: cannot be written \(No space left"):
        ledger.change(path, lambda held: replace(held, entries=()))
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


# Several processes


def test_processes_that_add_at_once_all_land(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    program = (
        "import sys; from datetime import *; from pathlib import Path; from telltale.competition.submissions "
        "import add\n"
        "for day in range(1, 11):\n"
        "    facts = dict(phase='validation', file=f'{sys.argv[2]}.csv', sha256=f'{int(sys.argv[2]) * 100 + "
        "day:064x}')\n"
        "    add(Path(sys.argv[1]), facts, now=datetime(2026, 3, day, tzinfo=UTC))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), str(k)]) for k in range(1, 5)]
    assert [process.wait(60) for process in running] == [0] * 4
    entries = read(path).entries
    assert [entry.id for entry in entries] == list(range(1, 41))
    assert Counter(entry.file for entry in entries) == {f"{k}.csv": 10 for k in range(1, 5)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_that_is_held_is_waited_for_and_a_dead_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "l.csv", tmp_path / ".l.csv.lock"
    lock.touch()  # as a killed process leaves it
    written(path, PLAIN)
    monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.1)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"another process holds \.l\.csv\.lock"):
            written(path)
        assert lock.exists()
    written(path, FULL)
    assert read(path).entries == (FULL,)


@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and made anew"])
def test_a_removed_lock_file_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    lock, real = tmp_path / "lock", fcntl.flock

    def late(*arguments: object) -> None:
        lock.unlink()  # as its holder does when it is done
        if again:
            lock.touch()
        real(*arguments)

    monkeypatch.setattr("telltale.competition.ledger.fcntl.flock", late)
    assert ledger._try_lock(lock) is None
    monkeypatch.undo()
    held = ledger._try_lock(lock)
    assert held is not None
    assert ledger._try_lock(lock) is None
    held.close()


# Days and times


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Rome", date(2026, 3, 29), 23),
        ("Europe/Rome", date(2026, 10, 25), 25),
        ("Europe/Rome", date(2026, 11, 21), 24),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Havana", date(2026, 11, 1), 25),  # midnight comes twice
        ("America/Havana", date(2026, 3, 8), 23),  # and is skipped
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
        ("Pacific/Apia", date(2011, 12, 29), 24),  # the 30th was left out
        ("UTC", date(2024, 2, 29), 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: date, hours: float) -> None:
    there = ZoneInfo(zone)
    # The slow way: every quarter of an hour of four days that carries the date.
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
    quarters = [begin + timedelta(minutes=15 * step) for step in range(4 * 24 * 4)]
    of_day = [quarter for quarter in quarters if quarter.astimezone(there).date() == day]
    assert len(of_day) / 4 == hours
    held = Ledger(there)
    assert midnight(there, day) == of_day[0]
    assert {day_ends(held, quarter) for quarter in of_day} == {of_day[-1] + timedelta(minutes=15)}
    assert {held.day(quarter) for quarter in of_day} == {day}


def test_submissions_count_on_the_day_of_the_zone() -> None:
    def at(text: str, number: int) -> Submission:
        return replace(PLAIN, id=number, submitted=instant(text))

    entries = (at("2026-10-24T21:59:59Z", 1), at("2026-10-24T22:00:00Z", 2), at("2026-10-25T22:59:59Z", 3))
    entries += (at("2026-10-25T23:00:00Z", 4), replace(at("2026-10-25T12:00:00Z", 5), phase="test"))
    assert [entry.id for entry in Ledger(ROME, entries).on(date(2026, 10, 25), "validation")] == [2, 3]
    assert [entry.id for entry in Ledger(ZoneInfo("UTC"), entries).on(date(2026, 10, 25), "validation")] == [
        3,
        4,
    ]


def test_a_time_without_an_offset_is_the_zones() -> None:
    assert instant("2026-07-01T12:00", ROME) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert instant("2026-12-01 12:00:30.9", ROME) == datetime(2026, 12, 1, 11, 0, 30, tzinfo=UTC)
    assert instant("2026-07-01T12:00-07:00", ROME) == datetime(2026, 7, 1, 19, tzinfo=UTC)
    assert instant("2026-07-01T12:00Z", ROME) == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30", r"is skipped where the clocks change in Europe/Rome; wanted it with its offset"),
        ("2026-10-25T02:30", r"comes twice .* 2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00"),
        ("yesterday", r"time 'yesterday'; wanted date, time and offset in ISO 8601"),
        ("2026-11-21", r"time '2026-11-21'; wanted"),
        ("9999-12-31T23:59", r"time '9999.*'; wanted"),
        ("0001-01-01T00:00+14:00", r"time '0001.*'; wanted"),
    ],
)
def test_a_time_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        instant(text, ROME)


@pytest.mark.parametrize(
    "name", ["Rome", "", "Europe", "../UTC", "/etc/localtime", "localtime", "posixrules", "right/UTC", "a\0"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not known; wanted a name such as Europe/Rome or UTC"):
        zone_named(name)


def test_an_entry_refuses_a_time_that_is_not_in_utc() -> None:
    for when in (NOON.replace(tzinfo=None), NOON.astimezone(ROME)):
        with pytest.raises(InputError, match="wanted a time in UTC"):
            replace(PLAIN, submitted=when)


def test_the_zone_can_change_while_the_ledger_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", zone=ZoneInfo("UTC"))
    assert ledger.change(path, lambda held: held, "Asia/Tokyo").zone.key == "Asia/Tokyo"
    written(path, PLAIN)
    assert ledger.change(path, lambda held: held, "Europe/Rome").entries == (PLAIN,)
    assert ledger.change(path, lambda held: held, "").zone == ROME
    with pytest.raises(InputError, match=r"--timezone UTC: the days of .*l.csv are those of Europe/Rome"):
        ledger.change(path, lambda held: held, "UTC")
