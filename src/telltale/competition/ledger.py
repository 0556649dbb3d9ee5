"""The submission ledger: what was submitted when, from which model, and which score came back.

`ledger_file.py` reads and writes the ledger. `submissions.py` adds submissions and scores to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from telltale.competition.local_time import midnight
from telltale.errors import InputError

LIMITS: Mapping[str, int] = {"validation": 5, "test": 2}  # submissions a day, by the competition's rules
FORCED = ("", "limit", "same bytes", "limit and same bytes")
SHARES = ("own_auc", "unseen_auc", "score_auc", "score_tpr")


@dataclass(frozen=True)
class Submission:
    """One row of the ledger. Raises InputError for a value that is not as described.

    id: number from 1 up.
    submitted: time of the submission, in UTC.
    phase: a key of LIMITS.
    file: name of the submitted file.
    sha256: SHA-256 of the submitted file, 64 lowercase hex digits.
    bundle: folder of the bundle that the submission comes from; "" if there is none.
    model_sha256: SHA-256 of the model's checkpoint; "" if it is not known.
    own_auc: AUC in [0, 1] on our own validation set; None if it is not known.
    unseen_auc: our estimate of the AUC on forgeries of kinds that training did not use, in [0, 1], or None.
    score_auc: AUC that the competition returned, in [0, 1], or None.
    score_tpr: true positive rate that it returned, in [0, 1], or None.
    forced: the checks that --force overrode, one of FORCED.
    note: one line of text.
    """

    id: int
    submitted: datetime
    phase: str
    file: str
    sha256: str
    bundle: str = ""
    model_sha256: str = ""
    own_auc: float | None = None
    unseen_auc: float | None = None
    score_auc: float | None = None
    score_tpr: float | None = None
    forced: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.id < 1:
            raise InputError(f"id {self.id}; wanted a number from 1 up")
        if self.submitted.tzinfo is not UTC:
            raise InputError(f"submitted {self.submitted.isoformat()}; wanted a time in UTC")
        if self.phase not in LIMITS:
            raise InputError(f"phase '{self.phase}'; wanted {' or '.join(LIMITS)}")
        if not self.file:
            raise InputError("no file; wanted the name of the file that was submitted")
        if not is_sha256(self.sha256) or (self.model_sha256 and not is_sha256(self.model_sha256)):
            raise InputError(
                f"SHA-256 '{self.sha256}', of the model '{self.model_sha256}'; wanted 64 lowercase hex "
                "digits each"
            )
        for name in SHARES:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:  # also refuses NaN
                raise InputError(f"{name} {value}; wanted a number in [0, 1], or nothing if it is not known")
        if self.score_tpr is not None and self.score_auc is None:
            raise InputError("score_tpr without score_auc; wanted the AUC that came back with it")
        if self.forced not in FORCED:
            raise InputError(f"forced '{self.forced}'; wanted nothing, {', '.join(FORCED[1:])}")
        for name in ("file", "bundle", "note"):
            # Neither control characters, such as a line break, nor halves of surrogate pairs.
            if any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in getattr(self, name)):
                raise InputError(f"{name} {getattr(self, name)!a}; wanted one line of Unicode text")


@dataclass(frozen=True)
class Ledger:
    """A time zone, and the submissions in the order in which they were added."""

    zone: ZoneInfo
    entries: tuple[Submission, ...] = ()

    def day(self, time: datetime) -> date:
        """The date of `time` in the ledger's time zone."""
        return time.astimezone(self.zone).date()

    def day_ends(self, time: datetime) -> datetime:
        """The end, in UTC, of the day of `time` in the ledger's time zone."""
        return midnight(self.zone, self.day(time) + timedelta(days=1))

    def on(self, day: date, phase: str) -> list[Submission]:
        """The submissions of one day and phase."""
        return [entry for entry in self.entries if entry.phase == phase and self.day(entry.submitted) == day]


def is_sha256(text: object) -> bool:
    """Whether `text` is a string of 64 lowercase hex digits."""
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")
