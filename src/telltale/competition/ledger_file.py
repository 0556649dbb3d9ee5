"""The file of the submission ledger: a CSV below a line with the time zone.

    # timezone: Europe/Rome
    id,submitted,phase,file,sha256,bundle,model_sha256,own_auc,unseen_auc,score_auc,score_tpr,forced,note
    1,2026-11-21T10:07:00+01:00,validation,out/submission.csv,...

One row is one line, so that people can compare versions and keep the file in git. pandas reads it with
comment="#".
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from telltale.competition.file_lock import locked
from telltale.competition.ledger import SHARES, Ledger, Submission
from telltale.competition.local_time import parse_time, zone_named
from telltale.errors import InputError
from telltale.files import read_table, write_text

COLUMNS = tuple(field.name for field in fields(Submission))
ZONE_LINE = "# timezone: "


def read(path: Path) -> Ledger:
    """Read a ledger. Raises InputError, with the file and the line, if anything in it is not valid."""
    if not path.exists():
        raise InputError(
            f"{path}: does not exist; wanted the ledger, which telltale submit-log add creates with the "
            "first submission"
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
            entry = _parse_row(row)
            if entry.id in entries:
                raise InputError(f"id {entry.id} comes a second time; wanted every id once")
            entries[entry.id] = entry
    except InputError as error:
        raise InputError(f"{path}:{number}: {error}") from None
    return Ledger(zone, tuple(entries.values()))


def change(path: Path, edit: Callable[[Ledger], Ledger], timezone: str | None = None) -> Ledger:
    """Read the ledger, apply `edit`, write the result and return it, while other processes wait.

    timezone: None if the file must exist. Otherwise a missing file is created with the time zone of this
    name, "" for UTC. If the file exists and holds submissions, the name must be that of its own time zone.

    Raises InputError, also one of `edit`, and then leaves the file as it was.
    """
    with locked(path):
        ledger = edit(read(path) if timezone is None else _read_or_create(path, timezone))
        # A symbolic link stays one: the file that it leads to is replaced.
        write_text(path.resolve(), _as_text(ledger))
    return ledger


def _read_or_create(path: Path, timezone: str) -> Ledger:
    """The ledger in `path`, or an empty one. Raises InputError if its submissions have another time zone."""
    zone = zone_named(timezone) if timezone else None
    if not path.exists():
        return Ledger(zone or zone_named("UTC"))
    ledger = read(path)
    if zone is None or zone.key == ledger.zone.key:
        return ledger
    if ledger.entries:
        raise InputError(
            f"--timezone {timezone}: the days of {path} are those of {ledger.zone.key}; wanted that one, or "
            "none"
        )
    return Ledger(zone)


def _parse_row(row: Sequence[str]) -> Submission:
    if len(row) != len(COLUMNS):
        raise InputError(f"row '{','.join(row)}' has {len(row)} fields; wanted {len(COLUMNS)}, as the header")
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    if not values["id"] or set(values["id"]) - set(string.digits):
        raise InputError(f"id '{values['id']}'; wanted a number from 1 up")
    values |= {name: _parse_share(name, values[name]) for name in SHARES}
    return Submission(**values | {"id": int(values["id"]), "submitted": parse_time(values["submitted"])})


def _parse_share(name: str, text: str) -> float | None:
    try:
        if not text.isascii() or "_" in text:  # float() accepts '1_0' and the digits of other scripts
            raise ValueError
        return float(text) if text else None
    except ValueError:
        raise InputError(
            f"{name} '{text}'; wanted a number in [0, 1], or nothing if it is not known"
        ) from None


def _as_text(ledger: Ledger) -> str:
    rows = [_format_row(entry, ledger.zone) for entry in ledger.entries]
    return "".join(f"{line}\n" for line in [ZONE_LINE + ledger.zone.key, ",".join(COLUMNS), *rows])


def _format_row(entry: Submission, zone: ZoneInfo) -> str:
    values = {name: getattr(entry, name) for name in COLUMNS}
    values["submitted"] = entry.submitted.astimezone(zone).isoformat()
    texts = (
        "" if value is None else repr(float(value)) if name in SHARES else str(value)
        for name, value in values.items()
    )
    return ",".join(_quoted(text) for text in texts)


def _quoted(text: str) -> str:
    # The csv module does not quote '#', and a reader that knows comments would drop the rest of the line.
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"#') or text != text.strip() else text
