"""`Score`: what a model says of one clip. The columns of scores.csv and the rows of a journal follow from its
fields.

A dataclass with more fields, derived from Score, gives tables with more columns. Each field is a text, or a
number that may be unknown, and has a default, so that files without its column are read.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import get_type_hints

from telltale.errors import InputError
from telltale.status import ALWAYS_SCORED, MAY_BE_SCORED

NAME = "video_name"


@dataclass(frozen=True)
class Score:
    """One clip's score.

    video_name: the file's name.
    fake_probability: that the clip is forged, in [0, 1]; None: it was not scored.
    status: a name of `telltale.status.STATUSES`.
    seconds: the clip's duration; None: not known.

    Raises InputError for a number out of its range, and for a status that contradicts the probability.
    """

    video_name: str
    fake_probability: float | None
    status: str
    seconds: float | None = None

    def __post_init__(self) -> None:
        probability, clip = self.fake_probability, f"of '{self.video_name}'"
        if probability is not None and not 0 <= probability <= 1:  # NaN is in no range
            raise InputError(
                f"fake probability {probability} {clip}; wanted a number in [0, 1], or none for a clip not "
                "scored"
            )
        if probability is not None and self.status not in MAY_BE_SCORED:
            raise InputError(
                f"fake probability {probability} {clip} with status '{self.status}'; a failure has no number"
            )
        if not self.status or (probability is None and self.status in ALWAYS_SCORED):
            raise InputError(
                f"status '{self.status}' {clip} without a fake probability; wanted the reason why there is "
                "none"
            )
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise InputError(
                f"duration {self.seconds} {clip}; wanted zero or more seconds, or none if not known"
            )


@dataclass(frozen=True)
class Column:
    """A column of a table of scores. number: whether its cells are numbers, or empty; else they are texts.
    required: whether every table has it."""

    name: str
    number: bool
    required: bool


def columns(kind: type[Score]) -> tuple[Column, ...]:
    """The columns of a table of `kind`, in order: its fields. Raises TypeError for a field that is neither a
    text nor a number."""
    types, found = get_type_hints(kind), []
    for field in fields(kind):
        if types[field.name] not in (str, float, float | None):
            raise TypeError(f"{kind.__name__}.{field.name}: wanted str, float or float | None")
        found.append(Column(field.name, types[field.name] is not str, field.default is MISSING))
    return tuple(found)


def cells(score: Score, columns: Sequence[Column]) -> list[str | float | None]:
    """A score's values in the order of the columns, its numbers as Python's."""
    values = [getattr(score, column.name) for column in columns]
    # A NumPy number has a text, and no JSON, of its own.
    return [value if value is None or isinstance(value, str) else float(value) for value in values]


def merge(parts: Sequence[Mapping[str, Score]], names: Sequence[str]) -> list[Score]:
    """The scores of all parts in the order of `names`. They are joined by name, never by position.

    Raises InputError for a name that comes twice, is missing, or was not asked for.
    """
    scored = [name for part in parts for name in part]
    refuse_names("asked for twice", repeated(names))
    refuse_names("scored by more than one part", repeated(scored))
    refuse_names("asked for but in no score part", without(names, scored))
    refuse_names("in a score part but not asked for", without(scored, names))
    rows = {name: score for part in parts for name, score in part.items()}
    return [rows[name] for name in names]


def status_counts(scores: Iterable[Score]) -> str:
    """How many clips have which status, most frequent first: "36 ok, 1 partial; 1 not scored: 1 missing"."""
    rows = list(scores)
    scored = Counter(row.status for row in rows if row.fake_probability is not None)
    unscored = Counter(row.status for row in rows if row.fake_probability is None)
    done, failed = (
        ", ".join(f"{n} {status}" for status, n in tally.most_common()) for tally in (scored, unscored)
    )
    return (done or "none scored") + (f"; {unscored.total()} not scored: {failed}" if failed else "")


def first_few(names: Collection[str], shown: int = 5) -> str:
    """The first names of a list, quoted, and how many more there are: "'a.mp4', 'b.mp4' and 7 more"."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in list(names)[:shown]) + more


def repeated(names: Iterable[str]) -> list[str]:
    """The distinct names that come more than once, in order."""
    return [name for name, times in Counter(names).items() if times > 1]


def without(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """The distinct names that are not among `others`, in order."""
    excluded = set(others)
    return [name for name in dict.fromkeys(names) if name not in excluded]


def refuse_names(what: str, names: Collection[str]) -> None:
    """Raise InputError if there is any name; what: what is wrong with these names."""
    if names:
        raise InputError(
            f"{what}: {len(names)} of the video names, {first_few(names)}; wanted every name exactly once"
        )
