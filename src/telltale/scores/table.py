"""scores.csv: a row per clip, with the columns of `Score`. A submission.csv is read into the same type.

    write_scores(Path("scores.csv"), scores)
    by_name = read_scores(Path("scores.csv"))

Numbers come back bit for bit. A reader takes additional columns and ignores those that it does not know.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from telltale.data.manifest import HEADER as LABELS_HEADER
from telltale.errors import InputError
from telltale.files import cannot_write, read_table, write_table
from telltale.scores.score import NAME, Column, Score, cells, columns, refuse_names, repeated

SCORE_FILE = "a CSV file of scores"  # what the errors of `read_table` say that a file should be


def write_scores(path: Path, scores: Sequence[Score], kind: type[Score] = Score) -> None:
    """Write scores.csv whole or not at all, rows in the given order.

    kind: the dataclass whose fields are the columns. Raises InputError for a name that is given twice.
    """
    refuse_names(f"{path}: given twice", repeated([score.video_name for score in scores]))
    listed = columns(kind)
    write_rows(path, [[column.name for column in listed], *(cells(score, listed) for score in scores)])


def write_rows(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file whose rows begin with a video's name, and make its folder. Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, rows)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: a video name is not Unicode text ({error.object[error.start :]!a}); rename the file"
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from None


def read_scores(path: Path, column: str | None = None, kind: type[Score] = Score) -> dict[str, Score]:
    """Video name → Score, in file order, of a scores.csv or a submission.csv.

    column: which column of a submission holds the scores; None: the one beside video_name, whatever its name.
    kind: what the rows of a scores.csv become; columns that it does not have are ignored, and those that the
    file does not have get its defaults. Raises InputError naming file and line.
    """
    (first, header), *rows = read_table(path, SCORE_FILE)
    known = columns(kind)
    ours = len(set(header)) == len(header) and {each.name for each in known if each.required} <= set(header)
    name_at, score_at = (header.index(NAME), 0) if ours else _columns(path, first, header, column)
    if header == LABELS_HEADER and column is None and all(row[1:] in (["0"], ["1"]) for _, row in rows):
        raise InputError(
            f"{path}: is a label file, with {','.join(header)} and 0 or 1 in each row; wanted a file of "
            "scores"
        )
    scores: dict[str, Score] = {}
    for line, row in rows:
        try:
            if len(row) != len(header) or not row[name_at]:
                raise InputError(f"row '{','.join(row)}'; wanted {','.join(header)}")
            if ours:
                score = kind(**_values(dict(zip(header, row, strict=True)), known))
            else:
                score = Score(row[name_at], number(row[score_at]), "submitted")
            if score.video_name in scores:
                raise InputError(f"'{score.video_name}' is listed a second time; wanted every name once")
        except InputError as error:
            raise InputError(f"{path}:{line}: {error}") from None
        scores[score.video_name] = score
    return scores


def number(text: str, what: str = "score") -> float:
    """The number in a CSV field; what: the field's name, for the error. NaN and infinity are numbers here.

    Raises InputError for anything else.
    """
    try:
        # float() would take '1_0' and other scripts' digits, which CSV readers do not.
        if not text.isascii() or "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        wanted = "a number in [0, 1]" if what == "score" else "a number"
        raise InputError(f"{what} '{text}'; wanted {wanted}") from None


def _values(row: Mapping[str, str], known: Sequence[Column]) -> dict[str, Any]:
    """The values of those columns that the row has."""
    values: dict[str, Any] = {}
    for name, is_number in ((column.name, column.number) for column in known if column.name in row):
        text = row[name]
        values[name] = text if not is_number else number(text, name) if text else None
    return values


def _columns(path: Path, line: int, header: Sequence[str], column: str | None) -> tuple[int, int]:
    """The indices of a submission's column of names and its column of scores."""
    others = [name for name in header if name != NAME]
    chosen = column if column is not None else others[0] if len(others) == 1 else None
    if header.count(NAME) == 1 and chosen and header.count(chosen) == 1:
        return header.index(NAME), header.index(chosen)
    said = f"{path}:{line}: header '{','.join(header)}'; wanted"
    if column is not None:
        raise InputError(f"{said} the columns {NAME} and {column}, once each")
    ours = ",".join(each.name for each in columns(Score))
    raise InputError(
        f"{said} {ours}, or {NAME} and one column of scores; --score-column names one of several"
    )
