"""A data set in memory and a model of a few weights, so that the loop is tested in milliseconds and without
any file."""

import copy
import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from model_outputs import output_of
from torch import Tensor, nn

from telltale import config
from telltale.data.batch import EVALUATION, SampleArrays, SampleInfo, SampleKey, Shapes
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import TrainOrder, evaluation_batches
from telltale.models.output import Output
from telltale.runtime import distributed
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score
from telltale.train import objectives
from telltale.train.context import RunContext
from telltale.train.loaders import TrainClips, ValidationClips
from telltale.train.loop import Epoch, Step, fit
from telltale.train.state import State, initial_state

BANDS, COLUMNS = 4, 6


class MemoryClips:
    """Forged clips have a louder mel image; a clip named in `broken` cannot be read; one in `poison` is not
    finite."""

    def __init__(
        self, targets: list[int], broken: tuple[int, ...] = (), poison: tuple[int, ...] = ()
    ) -> None:
        self.rows = [Row(f"{row}.mp4", Path(f"{row}.mp4"), target) for row, target in enumerate(targets)]
        self.broken, self.poison = broken, poison

    def shapes(self) -> Shapes:
        return Shapes((1, 0), (1, BANDS, COLUMNS))

    def prepare(self) -> None:
        pass

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        row = self.rows[key.row]
        readable = key.row not in self.broken
        mel = (
            np.random.default_rng([9, key.epoch + 1, key.row])
            .normal(row.target, 1.0, (1, BANDS, COLUMNS))
            .astype(np.float32)
        )
        arrays.mel[:] = np.nan if key.row in self.poison else mel * readable
        arrays.has_picture[:], arrays.has_sound[:] = False, readable
        return SampleInfo(key.row, row.video_name, float(row.target), "ok" if readable else "damaged", 1.0)


class SmallModel(nn.Module):
    """BatchNorm and dropout, because both are what a careless resume gets wrong; `plain` has neither."""

    def __init__(self, plain: bool = False) -> None:
        super().__init__()
        first, between = ([], []) if plain else ([nn.BatchNorm1d(BANDS)], [nn.Dropout(0.5)])
        self.layers = nn.Sequential(
            *first, nn.Flatten(), nn.Linear(BANDS * COLUMNS, 5), nn.ReLU(), *between, nn.Linear(5, 1)
        )

    def forward(
        self, pictures: Any, mel: Tensor, has_picture: Tensor, has_sound: Tensor, frame_seconds: Any = None
    ) -> Output:
        return output_of(self.layers(mel).squeeze(1))


def configured(**sections: dict[str, Any]) -> config.Config:
    tree: dict[str, Any] = {
        "model": {"name": "mel_cnn"},
        "data": {"batch_size": 4},
        "optim": {"epochs": 3, "rate": 0.05},
    }
    for name, values in sections.items():
        tree[name] = tree.get(name, {}) | values
    return config.parse(tree, "test")


@dataclass
class Run:
    """One run of `fit`, with what it saved and said."""

    settings: config.Config
    train: MemoryClips
    validation: MemoryClips = field(default_factory=lambda: MemoryClips([0, 1] * 4))
    plain: bool = False
    workers: int = 0
    saved: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[tuple[list[Score], bool]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    model: Callable[[], nn.Module] | None = None
    unseen: MemoryClips | None = None

    def events(
        self,
        process: distributed.Process,
        watch: SignalWatch | None = None,
        resumed: dict[str, Any] | None = None,
    ) -> Generator[Step | Epoch, None, None]:
        """A new run, or the continuation of `resumed`; its state is `self.state`."""
        distributed.seed(self.settings.seed)
        model = SmallModel(self.plain) if self.model is None else self.model()
        self.state = initial_state(model, self.settings.optim, "cpu")
        if resumed is not None:
            self.state.restore(copy.deepcopy(resumed))
        targets = np.array([row.target for row in self.train.rows])
        order = TrainOrder(targets, self.settings, process.rank, process.world)

        def judged(clips: MemoryClips) -> ValidationClips:
            fixed = evaluation_batches([0] * len(clips.rows), 4, process.rank, process.world)
            return ValidationClips(ClipLoader(clips, 0, timeout_seconds=60), fixed)

        return fit(
            self.state,
            objectives.build(self.settings, self.train.rows),
            TrainClips(ClipLoader(self.train, self.workers, timeout_seconds=60), order),
            judged(self.validation),
            RunContext(self.settings, process, watch or SignalWatch()),
            None if self.unseen is None else judged(self.unseen),
        )

    def go(
        self,
        stop_at: int = -1,
        resumed: dict[str, Any] | None = None,
        process: distributed.Process | None = None,
    ) -> State:
        """Train to the end and return the state. With `stop_at`, a signal comes in that step, and the last of
        `saved` is what a resumed run gets."""
        watch = SignalWatch()
        try:
            for event in self.events(
                process or distributed.Process(0, 1, torch.device("cpu")), watch, resumed
            ):
                if isinstance(event, Epoch):
                    self.epochs.append((event.scores, event.is_best))
                else:
                    self.losses.append(sum(event.terms.values()))
                    if event.number == stop_at:
                        watch.number = signal.SIGTERM
                if isinstance(event, Epoch) or event.save:
                    self.saved.append(copy.deepcopy(self.state.content()))
        except Stopped:
            self.stopped = True
        return self.state


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


__all__ = ["EVALUATION", "MemoryClips", "Run", "SmallModel", "configured", "same_weights"]
