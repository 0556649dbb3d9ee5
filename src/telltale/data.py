"""From rows to samples: the data set, and the order and batches of its rows.

Randomness is keyed by what it is for: a clip's crop and augmentation by (seed, epoch, row), an epoch's order by (seed, epoch).
The epoch travels in the batches' keys, so any number of workers gives the same tensors and a run can go on mid-epoch.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from telltale import config, mel, transforms
from telltale.batch import EVALUATION, Arrays, Facts, Key, Shapes, target_of
from telltale.clip import random_span, read_clip, whole_spans
from telltale.decode.store import Store
from telltale.manifest import Row


class ClipDataset:
    """Rows of videos as samples. A clip that cannot be read has a status and no usable view.

    spans: views of a clip in evaluation; training draws one. `store`, where there is one, keeps what was decoded. training:
    whether it will be asked for training's samples, too.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: config.Config,
        reads: tuple[str, ...],
        *,
        spans: int = 1,
        store: Store | None = None,
        training: bool = False,
    ) -> None:
        self.rows, self.settings, self.reads, self.store = rows, settings, reads, store
        self.spans, self.training = spans, training

    def shapes(self) -> Shapes:
        c, m = self.settings.clip, self.settings.mel
        pictures = (c.frames, c.image_size, c.image_size, 3) if "picture" in self.reads else (0,)
        image = (m.n_mels, mel.n_columns(m, c.seconds)) if "sound" in self.reads else (0,)
        return Shapes((self.spans, *pictures), (self.spans, *image))

    def prepare(self) -> None:
        """Load what reading needs and this process may not have yet, once, before workers are forked."""
        if "sound" in self.reads:
            mel.tables(self.settings.mel)
        if self.training:
            transforms.prepare(self.settings.augment, self.reads)

    def fill(self, key: Key, arrays: Arrays) -> Facts:
        """Read one clip into `arrays`, over whatever was there. Raises InputError where the store is full."""
        row, settings = self.rows[key.row], self.settings
        rng = None if key.epoch == EVALUATION else np.random.default_rng([settings.seed, key.epoch, key.row])
        places = whole_spans(self.spans) if rng is None else random_span(rng, settings.data.spans)
        clip = read_clip(row.path, places, settings.clip, settings.mel.rate_hz, self.reads, self.store)
        prepare = image = 0.0
        for place in range(self.spans):
            view = clip.views[place] if place < len(clip.views) else None
            began = time.perf_counter()
            arrays.has_picture[place] = view is not None and view.pictures is not None
            self._pictures(None if view is None else view.pictures, rng, arrays.pictures[place])
            between = time.perf_counter()
            arrays.has_sound[place] = view is not None and view.samples is not None
            self._mel(None if view is None else view.samples, rng, arrays.mel[place])
            prepare, image = prepare + between - began, image + time.perf_counter() - between
        return Facts(
            key.row,
            row.video_name,
            target_of(row),
            clip.status,
            clip.seconds,
            clip.detail,
            clip.cost,
            prepare,
            image,
            time.perf_counter(),
        )

    def _pictures(self, pixels: np.ndarray | None, rng: np.random.Generator | None, into: np.ndarray) -> None:
        if pixels is None:
            into[...] = 0
            return
        fitted = transforms.fit(pixels, self.settings.clip.image_size)
        if rng is not None:
            fitted = transforms.augment_frames(fitted, self.settings.augment, rng)
        # A damaged file gives fewer frames than were asked for: its last one stands for the rest.
        present = min(len(fitted), len(into))
        into[:present], into[present:] = fitted[:present], fitted[-1]

    def _mel(self, samples: np.ndarray | None, rng: np.random.Generator | None, into: np.ndarray) -> None:
        settings = self.settings
        if samples is None:
            into[...] = 0
        elif rng is None:
            into[...] = mel.log_mel(samples, settings.mel, settings.clip.seconds)
        else:
            louder = transforms.augment_wave(samples, settings.mel.rate_hz, settings.augment, rng)
            into[...] = transforms.mask_mel(mel.log_mel(louder, settings.mel, settings.clip.seconds), settings.augment, rng)


def open_store(folder: Path, settings: config.Config, reads: tuple[str, ...]) -> Store:
    """The store in `folder` for what these settings decode. Raises InputError where the folder cannot be one."""
    spec = {"clip": settings.clip.model_dump(mode="json"), "rate_hz": settings.mel.rate_hz, "reads": list(reads)}
    return Store(folder, spec, settings.store)


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


class TrainBatches:
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


def file_sizes(rows: Sequence[Row]) -> list[int]:
    """Bytes of each row's file, 0 where there is none."""
    return [file_size(row) for row in rows]


def file_size(row: Row) -> int:
    try:
        return row.path.stat().st_size
    except OSError:
        return 0


def evaluation_batches(sizes: Sequence[int], batch_size: int, rank: int = 0, world: int = 1) -> list[list[Key]]:
    """This rank's rows in fixed batches, the largest files first, so that the last to be done are short ones.

    Which rows share a batch depends on the files alone, never on what is already done; no row is there twice.
    """
    rows = sorted(range(len(sizes)), key=lambda row: (-sizes[row], row))[rank::world]
    return [[Key(row, EVALUATION) for row in rows[at : at + batch_size]] for at in range(0, len(rows), batch_size)]
