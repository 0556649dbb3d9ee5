"""The check of a submission against its template, the way an organiser's script does it.

    problems = validate_submission(Path("submission.csv"), Path("template.csv"))        # empty: valid

Asked for are the header `video_name,score`, every name of the template once and no other, and a number in [0, 1] for each. Rows
may come in any order, since the organiser joins them by name.
"""

from dataclasses import dataclass
from pathlib import Path

from telltale.errors import InputError
from telltale.manifest import read_names
from telltale.scores import SUBMISSION_HEADER, Score, first_few, number, read_csv, repeated, without


@dataclass(frozen=True)
class Inspection:
    """What was found in a submission: how many rows, the problems (none: valid), and notes that do not make it invalid."""

    rows: int
    problems: list[str]
    notes: list[str]


def validate_submission(path: Path, template: Path) -> list[str]:
    """What makes the submission invalid, one sentence each. Raises InputError if the template itself cannot be used."""
    return inspect_submission(path, template).problems


def inspect_submission(path: Path, template: Path) -> Inspection:
    """All that `validate_submission` looks at. `template`: a CSV with a `video_name` column, other columns ignored."""
    wanted = read_names(template)
    try:
        (_, header), *rows = read_csv(path) or [(1, [])]
    except InputError as error:
        return Inspection(0, [str(error)], [])
    if header != SUBMISSION_HEADER:
        return Inspection(len(rows), [f"{path}:1: header '{','.join(header)}'; wanted {','.join(SUBMISSION_HEADER)}"], [])
    problems: list[str] = []
    names: list[str] = []
    values: list[float] = []
    for line, row in rows:
        try:
            if len(row) != len(SUBMISSION_HEADER):
                raise InputError(f"row '{','.join(row)}' has {len(row)} fields; wanted {','.join(SUBMISSION_HEADER)}")
            names.append(row[0])
            values.append(number(row[1]))
            Score(row[0], values[-1], "submitted")
        except InputError as error:
            problems.append(f"{path}:{line}: {error}")
    for what, found in (
        ("listed more than once", repeated(names)),
        (f"missing, though in {template}", without(wanted, names)),
        (f"not in {template}", without(names, wanted)),
    ):
        if found:
            problems.append(f"{path}: {len(found)} video names {what}: {first_few(found)}")
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        problems.append(f"{path}: begins with a byte order mark, which would be part of the header; save it as plain UTF-8")
    notes = []
    if not problems and names != wanted:
        notes.append(f"rows are in another order than in {template}; they are joined by name")
    if len(values) > 1 and len(set(values)) == 1:
        notes.append(f"all {len(values)} scores are {values[0]}: they tell nothing apart")
    if b"\r\n" in content:
        notes.append("lines end in CRLF; CSV readers take it, scripts that split lines by hand may not")
    return Inspection(len(rows), problems, notes)
