"""The statuses of clips: every word that the column `status` of a score file may hold, and which of them may
carry a number.

A failure is a status, never a plausible number: `scores` refuses a row whose number contradicts its status.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Status:
    """One status.

    name: the word in score files.
    probability: whether a clip of this status has a fake probability; "sometimes": if the model reads what
        the clip has.
    meaning: what the status says of the clip, for people.
    absent: which of "picture" and "sound" the clip lacks; None: the status does not say that one is absent.
    """

    name: str
    probability: Literal["always", "sometimes", "never"]
    meaning: str
    absent: Literal["picture", "sound"] | None = None


_ALL = (
    Status("ok", "always", "everything that the model reads was there"),
    Status("partial", "always", "the file is damaged; what was read before the damage is used"),
    Status("no_sound", "sometimes", "the clip has no sound", absent="sound"),
    Status("no_picture", "sometimes", "the clip has no picture", absent="picture"),
    Status("missing", "never", "the file does not exist"),
    Status("empty", "never", "the file holds no bytes"),
    Status("refused", "never", "the file is not of a kind that is opened: MP4, MOV, Matroska, WebM, AVI"),
    Status("damaged", "never", "the file is damaged, and nothing could be read before the damage"),
    Status("too_large", "never", "a frame has too many pixels, or the clip has too many frames"),
    Status("no_stream", "never", "the file has neither picture nor sound"),
    Status("failed", "never", "the file could not be read, or not be decoded, for another reason"),
    Status("timeout", "never", "the clip was not read within data.timeout_seconds"),
    Status("crashed", "never", "the clip ended the process that read it, twice"),
    Status("not_finite", "never", "the model's logit of it is no finite number"),
    Status("submitted", "always", "read from a submission, which says no more than a number"),
)
STATUSES = {status.name: status for status in _ALL}
ALWAYS_SCORED = frozenset(status.name for status in _ALL if status.probability == "always")
MAY_BE_SCORED = frozenset(status.name for status in _ALL if status.probability != "never")
ABSENT = frozenset(status.name for status in _ALL if status.absent is not None)
