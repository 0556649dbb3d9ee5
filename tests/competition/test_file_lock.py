"""Several processes change one ledger: each waits for the lock, and no lock outlives its process."""

import fcntl
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telltale.competition import file_lock, ledger_file
from telltale.competition.ledger import Ledger, Submission
from telltale.errors import InputError

ENTRY = Submission(
    1, datetime(2026, 11, 21, 11, 0, tzinfo=UTC), "validation", "submission.csv", "0123456789abcdef" * 4
)


def written(path: Path, *entries: Submission) -> Path:
    ledger_file.change(path, lambda _: Ledger(ZoneInfo("UTC"), entries), "")
    return path


def test_all_submissions_of_processes_that_add_at_once_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    program = (
        "import sys; from datetime import *; from pathlib import Path; from telltale.competition.submissions "
        "import add\n"
        "for day in range(1, 11):\n"
        "    values = dict(phase='validation', file=f'{sys.argv[2]}.csv', sha256=f'{int(sys.argv[2]) * 100 + "
        "day:064x}')\n"
        "    add(Path(sys.argv[1]), values, now=datetime(2026, 3, day, tzinfo=UTC))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), str(k)]) for k in range(1, 5)]
    assert [process.wait(60) for process in running] == [0] * 4
    entries = ledger_file.read(path).entries
    assert [entry.id for entry in entries] == list(range(1, 41))
    assert Counter(entry.file for entry in entries) == {f"{k}.csv": 10 for k in range(1, 5)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_held_lock_is_waited_for_and_one_of_a_dead_process_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "l.csv", tmp_path / ".l.csv.lock"
    lock.touch()  # as a killed process leaves it
    written(path, ENTRY)
    monkeypatch.setattr(file_lock, "PATIENCE_SECONDS", 0.1)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"another process holds \.l\.csv\.lock"):
            written(path)
        assert lock.exists()
    written(path, ENTRY)
    assert ledger_file.read(path).entries == (ENTRY,)


@pytest.mark.parametrize("again", [False, True], ids=["removed", "removed and made anew"])
def test_a_lock_on_a_removed_file_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    lock, real = tmp_path / "lock", fcntl.flock

    def late(*arguments: object) -> None:
        lock.unlink()  # as its holder does when it is done
        if again:
            lock.touch()
        real(*arguments)

    monkeypatch.setattr("telltale.competition.file_lock.fcntl.flock", late)
    assert file_lock.try_lock(lock) is None
    monkeypatch.undo()
    held = file_lock.try_lock(lock)
    assert held is not None
    assert file_lock.try_lock(lock) is None
    held.close()
