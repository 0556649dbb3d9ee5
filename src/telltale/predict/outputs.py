"""The output of a prediction: a submission with its score file and side file, or a table on the terminal.

    files = Outputs(Path("submission.csv"), "score")
    files.check(inputs, rows)                   # before anything is decoded
    status = files.write(scores, settings.predict, mean_score, source)
    print(table(scores))                        # instead of files

`Outputs.write` alone decides which number a clip without a score gets, and whether a submission is written.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from telltale import config
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.files import sha256
from telltale.runtime.signals import Stopped
from telltale.scores import sidecar
from telltale.scores.score import NAME, Score, first_few, status_counts
from telltale.scores.submission import SCORE, write_submission
from telltale.scores.table import write_scores


@dataclass(frozen=True)
class Outputs:
    """The files of one prediction.

    column: name of the submission's column of scores
    allow_unread: whether to write a submission in which fewer than half of the clips have a score
    """

    submission: Path
    column: str = SCORE
    allow_unread: bool = False

    @property
    def scores(self) -> Path:
        return sidecar.scores_of(self.submission)

    @property
    def journal(self) -> Path:
        return self.submission.with_name(f"{self.submission.name}.journal")

    def check(self, inputs: Mapping[str, Path | None], rows: Sequence[Row]) -> None:
        """Raise InputError if these files cannot be written or would replace an input. No file is left
        behind.

        inputs: files that other arguments name, by argument, None for one that is not given
        rows: the videos
        """
        out = self.submission
        if sidecar.is_scores_name(out.name):
            raise InputError(
                f"--out {out}: is the name of a submission's score file; wanted another, such as "
                "submission.csv"
            )
        files = (out, self.scores, sidecar.path_of(self.scores), self.journal)
        for file in files:
            if file.exists() and not file.is_file():
                what = "a folder" if file.is_dir() else "no regular file"
                raise InputError(
                    f"--out {out}: {file} is {what}; wanted the name of a file, such as DIR/submission.csv"
                )
        others = {argument: path.resolve() for argument, path in inputs.items() if path is not None}
        names = {file.name for file in files}
        others |= {f"the video {row.path}": row.path.resolve() for row in rows if row.video_name in names}
        for file in files:
            for what, path in others.items():
                if file.resolve() == path:
                    raise InputError(f"--out {out}: would write {file}, which is {what}; wanted another name")
        _demand_writable(out)

    def write(
        self,
        scores: Sequence[Score],
        settings: config.PredictSettings,
        mean_score: float,
        source: sidecar.Source,
    ) -> int:
        """Write the score file, the submission and the side file; print a summary; return the exit status.

        scores: of all rows, in the order of the submission
        settings: say what a clip without a score gets
        mean_score: mean probability of the training clips, used by `on_unreadable: mean`
        source: for the side file

        No submission is written if fewer than half of the rows have a score, unless `allow_unread`, or if any
        row has none and `on_unreadable` is "fail". Then the side file names no submission, and the exit
        status is 1. A submission of an earlier run stays where it is, and a message says so.
        """
        write_scores(self.scores, scores)
        unscored = [score.video_name for score in scores if score.fake_probability is None]
        print(count_line(scores))
        refusal = self._refusal(len(scores), unscored, settings.on_unreadable)
        fallback = mean_score if settings.on_unreadable == "mean" else settings.unreadable_value
        if not refusal:
            write_submission(self.submission, scores, fallback, self.column)
        sidecar.write(self.scores, "" if refusal else sha256(self.submission), **source)
        side = f"{self.scores} and {sidecar.path_of(self.scores).name}"
        if refusal:
            print(f"{self.submission}: not written, {refusal}")
            if self.submission.exists():
                print(f"the {self.submission.name} there is of an earlier run")
            print(f"wrote {side}; {self.journal} is kept: delete it to read the videos again")
            return 1
        if unscored:
            name = (
                "the mean training score" if settings.on_unreadable == "mean" else "predict.unreadable_value"
            )
            print(
                f"{len(unscored)} could not be scored and got {fallback:.6f}, {name}: {first_few(unscored)}"
            )
        print(f"wrote {self.submission} ({NAME},{self.column}), {side}")
        return 0

    def _refusal(self, count: int, unscored: Sequence[str], on_unreadable: str) -> str:
        """Why no submission is to be written, and what would write it; "" if it is to be written."""
        if unscored and on_unreadable == "fail":
            return (
                f"{len(unscored)} videos could not be scored ({first_few(unscored)}); see "
                f"{self.scores.name}; the same command with --on-unreadable mean or value writes it at once"
            )
        if too_few(count, len(unscored)) and not self.allow_unread:
            got = f"only {count - len(unscored)}" if len(unscored) < count else "none"
            return (
                f"{got} of {count} videos got a score; see {self.scores.name} for why; if it is to be "
                "submitted all the same, the same command with --allow-unread writes it at once"
            )
        return ""


def too_few(count: int, unscored: int) -> bool:
    """Whether fewer than half of the rows have a score. Then a mistake in the arguments is more likely than
    so many damaged files."""
    return 2 * unscored > count


def count_line(scores: Sequence[Score]) -> str:
    """The number of rows by status, such as "40 rows: 38 ok, 1 partial; 1 not scored: 1 empty"."""
    return f"{len(scores)} row{'s' * (len(scores) != 1)}: {status_counts(scores)}"


def table(scores: Sequence[Score]) -> str:
    """A table to print: each clip's fake probability, status, seconds and name; "-" for an unknown value."""
    rows = [("fake_probability", "status", "seconds", NAME)]
    for score in scores:
        probability = "-" if score.fake_probability is None else f"{score.fake_probability:.6f}"
        seconds = "-" if score.seconds is None else f"{score.seconds:.2f}"
        rows.append((probability, score.status, seconds, score.video_name))
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(f"{a:>{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {name}" for a, b, c, name in rows)


def print_table(scores: Sequence[Score], *, allow_unread: bool) -> int:
    """Print the table and the counts; return the exit status, by the rule of `Outputs.write`."""
    print(table(scores))
    print(count_line(scores))
    if allow_unread or not too_few(len(scores), sum(score.fake_probability is None for score in scores)):
        return 0
    print("fewer than half of the videos got a score: exit status 1, or 0 with --allow-unread")
    return 1


@contextmanager
def progress_beside(files: Outputs | None) -> Iterator[Path]:
    """The path beside which a prediction keeps its progress: the submission's. For a table, which has no
    file, a path in a temporary folder that is deleted at the end."""
    if files is not None:
        yield files.submission
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="telltale-")
    except OSError as error:
        raise InputError(
            f"no temporary folder can be made ({error.strerror}); set TMPDIR to one, or give --out"
        ) from None
    with folder as name:
        try:
            yield Path(name) / "table.csv"
        except Stopped as stop:
            raise Stopped(stop.number, "nothing is kept of it without --out") from None


def describe(paths: Sequence[Path]) -> str:
    """The scored videos in a few words, for the side file: the name of the first path, and how many more
    there are."""
    first = paths[0].name or paths[0].resolve().name
    return first + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _demand_writable(out: Path) -> None:
    """Raise InputError if no file can be created beside `out`, or in the nearest parent folder that
    exists."""
    folder = next(parent for parent in out.absolute().parents if os.path.lexists(parent))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"--out {out}: {folder} cannot be written ({error.strerror}); give an output folder that can"
        ) from None
