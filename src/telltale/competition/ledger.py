"""The submission ledger: what was submitted when, of which model, and which score came back, in one text
file.

    # timezone: Europe/Rome
    id,submitted,phase,file,sha256,bundle,model_sha256,own_auc,unseen_auc,score_auc,score_tpr,forced,note
    1,2026-11-21T10:07:00+01:00,validation,out/submission.csv,...

A row a line, so that people can diff it and keep it in git; pandas reads it with comment="#". Days are those
of its time zone.
"""

import os
import string
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from telltale.errors import InputError
from telltale.files import read_table, write_text

if sys.platform != "win32":
    import fcntl

LIMITS: Mapping[str, int] = {"validation": 5, "test": 2}  # submissions a day, by the competition's rules
FORCED = ("", "limit", "same bytes", "limit and same bytes")
SHARES = ("own_auc", "unseen_auc", "score_auc", "score_tpr")
ZONE_LINE = "# timezone: "
LOCK_SECONDS = 30.0
WANTED_TIME = "wanted date, time and offset in ISO 8601, such as 2026-11-21T10:07:00+01:00"


@dataclass(frozen=True)
class Submission:
    """One submission. `submitted` is in UTC; the AUCs and the TPR are shares in [0, 1], None where not known.

    own_auc: on the validation set of our own; unseen_auc: our estimate for clusters of forgeries that
    training did not see; score_auc, score_tpr: what came back; forced: what --force overrode. Raises
    InputError for anything else.
    """

    id: int
    submitted: datetime
    phase: str
    file: str
    sha256: str
    bundle: str = ""
    model_sha256: str = ""
    own_auc: float | None = None
    unseen_auc: float | None = None
    score_auc: float | None = None
    score_tpr: float | None = None
    forced: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.id < 1:
            raise InputError(f"id {self.id}; wanted a number from 1 up")
        if self.submitted.tzinfo is not UTC:
            raise InputError(f"submitted {self.submitted.isoformat()}; wanted a time in UTC")
        if self.phase not in LIMITS:
            raise InputError(f"phase '{self.phase}'; wanted {' or '.join(LIMITS)}")
        if not self.file:
            raise InputError("no file; wanted the name of the file that was submitted")
        if not is_sha256(self.sha256) or (self.model_sha256 and not is_sha256(self.model_sha256)):
            raise InputError(
                f"SHA-256 '{self.sha256}', of the model '{self.model_sha256}'; wanted 64 small hex digits "
                "each"
            )
        for name in SHARES:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:  # NaN is in no range
                raise InputError(
                    f"{name} {value}; wanted a number in [0, 1], or nothing where it is not known"
                )
        if self.score_tpr is not None and self.score_auc is None:
            raise InputError("score_tpr without score_auc; wanted the AUC that came back with it")
        if self.forced not in FORCED:
            raise InputError(f"forced '{self.forced}'; wanted nothing, {', '.join(FORCED[1:])}")
        for name in ("file", "bundle", "note"):
            if any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in getattr(self, name)):
                raise InputError(f"{name} {getattr(self, name)!a}; wanted one line of Unicode text")


@dataclass(frozen=True)
class Ledger:
    """A time zone and the submissions in the order in which they were added."""

    zone: ZoneInfo
    entries: tuple[Submission, ...] = ()

    def day(self, instant: datetime) -> date:
        """The date there at that instant."""
        return instant.astimezone(self.zone).date()

    def on(self, day: date, phase: str) -> list[Submission]:
        """The phase's submissions of that day."""
        return [entry for entry in self.entries if entry.phase == phase and self.day(entry.submitted) == day]


def is_sha256(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")


def midnight(zone: ZoneInfo, day: date) -> datetime:
    """The instant in UTC at which that day begins there: a day of 23 or 25 hours lies between two of
    these."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def zone_named(name: str) -> ZoneInfo:
    """Raises InputError for a name that the time zone database does not have."""
    try:
        # "localtime" and "posixrules" are another zone on every machine, and "right/..." counts leap seconds.
        if name.startswith(("localtime", "posix", "right")):
            raise ValueError
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(
            f"time zone '{name}' is not known; wanted a name such as Europe/Rome or UTC"
        ) from None


def instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """ISO 8601 date and time → UTC, whole seconds; without an offset in it, the time on the clocks of `zone`.

    Raises InputError for another text, for no offset and no zone, and for a time that the clocks there skip
    or show twice.
    """
    try:
        when = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        raise InputError(f"time '{text}'; {WANTED_TIME}") from None
    if (
        len(text) <= len("2026-11-21") or not 2000 <= when.year < 3000
    ):  # a date alone would be taken for its midnight
        raise InputError(f"time '{text}'; {WANTED_TIME}")
    if when.tzinfo is not None:
        return when.astimezone(UTC)
    if zone is None:
        raise InputError(f"time '{text}' has no offset; {WANTED_TIME}")
    readings = {when.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    found = sorted(reading for reading in readings if reading.astimezone(zone).replace(tzinfo=None) == when)
    if len(found) != 1:
        what = "comes twice" if found else "is skipped"
        both = " or ".join(reading.astimezone(zone).isoformat() for reading in sorted(readings))
        raise InputError(
            f"time '{text}' {what} where the clocks change in {zone.key}; wanted it with its offset: {both}"
        )
    return found[0]


def read(path: Path) -> Ledger:
    """Raises InputError, naming file and line, for what is not a whole ledger."""
    if not path.exists():
        raise InputError(
            f"{path}: is not there; wanted the ledger that telltale submit-log add begins with the first "
            "submission"
        )
    table = list(read_table(path, f"a submission ledger, which begins with '{ZONE_LINE}'"))
    number = 1
    entries: dict[int, Submission] = {}
    try:
        first = ",".join(table[0][1])
        if not first.startswith(ZONE_LINE):
            raise InputError(f"'{first}'; wanted '{ZONE_LINE}' and a name such as Europe/Rome")
        zone = zone_named(first.removeprefix(ZONE_LINE).rstrip(", "))  # a spreadsheet pads it with commas
        number, header = table[1] if len(table) > 1 else (2, [])
        if tuple(header) != COLUMNS:
            raise InputError(f"header '{','.join(header)}'; wanted {','.join(COLUMNS)}")
        for number, row in table[2:]:  # noqa: B007 - the error below names the line
            entry = _entry(row)
            if entry.id in entries:
                raise InputError(f"id {entry.id} comes a second time; wanted every id once")
            entries[entry.id] = entry
    except InputError as error:
        raise InputError(f"{path}:{number}: {error}") from None
    return Ledger(zone, tuple(entries.values()))


def change(path: Path, edit: Callable[[Ledger], Ledger], timezone: str | None = None) -> Ledger:
    """Read the ledger, `edit` it, write it, and return what was written; no other process changes it
    meanwhile.

    timezone: None if it must be there; else it is begun where it is not, with this zone ("": UTC). Raises
    InputError, of `edit` too, and then leaves the file as it was; also for another zone than that of the
    submissions it holds.
    """
    with _locked(path):
        ledger = edit(read(path) if timezone is None else _opened(path, timezone))
        _write(path, ledger)
    return ledger


def day_ends(ledger: Ledger, now: datetime) -> datetime:
    """When today ends in the ledger's zone, in UTC."""
    return midnight(ledger.zone, ledger.day(now) + timedelta(days=1))


COLUMNS = tuple(field.name for field in fields(Submission))


def _opened(path: Path, timezone: str) -> Ledger:
    """The ledger to add to, begun where there is none. Raises InputError for another zone than that of its
    submissions."""
    named = zone_named(timezone) if timezone else None
    if not path.exists():
        return Ledger(named or zone_named("UTC"))
    ledger = read(path)
    if named is None or named.key == ledger.zone.key:
        return ledger
    if ledger.entries:
        raise InputError(
            f"--timezone {timezone}: the days of {path} are those of {ledger.zone.key}; wanted that one, or "
            "none"
        )
    return Ledger(named)


def _entry(row: Sequence[str]) -> Submission:
    if len(row) != len(COLUMNS):
        raise InputError(f"row '{','.join(row)}' has {len(row)} fields; wanted {len(COLUMNS)}, as the header")
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    if not values["id"] or set(values["id"]) - set(string.digits):
        raise InputError(f"id '{values['id']}'; wanted a number from 1 up")
    values |= {name: _share(name, values[name]) for name in SHARES}
    return Submission(**values | {"id": int(values["id"]), "submitted": instant(values["submitted"])})


def _share(name: str, text: str) -> float | None:
    try:
        if not text.isascii() or "_" in text:  # float() would take '1_0' and other scripts' digits
            raise ValueError
        return float(text) if text else None
    except ValueError:
        raise InputError(
            f"{name} '{text}'; wanted a number in [0, 1], or nothing where it is not known"
        ) from None


def _line(entry: Submission, zone: ZoneInfo) -> str:
    values = {name: getattr(entry, name) for name in COLUMNS}
    values["submitted"] = entry.submitted.astimezone(zone).isoformat()
    texts = (
        "" if value is None else repr(float(value)) if name in SHARES else str(value)
        for name, value in values.items()
    )
    return ",".join(_quoted(text) for text in texts)


def _quoted(text: str) -> str:
    # The csv module would leave '#' bare, and a reader that knows comments would drop the rest of the line.
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"#') or text != text.strip() else text


def _write(path: Path, ledger: Ledger) -> None:
    """Atomic. A link stays one."""
    lines = [
        ZONE_LINE + ledger.zone.key,
        ",".join(COLUMNS),
        *(_line(entry, ledger.zone) for entry in ledger.entries),
    ]
    write_text(path.resolve(), "".join(f"{line}\n" for line in lines))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the ledger meanwhile. The lock file goes again; a killed holder's is
    free."""
    if sys.platform == "win32":
        yield
        return
    target = path.resolve()
    lock, patience = target.with_name(f".{target.name}.lock"), time.monotonic() + LOCK_SECONDS
    try:
        while (file := _try_lock(lock)) is None:
            if time.monotonic() > patience:
                raise InputError(f"{path}: another process holds {lock.name}; wait for it to end, or stop it")
            time.sleep(0.02)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror}); give a folder that can be written"
        ) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        file.close()


def _try_lock(lock: Path) -> IO[str] | None:
    file = lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its holder may have removed it between our opening and locking it: then this is nobody's lock any
        # more.
        if os.fstat(file.fileno()).st_ino == lock.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    return None
