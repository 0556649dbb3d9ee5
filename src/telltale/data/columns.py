"""One column of a CSV file of clips, by video name: clusters, near-duplicate groups, methods, persons.

clusters = read_column(Path("clusters.csv"), "cluster")     # {"a.mp4": "3", ...}
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from telltale import config
from telltale.errors import InputError
from telltale.files import read_table

NAME = "video_name"
METHOD = "method"


@dataclass(frozen=True)
class Methods:
    """The methods that the file `data.meta` names, by video name."""

    path: Path
    methods: dict[str, str]

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """The methods of these videos. Raises InputError if the file names none of them."""
        found = {name: self.methods[name] for name in names if name in self.methods}
        if not found:
            raise InputError(f"{self.path}: names none of the training videos; wanted a row for each of them")
        return found


def methods_beside(root: Path, settings: config.DataSettings) -> Methods | None:
    """The methods in the file `data.meta`; None if there is no such file, or it has no such column. Raises
    InputError as `find_column` does."""
    if settings.meta is None:
        return None
    found = find_column(root / settings.meta, settings.method_column or METHOD)
    return None if found is None else Methods(root / settings.meta, found)


def read_column(path: Path, column: str) -> dict[str, str]:
    """`find_column`, for a column that must be there. Raises InputError if it is not."""
    found = find_column(path, column)
    if found is None:
        _, header = next(read_table(path, f"a CSV file with the column {column}"))
        raise InputError(f"{path}:1: header '{','.join(header)}'; wanted a column '{column}' in it")
    return found


def find_column(path: Path, column: str) -> dict[str, str] | None:
    """Video name → the text of one column, in file order; None if the file has no such column.

    Other columns are ignored. Raises InputError for a file that is no CSV, that has no column `video_name` or
    one of the two columns twice, for a row of another length than the header, and for a name that occurs
    twice.
    """
    table = read_table(path, f"a CSV file with the columns {NAME} and {column}")
    _, header = next(table)
    if header.count(NAME) != 1 or header.count(column) > 1:
        raise InputError(
            f"{path}:1: header '{','.join(header)}'; wanted one column '{NAME}' and one column '{column}'"
        )
    if column not in header:
        return None
    name_at, value_at = header.index(NAME), header.index(column)
    lines: dict[str, int] = {}
    values: dict[str, str] = {}
    for line, fields in table:
        if len(fields) != len(header):
            raise InputError(
                f"{path}:{line}: {len(fields)} fields; wanted {len(header)} as in the header, mend the line"
            )
        name = fields[name_at]
        if name in lines:
            raise InputError(
                f"{path}:{line}: video '{name}' is on line {lines[name]} already; wanted it once, remove one "
                "line"
            )
        lines[name], values[name] = line, fields[value_at]
    return values
