"""What the parts of a training run pass on to each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale import config
from telltale.data.manifest import Manifest
from telltale.runtime.distributed import Process
from telltale.runtime.signals import SignalWatch


@dataclass(frozen=True)
class RunContext:
    """What every part of a run needs: its settings, this process, and the watch for signals."""

    settings: config.Config
    process: Process
    watch: SignalWatch

    def say(self, text: str) -> None:
        """Print `text` in the main process."""
        if self.process.main:
            print(text, flush=True)


@dataclass(frozen=True)
class RunInputs:
    """What one run is made from, beside its settings.

    folder: the run's own
    data: root of the data set
    train, validation: the data set's splits, without what folds hold out
    configs: files that the settings were read from
    store: folder of decoded clips, None to decode every time
    resumed: content of the last.pt to continue from, None for a new run
    unseen: what folds hold out of training, None without folds
    """

    folder: Path
    data: Path
    train: Manifest
    validation: Manifest
    configs: tuple[str, ...] = ()
    store: Path | None = None
    resumed: dict[str, Any] | None = None
    unseen: Manifest | None = None

    @property
    def splits(self) -> tuple[Manifest, ...]:
        """The splits that the run reads."""
        return (self.train, self.validation, *(() if self.unseen is None else (self.unseen,)))
