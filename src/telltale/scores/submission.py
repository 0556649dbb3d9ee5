"""submission.csv: writing it, and checking it against its template as an organiser's script does.

    column = score_column(Path("template.csv"))                  # "score", or the template's own name
    write_submission(Path("submission.csv"), scores, 0.5, column)
    report = inspect_submission(Path("submission.csv"), Path("template.csv"))
    report.problems                                              # empty: the submission is valid

A submission has the header `video_name` and the column of scores, every name of the template once and no
other, and a number in [0, 1] for each. Rows may come in any order, since the organiser joins them by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.data.manifest import HEADER as LABELS_HEADER
from telltale.data.manifest import read_names
from telltale.errors import InputError
from telltale.files import read_table
from telltale.scores.score import NAME, Score, first_few, refuse_names, repeated, without
from telltale.scores.table import SCORE_FILE, number, write_rows

SCORE = "score"  # what the column of scores is called, unless the template calls it otherwise


def write_submission(
    path: Path, scores: Sequence[Score], fallback: float | None, column: str = SCORE
) -> None:
    """Write submission.csv whole or not at all: one row per score in the given order, 10 decimals.

    This is where a clip that was not scored gets a number.

    fallback: the number of the clips without a score; None: there must be no such clip.
    column: the header of the column of scores.

    Raises InputError for a name that is given twice, for a fallback outside [0, 1], and for a clip without a
    score if `fallback` is None.
    """
    refuse_names(f"{path}: given twice", repeated([score.video_name for score in scores]))
    if fallback is None:
        unscored = [f"{s.video_name} ({s.status})" for s in scores if s.fake_probability is None]
        refuse_names(f"{path}: not scored, and no fallback given", unscored)
    elif not 0 <= fallback <= 1:
        raise InputError(f"{path}: fallback {fallback} for clips not scored; wanted a number in [0, 1]")
    values = [fallback if s.fake_probability is None else s.fake_probability for s in scores]
    rows = [[s.video_name, f"{value:.10f}"] for s, value in zip(scores, values, strict=True)]
    write_rows(path, [[NAME, column], *rows])


@dataclass(frozen=True)
class Inspection:
    """The result of a check. rows: how many the submission has; problems: sentences on what makes it invalid;
    notes: sentences on what does not."""

    rows: int
    problems: list[str]
    notes: list[str]


def score_column(template: Path) -> str:
    """What a submission for this template calls its scores: as the template's one column beside video_name,
    if it has one.

    That column is empty or holds numbers, whatever its name. It is "score" for a list of names alone, and for
    a label file (video_name,target and 0 or 1 in each row). Raises InputError if the template has several
    columns, or one of words.
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
    """The name, if a submission can have such a column of scores. Raises InputError if it cannot."""
    if not name or name == NAME or any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in name):
        raise InputError(
            f"--score-column {name!a}; wanted the name of a column beside {NAME}, such as {SCORE}"
        )
    return name


def inspect_submission(path: Path, template: Path, column: str | None = None) -> Inspection:
    """Check a submission against its template, a CSV file with a `video_name` column.

    column: the column of scores; None: `score_column` of the template. Raises InputError if the template
    itself cannot be used; a submission that cannot be read has a problem.
    """
    expected = read_names(template)
    header = [NAME, score_column(template) if column is None else check_column(column)]
    try:
        (_, given), *rows = read_table(path, SCORE_FILE)
    except InputError as error:
        return Inspection(0, [str(error)], [])
    if given != header:
        wanted = f"wanted {','.join(header)}, for {template}; --score-column names another"
        return Inspection(len(rows), [f"{path}:1: header '{','.join(given)}'; {wanted}"], [])
    problems: list[str] = []
    names: list[str] = []
    values: list[float] = []
    for line, row in rows:
        try:
            if len(row) != len(header):
                raise InputError(f"row '{','.join(row)}' has {len(row)} fields; wanted {','.join(header)}")
            names.append(row[0])
            values.append(number(row[1]))
            Score(row[0], values[-1], "submitted")
        except InputError as error:
            problems.append(f"{path}:{line}: {error}")
    for what, odd in (
        ("listed more than once", repeated(names)),
        (f"missing, though in {template}", without(expected, names)),
        (f"not in {template}", without(names, expected)),
    ):
        if odd:
            problems.append(f"{path}: {len(odd)} video names {what}: {first_few(odd)}")
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        problems.append(
            f"{path}: begins with a byte order mark, which would be part of the header; save it as plain "
            "UTF-8"
        )
    if problems:
        return Inspection(len(rows), problems, _notes(values, content))
    other_order = [f"rows are in another order than in {template}; they are joined by name"]
    return Inspection(len(rows), [], [*(other_order * (names != expected)), *_notes(values, content)])


def _notes(values: Sequence[float], content: bytes) -> list[str]:
    notes = []
    if len(values) > 1 and len(set(values)) == 1:
        notes.append(f"all {len(values)} scores are {values[0]}: they tell nothing apart")
    if b"\r\n" in content:
        notes.append("lines end in CRLF; CSV readers take it, scripts that split lines by hand may not")
    return notes
