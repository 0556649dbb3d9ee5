"""Score files: the journal of a prediction, the merge of its parts, scores.csv and submission.csv.

Rows are joined by name, one to one, never by position. A clip that could not be scored has a status and no
number; the one place where it gets one is `write_submission`, from the fallback it is given.
"""

import json
import math
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.data.manifest import HEADER as LABELS_HEADER
from telltale.errors import InputError
from telltale.files import cannot_write, read_table, write_table
from telltale.status import ALWAYS_SCORED, MAY_BE_SCORED

if sys.platform != "win32":
    import fcntl

SCORE_FILE = "a CSV file of scores"  # what errors say that a file should be
SCORES_HEADER = ["video_name", "fake_probability", "status", "seconds"]
NAME, SCORE = (
    "video_name",
    "score",
)  # a submission's columns, unless its template calls the second one otherwise


@dataclass(frozen=True)
class Score:
    """One clip's answer. `fake_probability` in [0, 1], None where it was not scored; `seconds`: the clip's
    duration, if known.

    Raises InputError for a probability that is no number in [0, 1], and for a status that contradicts it.
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


class Journal:
    """The progress file of a prediction: a batch's rows are on disk before the next begins, and a kill at any
    byte keeps them.

        # `journal.done`: name -> Score, what an earlier run had finished
        journal = Journal(path, fingerprint)
        journal.append(batch)
        journal.remove()                            # once the score files are written

    `fingerprint` says what the rows depend on (model, settings, clips). Raises InputError if the file was
    begun with another one, if another process is writing it, or if it is no journal. A last line cut short by
    a kill is dropped.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.done: dict[str, Score] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            self._lock()
            self._read(json.dumps({"telltale_journal": 1, "fingerprint": fingerprint}))
        except BaseException:
            self._file.close()
            raise

    def append(self, scores: Sequence[Score]) -> None:
        """Add rows; they are on disk when this returns. Raises InputError for a name that is there
        already."""
        names = [score.video_name for score in scores]
        _refuse(
            f"{self.path}: scored twice", [*repeated(names), *(name for name in names if name in self.done)]
        )
        self._write(
            json.dumps([s.video_name, _float(s.fake_probability), s.status, _float(s.seconds)])
            for s in scores
        )
        self.done.update({score.video_name: score for score in scores})

    def close(self) -> None:
        """Stop writing and keep the file, for a later run to go on from."""
        self._file.close()

    def remove(self) -> None:
        """Stop writing and delete the file."""
        self._file.close()
        self.path.unlink()

    def _lock(self) -> None:
        # A killed torchrun may leave a worker alive that still writes; the next run must not write beside it.
        # A record lock belongs to the process that took it: a loader's worker, forked from it and outliving
        # it for seconds, does not hold it.
        if sys.platform != "win32":
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise InputError(
                    f"{self.path}: another process is writing it; wait for that run to end, or stop it"
                ) from None

    def _read(self, header: str) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        if whole == 0:
            self._write([header])
            return
        lines = content[:whole].decode("utf-8", errors="replace").split("\n")[:-1]
        if lines[0] != header:
            raise InputError(
                f"{self.path}: holds the progress of another prediction (other model, settings or clips); "
                "delete it to start over, or repeat the command that began it"
            )
        for number, line in enumerate(lines[1:], start=2):
            try:
                score = Score(*json.loads(line))
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{self.path}:{number}: is damaged ({error}); delete the file to start over"
                ) from None
            self.done[score.video_name] = score

    def _write(self, lines: Iterable[str]) -> None:
        """Raises InputError if the disk is full; the file then ends where it did before."""
        text, held = "".join(f"{line}\n" for line in lines).encode(), os.fstat(self._file.fileno()).st_size
        try:
            # Not through the file object, which would keep what did not fit and try again when it is closed.
            while text:
                text = text[os.write(self._file.fileno(), text) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(held)
            raise cannot_write(self.path, error) from None


def first_few(names: Collection[str], shown: int = 5) -> str:
    """The first names of a list, quoted, and how many more there are: "'a.mp4', 'b.mp4' and 7 more"."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in list(names)[:shown]) + more


def status_counts(scores: Iterable[Score]) -> str:
    """How many clips ended in which status, most frequent first: "36 ok, 1 partial; 1 not scored: 1
    missing"."""
    rows = list(scores)
    scored = Counter(row.status for row in rows if row.fake_probability is not None)
    unscored = Counter(row.status for row in rows if row.fake_probability is None)
    done, failed = (
        ", ".join(f"{n} {status}" for status, n in tally.most_common()) for tally in (scored, unscored)
    )
    return (done or "none scored") + (f"; {unscored.total()} not scored: {failed}" if failed else "")


def merge(parts: Sequence[Mapping[str, Score]], names: Sequence[str]) -> list[Score]:
    """The parts' scores in the order of `names`, one to one. Raises InputError for a name twice, missing or
    not asked for."""
    found = [name for part in parts for name in part]
    _refuse("asked for twice", repeated(names))
    _refuse("scored by more than one part", repeated(found))
    _refuse("asked for but in no score part", without(names, found))
    _refuse("in a score part but not asked for", without(found, names))
    rows = {name: score for part in parts for name, score in part.items()}
    return [rows[name] for name in names]


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """Write scores.csv: rows in the given order, numbers that `read_scores` gives back bit for bit. Atomic.

    Raises InputError for a name given twice.
    """
    _refuse(f"{path}: given twice", repeated([s.video_name for s in scores]))
    rows = ([s.video_name, _text(s.fake_probability), s.status, _text(s.seconds)] for s in scores)
    _write_csv(path, [SCORES_HEADER, *rows])


def write_submission(
    path: Path, scores: Sequence[Score], fallback: float | None, column: str = SCORE
) -> None:
    """Write submission.csv: one row per score in the given order, 10 decimals, `fallback` for a clip not
    scored. Atomic.

    column: the header of the numbers.

    Raises InputError for a name given twice, a fallback outside [0, 1], and, where `fallback` is None, a clip
    not scored.
    """
    _refuse(f"{path}: given twice", repeated([s.video_name for s in scores]))
    if fallback is None:
        unscored = [f"{s.video_name} ({s.status})" for s in scores if s.fake_probability is None]
        _refuse(f"{path}: not scored, and no fallback given", unscored)
    elif not 0 <= fallback <= 1:
        raise InputError(f"{path}: fallback {fallback} for clips not scored; wanted a number in [0, 1]")
    values = [fallback if s.fake_probability is None else s.fake_probability for s in scores]
    _write_csv(
        path,
        [[NAME, column], *([s.video_name, f"{value:.10f}"] for s, value in zip(scores, values, strict=True))],
    )


def read_scores(path: Path, column: str | None = None) -> dict[str, Score]:
    """Name -> Score, in file order, of a scores.csv or a submission.csv. Raises InputError naming file and
    line.

    column: which one of a submission holds the scores; None: the one beside video_name, whatever its name.
    """
    (first, header), *rows = read_table(path, SCORE_FILE)
    ours = header == SCORES_HEADER
    name_at, score_at = (0, 1) if ours else _columns(path, first, header, column)
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
                score = Score(
                    row[0], number(row[1]) if row[1] else None, row[2], number(row[3]) if row[3] else None
                )
            else:
                score = Score(row[name_at], number(row[score_at]), "submitted")
            if score.video_name in scores:
                raise InputError(f"'{score.video_name}' is listed a second time; wanted every name once")
        except InputError as error:
            raise InputError(f"{path}:{line}: {error}") from None
        scores[score.video_name] = score
    return scores


def _columns(path: Path, line: int, header: Sequence[str], column: str | None) -> tuple[int, int]:
    """Where a submission has its names and its scores."""
    others = [name for name in header if name != NAME]
    wanted = column if column is not None else others[0] if len(others) == 1 else None
    if header.count(NAME) == 1 and wanted and header.count(wanted) == 1:
        return header.index(NAME), header.index(wanted)
    said = f"{path}:{line}: header '{','.join(header)}'; wanted"
    if column is not None:
        raise InputError(f"{said} the columns {NAME} and {column}, once each")
    raise InputError(
        f"{said} {','.join(SCORES_HEADER)}, or {NAME} and one column of scores; --score-column names one of "
        "several"
    )


def repeated(names: Iterable[str]) -> list[str]:
    """Distinct `names` that come up more than once, in order."""
    return [name for name, times in Counter(names).items() if times > 1]


def without(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Distinct `names` that are not among `others`, in order."""
    excluded = set(others)
    return [name for name in dict.fromkeys(names) if name not in excluded]


def _refuse(what: str, names: Collection[str]) -> None:
    if names:
        raise InputError(
            f"{what}: {len(names)} of the video names, {first_few(names)}; wanted every name exactly once"
        )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)  # a NumPy number has a repr, and no JSON, of its own


def _text(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def number(text: str) -> float:
    """The number a CSV field holds. Raises InputError for anything else; NaN and infinity are refused by
    `Score`."""
    try:
        if (
            not text.isascii() or "_" in text
        ):  # float() would take '1_0' and other scripts' digits; CSV readers do not
            raise ValueError
        return float(text)
    except ValueError:
        raise InputError(f"score '{text}'; wanted a number in [0, 1]") from None


def _write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file whole or not at all, and make its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, rows)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: a video name is not Unicode text ({error.object[error.start :]!a}); rename the file"
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from None
