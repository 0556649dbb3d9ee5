"""The check of a submission against its template, the way an organiser's script does it.

    problems = validate_submission(Path("submission.csv"), Path("template.csv"))        # empty: valid
    column = score_column(Path("template.csv"))  # "score", or the template's own

Asked for are the header `video_name` and the score column, every name of the template once and no other, and
a number in [0, 1] for each. Rows may come in any order, since the organiser joins them by name.
"""

from dataclasses import dataclass
from pathlib import Path

from telltale.data.manifest import HEADER as LABELS_HEADER
from telltale.data.manifest import read_names
from telltale.errors import InputError
from telltale.files import read_table
from telltale.scores.score import NAME, SCORE, SCORE_FILE, Score, first_few, number, repeated, without


@dataclass(frozen=True)
class Inspection:
    """What was found in a submission: how many rows, the problems (none: valid), and notes that do not make
    it invalid."""

    rows: int
    problems: list[str]
    notes: list[str]


def score_column(template: Path) -> str:
    """What a submission for this template calls its scores: as the template's one column beside video_name,
    if it has one.

    That column is empty or holds numbers, whatever its name. A list of names alone, and a label file
    (video_name,target and 0 or 1 in each row), leave the name to us: "score". Raises InputError where the
    template has several columns, or words.
    """
    (_, header), *rows = read_table(template, SCORE_FILE)
    if header == [NAME] or (
        header[:2] == LABELS_HEADER and all(row[1:2] in (["0"], ["1"]) for _, row in rows)
    ):
        return SCORE
    remedy = "name the submission's column of scores with --score-column, such as --score-column score"
    if len(header) != 2 or header[0] != NAME or not header[1]:
        raise InputError(
            f"{template}:1: header '{','.join(header)}'; wanted {NAME} and one column of scores; {remedy}"
        )
    for line, row in rows:
        try:
            number(row[1] or "0")
        except InputError:
            raise InputError(
                f"{template}:{line}: {header[1]} is '{row[1]}', no number: is it no column of scores? "
                f"{remedy}"
            ) from None
        except IndexError:
            raise InputError(f"{template}:{line}: row '{','.join(row)}'; wanted {','.join(header)}") from None
    return header[1]


def check_column(name: str) -> str:
    """The name, where a submission can have such a column. Raises InputError."""
    if not name or name == NAME or any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in name):
        raise InputError(
            f"--score-column {name!a}; wanted the name of a column beside {NAME}, such as {SCORE}"
        )
    return name


def validate_submission(path: Path, template: Path, column: str | None = None) -> list[str]:
    """What makes the submission invalid, one sentence each. Raises InputError if the template itself cannot
    be used."""
    return inspect_submission(path, template, column).problems


def inspect_submission(path: Path, template: Path, column: str | None = None) -> Inspection:
    """All that `validate_submission` looks at. `template`: a CSV with a `video_name` column. column: of the
    scores, in place of `score_column` of the template."""
    wanted = read_names(template)
    columns = [NAME, score_column(template) if column is None else check_column(column)]
    try:
        (_, header), *rows = read_table(path, SCORE_FILE)
    except InputError as error:
        return Inspection(0, [str(error)], [])
    if header != columns:
        wanted_header = f"wanted {','.join(columns)}, for {template}; --score-column names another"
        return Inspection(len(rows), [f"{path}:1: header '{','.join(header)}'; {wanted_header}"], [])
    problems: list[str] = []
    names: list[str] = []
    values: list[float] = []
    for line, row in rows:
        try:
            if len(row) != len(columns):
                raise InputError(f"row '{','.join(row)}' has {len(row)} fields; wanted {','.join(columns)}")
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
        problems.append(
            f"{path}: begins with a byte order mark, which would be part of the header; save it as plain "
            "UTF-8"
        )
    notes = []
    if not problems and names != wanted:
        notes.append(f"rows are in another order than in {template}; they are joined by name")
    if len(values) > 1 and len(set(values)) == 1:
        notes.append(f"all {len(values)} scores are {values[0]}: they tell nothing apart")
    if b"\r\n" in content:
        notes.append("lines end in CRLF; CSV readers take it, scripts that split lines by hand may not")
    return Inspection(len(rows), problems, notes)
