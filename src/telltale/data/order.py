"""Which clips are read in which batch: the random order of training, the fixed batches of evaluation.

An epoch's order is a pure function of (seed, epoch), so a run can continue in the middle of an epoch. Each
rank takes its own share of every batch.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from telltale import config
from telltale.data.batch import EVALUATION, SampleKey
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.runtime.progress import each


def order(targets: np.ndarray, seed: int, epoch: int, balance: bool) -> np.ndarray:
    """The rows of one epoch in their order, int64 (N,); a pure function of its arguments.

    Unbalanced: every row once. Balanced: N rows, half of each class; the larger class is drawn without and
    the smaller with as few repeats as possible.
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


def pairs(targets: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """One epoch's rows in pairs, int64 (F, 2): every forged row once, after a genuine one drawn for it."""
    rng = np.random.default_rng([seed, epoch])
    forged, genuine = rng.permutation(np.flatnonzero(targets == 1)), np.flatnonzero(targets == 0)
    return np.stack([rng.choice(genuine, len(forged)), forged], 1)


class TrainBatches:
    """One rank's share of every global batch of an epoch, from step `start` on. Set `epoch` and `start`
    before iterating.

    unit: "clips", every row (`order`); "pairs", as `pairs` says, of which none is torn; "genuine", genuine
    rows alone. The last batch may leave a rank nothing. It then gets the epoch's first clip or pair as a
    stand-in, and `counts` says so.
    """

    def __init__(
        self, targets: np.ndarray, settings: config.Config, rank: int, world: int, unit: str = "clips"
    ) -> None:
        self.targets, self.settings, self.rank, self.world, self.unit = targets, settings, rank, world, unit
        self.epoch = self.start = 0
        self.clips_a_unit = 2 if unit == "pairs" else 1
        if settings.data.batch_size % self.clips_a_unit:
            raise InputError(
                f"data.batch_size is {settings.data.batch_size}; {settings.model.name} trains on pairs, "
                "wanted an even number"
            )
        self._count = int(
            (targets == 1).sum()
            if unit == "pairs"
            else (targets == 0).sum()
            if unit == "genuine"
            else len(targets)
        )
        self._size = settings.data.batch_size // self.clips_a_unit

    @property
    def clips(self) -> int:
        """Clips of an epoch, of all processes together."""
        return self._count * self.clips_a_unit

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def counts(self, step: int) -> bool:
        """False where this rank's batch at `step` is a stand-in."""
        return self.global_size(step) > self.rank * self.clips_a_unit

    def whole(self, usable: Tensor) -> Tensor:
        """bool (N,), without the clips whose partner cannot be used."""
        return usable.view(-1, self.clips_a_unit).all(1).repeat_interleave(self.clips_a_unit)

    def global_size(self, step: int) -> int:
        """Clips of all processes together at `step`."""
        return min(self._size, self._count - step * self._size) * self.clips_a_unit

    def __iter__(self) -> Iterator[list[SampleKey]]:
        units = self._units()
        for step in range(self.start, len(self)):
            share = units[step * self._size : (step + 1) * self._size][self.rank :: self.world]
            yield [SampleKey(int(row), self.epoch) for row in (share if len(share) else units[:1]).flatten()]

    def _units(self) -> np.ndarray:
        """The epoch's units in their order, (U, clips of a unit)."""
        seed = self.settings.seed
        if self.unit == "pairs":
            return pairs(self.targets, seed, self.epoch)
        if self.unit == "genuine":
            genuine = np.flatnonzero(self.targets == 0)
            return genuine[order(genuine, seed, self.epoch, balance=False)][:, None]
        return order(self.targets, seed, self.epoch, self.settings.data.balance)[:, None]


def file_sizes(rows: Sequence[Row]) -> list[int]:
    """Bytes of each row's file, 0 where there is none."""
    return [file_size(row) for row in each(rows, "sizes", "file")]


def file_size(row: Row) -> int:
    try:
        return row.path.stat().st_size
    except OSError:
        return 0


def evaluation_batches(
    sizes: Sequence[int], batch_size: int, rank: int = 0, world: int = 1
) -> list[list[SampleKey]]:
    """This rank's rows in fixed batches, the largest files first, so that the last to be done are short ones.

    Which rows share a batch depends on the files alone, never on what is already done; no row is there twice.
    """
    rows = sorted(range(len(sizes)), key=lambda row: (-sizes[row], row))[rank::world]
    return [
        [SampleKey(row, EVALUATION) for row in rows[at : at + batch_size]]
        for at in range(0, len(rows), batch_size)
    ]
