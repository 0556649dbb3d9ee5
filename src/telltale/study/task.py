"""One training run of a study: what it is made of, its folder, and what became of it.

A run's folder holds task.json: the fingerprint of its `Task`, whether it is done, and why it failed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale import config
from telltale.data.folds import Splits
from telltale.data.manifest import Manifest, Row
from telltale.errors import InputError
from telltale.files import fingerprint, read_mapping, write_text

RUNS = "runs"
MARK = "task.json"
WEIGHTS = ("best.pt", "last.pt")


@dataclass(frozen=True)
class Task:
    """One run of a study.

    name: of its folder, unique in the study
    settings: its configuration
    data: root of the data set
    train, validation: what it is trained and validated on
    scored: what its best weights score afterwards: name of the set → its clips
    unseen: what folds hold out, scored after each epoch; None without folds
    start: the task from whose best weights it starts, None for a start as the settings say
    """

    name: str
    settings: config.Config
    data: Path
    train: Manifest
    validation: Manifest
    scored: Mapping[str, Sequence[Row]]
    unseen: Manifest | None = None
    start: "Task | None" = None

    @property
    def fingerprint(self) -> str:
        """16 hex digits of everything that the run's scores depend on."""
        found = Splits(self.train, self.validation, self.unseen)
        splits = [[_names(split.rows) for split in found.manifests]]
        scored = {name: _names(rows) for name, rows in self.scored.items()}
        start = [] if self.start is None else [self.start.fingerprint]
        return fingerprint([config.fingerprint(self.settings), splits, scored, *start])

    @property
    def passes(self) -> int:
        """How many times a clip goes through the model in training."""
        return len(self.train.rows) * self.settings.optim.epochs

    def folder(self, study: Path) -> Path:
        """Where the run lies. study: the study's folder."""
        return study / RUNS / self.name

    def status(self, study: Path) -> dict[str, Any]:
        """What task.json says, {} if there is none. Raises InputError if the folder is another task's."""
        path = self.folder(study) / MARK
        kept = read_mapping(path)
        if kept is None:
            return {}
        if kept.get("task") != self.fingerprint:
            raise InputError(
                f"{path.parent}: was made of other settings or clips; give another --out, or remove this "
                "folder"
            )
        return kept

    def mark(self, study: Path, **status: Any) -> None:
        """Write task.json. status: done, bool; failed, the sentence that says why, and final, whether another
        attempt would come to the same."""
        tree = {"task": self.fingerprint, **status}
        write_text(self.folder(study) / MARK, json.dumps(tree, ensure_ascii=False) + "\n")


def _names(rows: Iterable[Row]) -> list[list[object]]:
    return [[row.video_name, row.target, row.method] for row in rows]
