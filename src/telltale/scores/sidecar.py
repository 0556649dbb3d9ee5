"""The side file of a score file, which says where its numbers come from: scores.csv has scores.json beside
it.

    sidecar.write(out / "scores.csv", model_sha256=..., config=..., data=..., videos="test",
                  overrides=args.set, world=1)
    origin = sidecar.check(out / "scores.csv")  # read; raises if the CSV is not the one that was described
    scores = sidecar.scores_of(out / "a.csv")   # a.scores.csv: the scores that a submission was written from

Each submission has a score file and a side file of its own, which holds the submission's SHA-256.

The date is only in the side file, so two equal runs write equal score files. This module needs no torch.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack

from telltale.errors import InputError
from telltale.files import read_json, sha256, write_text
from telltale.runtime import environment
from telltale.scores.score import Score, first_few, without
from telltale.scores.table import read_scores

FORMAT = "telltale-scores-1"
SUBMISSION, SCORES = "submission.csv", "scores.csv"
POLARITY = "fake_probability: 1 is forged, 0 is genuine"


@dataclass(frozen=True)
class Origin:
    """Where the numbers of a score file come from.

    model_sha256: of the checkpoint file that gave the scores.
    config: 16 hex digits of the resolved configuration with overrides (`config.fingerprint`).
    data: 16 hex digits of the training data, from the checkpoint; "" if it has none.
    videos: "train" or "validation" for a split, else the name of the folder of videos.
    world: how many processes there were.
    rows: how many the CSV has.
    scores_sha256: of the CSV.
    overrides: the --set strings that predict.py got.
    statuses: how many rows of the CSV have each status.
    date: UTC, ISO 8601.
    code, packages, machine: as `runtime.environment.record` gives them.
    submission_sha256: of the submission that was written with the CSV. It is "" if none was written. It is
        None for scores of training and in side files of older versions.

    Raises InputError for an impossible digest or count, and for another format or polarity.
    """

    model_sha256: str
    config: str
    data: str
    videos: str
    world: int
    rows: int
    scores_sha256: str
    overrides: list[str]
    statuses: dict[str, int]
    date: str
    code: str
    packages: dict[str, str | None] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    format: str = FORMAT
    polarity: str = POLARITY
    submission_sha256: str | None = None

    def __post_init__(self) -> None:
        for name, digits in (("model_sha256", 64), ("scores_sha256", 64), ("config", 16), ("data", 16)):
            value = getattr(self, name)
            if name == "data" and value == "":
                continue
            if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                raise InputError(f"{name} is {value!r}; wanted {digits} hex digits")
        if self.submission_sha256 and not re.fullmatch("[0-9a-f]{64}", self.submission_sha256):
            raise InputError(
                f"submission_sha256 is {self.submission_sha256!r}; wanted 64 hex digits, or none"
            )
        if self.format != FORMAT or self.polarity != POLARITY:
            raise InputError(
                f"format '{self.format}', polarity '{self.polarity}'; wanted '{FORMAT}' and '{POLARITY}'"
            )
        if not isinstance(self.world, int) or self.world < 1:
            raise InputError(f"world is {self.world!r}; wanted the number of processes, 1 or more")
        if not isinstance(self.rows, int) or sum(self.statuses.values()) != self.rows:
            raise InputError(
                f"rows is {self.rows!r} and statuses {self.statuses!r}; wanted counts that add up to the rows"
            )
        if not self.code or not self.date:
            raise InputError(f"code '{self.code}', date '{self.date}'; wanted neither of them empty")


class Source(TypedDict):
    """The fields of `Origin` that a caller of `write` knows."""

    model_sha256: str
    config: str
    data: str
    videos: str
    overrides: NotRequired[Sequence[str]]
    world: NotRequired[int]


def path_of(scores_path: Path) -> Path:
    """Where the side file of a score file lies: scores.csv → scores.json."""
    return scores_path.with_suffix(".json")


def scores_of(submission: Path) -> Path:
    """Where the score file of a submission lies: submission.csv → scores.csv, any other NAME.csv →
    NAME.scores.csv."""
    if submission.name == SUBMISSION:
        return submission.with_name(SCORES)
    return submission.with_name(f"{submission.name.removesuffix('.csv')}.{SCORES}")


def is_scores_name(name: str) -> bool:
    """Whether a file of this name is the score file of some submission."""
    return name == SCORES or name.endswith(f".{SCORES}")


def of_submission(submission: Path) -> tuple[Path, Origin] | None:
    """The score file beside a submission, and the origin in its side file; None if there is no side file.

    Raises InputError if the side file cannot be read as one, or if it describes another submission.
    """
    scores = scores_of(submission)
    if not path_of(scores).exists():
        return _of_old(submission)
    origin, digest = read(scores), sha256(submission)
    if origin.submission_sha256 == digest:
        return scores, origin
    odd = (
        differences(read_scores(submission), read_scores(scores))
        if scores.exists()
        else "its score file is not there"
    )
    if origin.submission_sha256 is None and not odd:  # made before submissions were described
        return scores, origin
    other = origin.submission_sha256
    described = (
        f"describes one of {other[:16]}..."
        if other
        else "describes none"
        if other is None
        else "says that none was written"
    )
    raise InputError(
        f"{submission}: its SHA-256 is {digest[:16]}..., but {path_of(scores)} "
        f"{described}{f' ({odd})' if odd else ''}; "
        "wanted the submission as it was written, or predict again"
    )


def _of_old(submission: Path) -> tuple[Path, Origin] | None:
    """`of_submission` for older versions, which wrote one scores.json for the last submission of a folder.

    It belongs to this submission if the numbers are equal.
    """
    scores = submission.with_name(SCORES)
    try:
        origin = read(scores)
        if origin.submission_sha256 is None and not differences(read_scores(submission), read_scores(scores)):
            return scores, origin
    except InputError:
        pass
    return None


def differences(submitted: Mapping[str, Score], scored: Mapping[str, Score]) -> str:
    """How a submission differs from the scores that it was written from, in words; "" if it does not."""
    if odd := [*without(submitted, scored), *without(scored, submitted)]:
        return f"in one of it and its scores alone: {first_few(odd)}"
    number = {name: f"{row.fake_probability:.10f}" for name, row in submitted.items()}
    own = {
        name: f"{row.fake_probability:.10f}"
        for name, row in scored.items()
        if row.fake_probability is not None
    }
    if edited := [
        f"{name} ({number[name]}, scored {own[name]})" for name in own if number[name] != own[name]
    ]:
        return f"not the model's numbers: {first_few(edited, 2)}"
    # All clips without a score get the same number. Several numbers cannot come from the model.
    fallbacks = {number[name] for name in number if name not in own}
    return (
        f"{len(fallbacks)} numbers for videos not scored; wanted one for all of them"
        if len(fallbacks) > 1
        else ""
    )


def write(scores_path: Path, submission_sha256: str | None = None, **source: Unpack[Source]) -> Origin:
    """Write the side file of the score file at `scores_path`, whole or not at all. `Origin` describes the
    arguments.

    The rows, their statuses and the SHA-256 are those of the file on disk. Raises InputError if it cannot be
    read.
    """
    digest, scores = sha256(scores_path), read_scores(scores_path)
    origin = Origin(
        **{"world": 1, **source, "overrides": list(source.get("overrides", ()))},  # type: ignore[arg-type]
        rows=len(scores),
        scores_sha256=digest,
        submission_sha256=submission_sha256,
        statuses=dict(sorted(Counter(score.status for score in scores.values()).items())),
        **environment.record(),
    )
    path = path_of(scores_path)
    write_text(path, text(origin))
    return origin


def text(origin: Origin) -> str:
    """The side file's content: JSON, the format first."""
    tree = {
        key: value for key, value in asdict(origin).items() if (key, value) != ("submission_sha256", None)
    }
    return (
        json.dumps(
            {key: tree.pop(key) for key in ("format", "polarity")} | tree, indent=2, ensure_ascii=False
        )
        + "\n"
    )


def read(scores_path: Path) -> Origin:
    """Read the side file of a score file. Raises InputError if there is none, or if it is damaged."""
    path = path_of(scores_path)
    tree = read_json(path, f"the side file that train.py or predict.py writes with {scores_path.name}")
    try:
        return Origin(**tree)
    except (ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: is not the side file of a score file ({reason}); write the scores anew"
        ) from None


def check(scores_path: Path) -> Origin:
    """Read the side file and check that it describes the score file as it is now, to the byte.

    Raises InputError naming both files if it does not.
    """
    origin, digest = read(scores_path), sha256(scores_path)
    if digest != origin.scores_sha256:
        raise InputError(
            f"{scores_path}: its SHA-256 is {digest[:16]}..., but {path_of(scores_path)} describes a file of "
            f"{origin.scores_sha256[:16]}...; one of them was changed, score the videos again"
        )
    return origin
