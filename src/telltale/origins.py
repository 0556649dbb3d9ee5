"""The side file of a score file, which says where its numbers come from: scores.csv has scores.json beside it.

    origins.write(out / "scores.csv", model_sha256=..., config=..., data=..., videos="test", overrides=args.set, world=1)
    origin = origins.check(out / "scores.csv")         # read, and the CSV is still the one that was described

The date is in the side file alone, so that two equal runs give equal score files. Free of torch.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from telltale import versions
from telltale.errors import InputError
from telltale.hashes import file_sha256
from telltale.scores import read_scores

FORMAT = "telltale-scores-1"
POLARITY = "fake_probability: 1 is forged, 0 is genuine"


@dataclass(frozen=True)
class Origin:
    """Where the numbers of a score file come from.

    model_sha256: of the checkpoint file that scored. config: 16 hex digits of the resolved configuration in use, overrides
    included (`config.fingerprint`); data: the same of the training data, as the checkpoint says, "" where it does not. videos:
    "train" or "validation" for a split, else the name of the folder of videos. overrides: the --set strings that predict.py
    got. world: processes. rows, statuses: of the CSV, whose own SHA-256 is scores_sha256. date: UTC, ISO 8601. The rest is
    `versions.environment`'s.

    Raises InputError for a digest or count that cannot be one, and for another format or polarity.
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

    def __post_init__(self) -> None:
        for name, digits in (("model_sha256", 64), ("scores_sha256", 64), ("config", 16), ("data", 16)):
            value = getattr(self, name)
            if name == "data" and value == "":
                continue
            if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                raise InputError(f"{name} is {value!r}; wanted {digits} hex digits")
        if self.format != FORMAT or self.polarity != POLARITY:
            raise InputError(f"format '{self.format}', polarity '{self.polarity}'; wanted '{FORMAT}' and '{POLARITY}'")
        if not isinstance(self.world, int) or self.world < 1:
            raise InputError(f"world is {self.world!r}; wanted the number of processes, 1 or more")
        if not isinstance(self.rows, int) or sum(self.statuses.values()) != self.rows:
            raise InputError(f"rows is {self.rows!r} and statuses {self.statuses!r}; wanted counts that add up to the rows")
        if not self.code or not self.date:
            raise InputError(f"code '{self.code}', date '{self.date}'; wanted neither of them empty")


def path_of(scores_path: Path) -> Path:
    """Where the side file of a score file lies: scores.csv → scores.json."""
    return scores_path.with_suffix(".json")


def write(
    scores_path: Path,
    *,
    model_sha256: str,
    config: str,
    data: str,
    videos: str,
    overrides: Sequence[str] = (),
    world: int = 1,
) -> Origin:
    """Write the side file of the score file that lies at `scores_path`, whole or not at all; see `Origin` for the arguments.

    The rows, their statuses and the SHA-256 are those of the file on disk. Raises InputError where it cannot be read.
    """
    digest, scores = file_sha256(scores_path), read_scores(scores_path)
    origin = Origin(
        model_sha256=model_sha256,
        config=config,
        data=data,
        videos=videos,
        world=world,
        rows=len(scores),
        scores_sha256=digest,
        overrides=list(overrides),
        statuses=dict(sorted(Counter(score.status for score in scores.values()).items())),
        **versions.environment(),
    )
    path = path_of(scores_path)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text(origin), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); give an output folder that can") from None
    return origin


def text(origin: Origin) -> str:
    """The side file's content: JSON, the format first."""
    tree = asdict(origin)
    return json.dumps({key: tree.pop(key) for key in ("format", "polarity")} | tree, indent=2, ensure_ascii=False) + "\n"


def read(scores_path: Path) -> Origin:
    """The side file of a score file. Raises InputError where there is none, or where it is not one."""
    path = path_of(scores_path)
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return Origin(**tree)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); wanted the side file that train.py or predict.py writes with "
            f"{scores_path.name}"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not the side file of a score file ({reason}); write the scores anew") from None


def check(scores_path: Path) -> Origin:
    """`read`, and the score file is still the one described, to the byte. Raises InputError naming both files."""
    origin, digest = read(scores_path), file_sha256(scores_path)
    if digest != origin.scores_sha256:
        raise InputError(
            f"{scores_path}: its SHA-256 is {digest[:16]}..., but {path_of(scores_path)} describes a file of "
            f"{origin.scores_sha256[:16]}...; one of them was changed, score the videos again"
        )
    return origin
