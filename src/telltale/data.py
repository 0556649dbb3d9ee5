"""From rows to batches: the data set, the order of its rows, collation and the only user of DataLoader.

Randomness is keyed by what it is for: a clip's crop and augmentation by (seed, epoch, row), an epoch's order by (seed, epoch).
The epoch travels in the sampler's keys, so any number of workers gives the same tensors and a run can go on mid-epoch.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from telltale import config, mel, transforms
from telltale.clip import Clip, random_span, read_clip, whole_spans
from telltale.manifest import Row

EVALUATION = -1


class Key(NamedTuple):
    """A row to read, and the epoch it is read for; EVALUATION means without any randomness."""

    row: int
    epoch: int


@dataclass(frozen=True)
class Sample:
    """One clip, ready to collate. V views of the clip, T frames, M mel bands, L mel columns.

    pictures: uint8 (V, T, S, S, 3) RGB; mel: float32 (V, M, L) dB; has_picture, has_sound: bool (V,). A view's missing part is
    zeros under a False flag; a tensor of what the model does not read is empty (its size is 0).
    """

    row: int
    video_name: str
    target: float
    pictures: np.ndarray
    mel: np.ndarray
    has_picture: np.ndarray
    has_sound: np.ndarray
    status: str
    seconds: float | None
    detail: str


@dataclass(frozen=True)
class Batch:
    """N samples. Tensors as in `Sample` with a leading N; target: float32 (N,), NaN where unknown; usable: bool (N, V)."""

    samples: list[Sample]
    pictures: Tensor
    mel: Tensor
    has_picture: Tensor
    has_sound: Tensor
    target: Tensor
    usable: Tensor

    def pin_memory(self) -> "Batch":
        names = ("pictures", "mel", "has_picture", "has_sound", "target", "usable")
        return replace(self, **{name: getattr(self, name).pin_memory() for name in names})

    def inputs(self, device: torch.device, views: Tensor | None = None) -> dict[str, Any]:
        """The model's arguments for the chosen views (bool (N, V); default the usable ones), flattened to (B, ...).

        Pictures cross to the device as uint8 and become float in [0, 1] there, (B, T, 3, S, S).
        """
        chosen = self.usable if views is None else views
        pictures = self.pictures[chosen].to(device, non_blocking=True) if self.pictures.numel() else None
        return {
            "pictures": None if pictures is None else pictures.permute(0, 1, 4, 2, 3).float().div_(255),
            "mel": self.mel[chosen].to(device, non_blocking=True) if self.mel.numel() else None,
            "has_picture": self.has_picture[chosen].to(device, non_blocking=True),
            "has_sound": self.has_sound[chosen].to(device, non_blocking=True),
        }


class ClipDataset(Dataset[Sample]):
    """Rows of videos as samples. A clip that cannot be read is a sample with a status and no usable view."""

    def __init__(
        self, rows: Sequence[Row], settings: config.Config, reads: tuple[str, ...], *, spans: int = 1, flip: bool = False
    ) -> None:
        self.rows, self.settings, self.reads = rows, settings, reads
        self.spans, self.flip = spans, flip and "picture" in reads

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Sample:
        row, settings = self.rows[key.row], self.settings
        rng = None if key.epoch == EVALUATION else np.random.default_rng([settings.seed, key.epoch, key.row])
        span = settings.clip.seconds
        starts = whole_spans(self.spans, span) if rng is None else random_span(rng, span)
        clip = read_clip(row.path, starts, settings.clip, settings.mel.rate_hz, self.reads)
        return self._sample(key.row, row, clip, rng)

    def _sample(self, index: int, row: Row, clip: Clip, rng: np.random.Generator | None) -> Sample:
        count = self.spans * (2 if self.flip else 1)
        c, m = self.settings.clip, self.settings.mel
        sees, hears = "picture" in self.reads, "sound" in self.reads
        pictures = np.zeros((count, c.frames, c.image_size, c.image_size, 3) if sees else (count, 0), np.uint8)
        image = np.zeros((count, m.n_mels, mel.n_columns(m, c.seconds)) if hears else (count, 0), np.float32)
        has_picture, has_sound = np.zeros(count, bool), np.zeros(count, bool)
        for place, view in enumerate(clip.views):
            if view.pictures is not None:
                pictures[place], has_picture[place] = self._pictures(view.pictures, rng), True
            if view.samples is not None:
                image[place], has_sound[place] = self._mel(view.samples, rng), True
        if self.flip:
            pictures[self.spans :] = pictures[: self.spans, :, :, ::-1]
            image[self.spans :] = image[: self.spans]
            has_picture[self.spans :], has_sound[self.spans :] = has_picture[: self.spans], has_sound[: self.spans]
        target = float("nan") if row.target is None else float(row.target)
        return Sample(
            index, row.video_name, target, pictures, image, has_picture, has_sound, clip.status, clip.seconds, clip.detail
        )

    def _pictures(self, pixels: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        fitted = transforms.fit(pixels, self.settings.clip.image_size)
        if rng is not None:
            fitted = transforms.augment_frames(fitted, self.settings.augment, rng)
        # A damaged file gives fewer frames than were asked for: its last one stands for the rest.
        present = np.minimum(np.arange(self.settings.clip.frames), len(fitted) - 1)
        return fitted[present]

    def _mel(self, samples: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        settings = self.settings
        if rng is None:
            return mel.log_mel(samples, settings.mel, settings.clip.seconds)
        louder = transforms.augment_wave(samples, settings.mel.rate_hz, settings.augment, rng)
        return transforms.mask_mel(mel.log_mel(louder, settings.mel, settings.clip.seconds), settings.augment, rng)


def collate(samples: list[Sample]) -> Batch:
    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    has_picture, has_sound = stack("has_picture"), stack("has_sound")
    target = torch.tensor([sample.target for sample in samples], dtype=torch.float32)
    # The arrays are in the tensors now: what goes on with the batch is names and statuses.
    empty = np.zeros(0)
    light = [replace(sample, pictures=empty, mel=empty) for sample in samples]
    return Batch(light, stack("pictures"), stack("mel"), has_picture, has_sound, target, has_picture | has_sound)


def order(targets: np.ndarray, seed: int, epoch: int, balance: bool) -> np.ndarray:
    """The rows of one epoch in their order, int64 (N,); a pure function of its arguments.

    Unbalanced: every row once. Balanced: N rows, half of each class; the larger class is drawn without and the smaller with
    as few repeats as possible.
    """
    rng = np.random.default_rng([seed, epoch])
    if not balance:
        return rng.permutation(len(targets))
    halves = []
    for target, wanted in ((0, len(targets) // 2), (1, len(targets) - len(targets) // 2)):
        rows = np.flatnonzero(targets == target)
        rounds = [rng.permutation(rows) for _ in range(-(-wanted // len(rows)))]
        halves.append(np.concatenate(rounds)[:wanted])
    return rng.permutation(np.concatenate(halves))


class TrainBatches(Sampler[list[Key]]):
    """One rank's share of every global batch of an epoch, from step `start` on. Set `epoch` and `start` before iterating.

    The last batch may leave a rank nothing. It then gets the epoch's first row as a stand-in, and `counts` says so.
    """

    def __init__(self, targets: np.ndarray, settings: config.Config, rank: int, world: int) -> None:
        self.targets, self.settings, self.rank, self.world = targets, settings, rank, world
        self.epoch = self.start = 0

    def __len__(self) -> int:
        return -(-len(self.targets) // self.settings.data.batch_size)

    def counts(self, step: int) -> bool:
        """False where this rank's batch at `step` is a stand-in."""
        return self.global_size(step) > self.rank

    def global_size(self, step: int) -> int:
        """Clips of all processes together at `step`."""
        size = self.settings.data.batch_size
        return min(size, len(self.targets) - step * size)

    def __iter__(self) -> Iterator[list[Key]]:
        rows = order(self.targets, self.settings.seed, self.epoch, self.settings.data.balance)
        size = self.settings.data.batch_size
        for step in range(self.start, len(self)):
            share = rows[step * size : (step + 1) * size][self.rank :: self.world]
            yield [Key(int(row), self.epoch) for row in (share if len(share) else rows[:1])]


def evaluation_batches(count: int, batch_size: int, rank: int = 0, world: int = 1) -> list[list[Key]]:
    """This rank's rows `rank::world` in fixed batches: which rows share a batch never depends on what is already done."""
    rows = range(rank, count, world)
    return [[Key(row, EVALUATION) for row in rows[at : at + batch_size]] for at in range(0, len(rows), batch_size)]


def loader(dataset: ClipDataset, batches: Any, workers: int, pin: bool) -> DataLoader:
    """Batches in the sampler's order, whatever the number of worker processes."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin,
        persistent_workers=workers > 0,
        worker_init_fn=_start_worker,
    )


def _start_worker(_: int) -> None:
    # The main process answers signals; a worker inherits its handlers and must not.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
