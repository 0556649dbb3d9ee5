"""Which clips are read in which batch: the random order of training, the fixed batches of evaluation.

An epoch's order is a pure function of (seed, epoch), so a run can continue in the middle of an epoch. Each
rank takes its own share of every batch.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from telltale import config
from telltale.data.batch import EVALUATION, SampleKey
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.runtime.progress import each


class TrainOrder:
    """One rank's share of the batches of every epoch.

    targets: int (N,), 0 genuine and 1 forged, by row of the manifest
    settings: of the run
    rank, world: of this process, and how many there are
    unit: what an epoch is made of: "clips" and "twins", every row (see `shuffled`); "pairs" (see
        `shuffled_pairs`), none of which is split between ranks or batches; "genuine", the genuine rows alone

    With `data.repeats` an epoch has as many passes over these, one after another.

    The last batch may leave a rank nothing. The rank then gets the epoch's first clip or pair in its place,
    and `is_own` says so. Raises InputError for pairs and an odd batch size.
    """

    def __init__(
        self, targets: np.ndarray, settings: config.Config, rank: int, world: int, unit: str = "clips"
    ) -> None:
        self.targets, self.settings, self.rank, self.world, self.unit = targets, settings, rank, world, unit
        self.repeats = settings.data.repeats
        self.clips_a_unit = 2 if unit == "pairs" else 1
        if settings.data.batch_size % self.clips_a_unit:
            raise InputError(
                f"data.batch_size is {settings.data.batch_size}; {settings.model.name} trains on pairs, "
                "wanted an even number"
            )
        counted = {"pairs": targets == 1, "genuine": targets == 0}
        self._count = int(counted[unit].sum()) if unit in counted else len(targets)
        self._count *= self.repeats
        self._size = settings.data.batch_size // self.clips_a_unit

    def __len__(self) -> int:
        """Batches of an epoch, the same on every rank."""
        return -(-self._count // self._size)

    @property
    def clips(self) -> int:
        """Clips of an epoch, of all ranks together."""
        return self._count * self.clips_a_unit

    def batches_from(self, epoch: int, step: int = 0) -> list[list[SampleKey]]:
        """This rank's batches of an epoch, from batch `step` on."""
        # Each pass is drawn as an epoch of its own, so R passes are what R times as many epochs would be.
        passes = range(epoch * self.repeats, (epoch + 1) * self.repeats)
        drawn = [(self._units(each), each) for each in passes]
        units = np.concatenate([rows for rows, _ in drawn])
        epochs = np.repeat([each for _, each in drawn], [len(rows) for rows, _ in drawn])
        batches = []
        for first in range(step * self._size, self._count, self._size):
            share = np.arange(first, min(first + self._size, self._count))[self.rank :: self.world]
            share = share if len(share) else np.zeros(1, np.int64)
            batches.append([SampleKey(int(row), int(epochs[at])) for at in share for row in units[at]])
        return batches

    def is_own(self, step: int) -> bool:
        """False if this rank's batch `step` only stands in for a share that is empty: it must not count."""
        return self.global_size(step) > self.rank * self.clips_a_unit

    def global_size(self, step: int) -> int:
        """Clips of batch `step`, of all ranks together."""
        return min(self._size, self._count - step * self._size) * self.clips_a_unit

    def complete(self, usable: Tensor) -> Tensor:
        """`usable`, bool (N,) of one batch's clips, without those whose partner in a pair is not usable."""
        return usable.view(-1, self.clips_a_unit).all(1).repeat_interleave(self.clips_a_unit)

    def _units(self, epoch: int) -> np.ndarray:
        """The units of one pass in their order, int64 (U, clips of a unit)."""
        seed = self.settings.seed
        if self.unit == "pairs":
            return shuffled_pairs(self.targets, seed, epoch)
        if self.unit == "genuine":
            genuine = np.flatnonzero(self.targets == 0)
            return genuine[shuffled(genuine, seed, epoch, balance=False)][:, None]
        return shuffled(self.targets, seed, epoch, self.settings.data.balance)[:, None]


def shuffled(targets: np.ndarray, seed: int, epoch: int, balance: bool) -> np.ndarray:
    """The rows of one epoch in their order, int64 (N,); a pure function of its arguments.

    Unbalanced: every row once. Balanced: N rows, half of each class; the larger class is drawn without
    repeats, the smaller class with as few as possible.
    """
    rng = np.random.default_rng([seed, epoch])
    if not balance:
        return rng.permutation(len(targets))
    halves = []
    for target, count in ((0, len(targets) // 2), (1, len(targets) - len(targets) // 2)):
        rows = np.flatnonzero(targets == target)
        rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
        halves.append(np.concatenate(rounds)[:count])
    return rng.permutation(np.concatenate(halves))


def shuffled_pairs(targets: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """One epoch's rows in pairs, int64 (F, 2): every forged row once, after a genuine row drawn for it."""
    rng = np.random.default_rng([seed, epoch])
    forged, genuine = rng.permutation(np.flatnonzero(targets == 1)), np.flatnonzero(targets == 0)
    return np.stack([rng.choice(genuine, len(forged)), forged], 1)


def file_sizes(rows: Sequence[Row]) -> list[int]:
    """Bytes of each row's file, 0 for a file that is missing."""
    return [file_size(row) for row in each(rows, "sizes", "file")]


def file_size(row: Row) -> int:
    try:
        return row.path.stat().st_size
    except OSError:
        return 0


def evaluation_batches(
    sizes: Sequence[int], batch_size: int, rank: int = 0, world: int = 1
) -> list[list[SampleKey]]:
    """This rank's rows in fixed batches, the largest files first, so that no long clip is read last.

    sizes: bytes of each row's file. Which rows share a batch depends on the sizes alone, never on what was
    scored before: the last bits of a score depend on the clips in its batch. No row appears twice.
    """
    rows = sorted(range(len(sizes)), key=lambda row: (-sizes[row], row))[rank::world]
    return [
        [SampleKey(row, EVALUATION) for row in rows[at : at + batch_size]]
        for at in range(0, len(rows), batch_size)
    ]
