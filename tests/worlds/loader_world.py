"""A data set whose clips do as they are told to the process that reads them, and what looks at the
processes."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from telltale.data.batch import EVALUATION, Batch, SampleArrays, SampleInfo, SampleKey, Shapes
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row

NAMES = ("pictures", "mel", "has_picture", "has_sound", "frame_seconds", "target", "usable")


class Numbered:
    """Clip k's pictures show k + 1 all over; `acts[k]()` happens while it is read."""

    def __init__(
        self, count: int, acts: dict[int, Callable[[], object]] | None = None, done: Path | None = None
    ) -> None:
        self.rows = [Row(f"{row}.mp4", Path(f"nowhere/{row}.mp4"), row % 2) for row in range(count)]
        self.acts, self.done = acts or {}, done

    def shapes(self) -> Shapes:
        return Shapes((1, 2, 4, 4, 3), (1, 3, 5))

    def prepare(self) -> None:
        pass

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        arrays.pictures[:] = key.row + 1
        arrays.mel[:] = np.random.default_rng([key.epoch + 1, key.row]).normal(size=(1, 3, 5))
        arrays.has_picture[:] = arrays.has_sound[:] = True
        arrays.frame_seconds[:] = key.row + 0.5
        self.acts.get(key.row, lambda: None)()
        if self.done is not None:
            note(self.done, key.row)
        return SampleInfo(key.row, f"{key.row}.mp4", float(key.row % 2), "ok", 1.0)


def note(path: Path, word: object) -> None:
    with path.open("a") as file:
        file.write(f"{word}\n")


def keys(count: int, size: int) -> list[list[SampleKey]]:
    return [
        [SampleKey(row, EVALUATION) for row in range(at, min(at + size, count))]
        for at in range(0, count, size)
    ]


class WholeLoader(ClipLoader):
    """Each iteration reads all clips of the data set in order, `size` at a time. `start`: read ahead for the
    next iteration."""

    def __init__(self, dataset: Numbered, workers: int, size: int, seconds: float) -> None:
        super().__init__(dataset, workers, timeout_seconds=seconds)
        self.batches = keys(len(dataset.rows), size)
        self.started: Iterator[Batch] | None = None

    def start(self) -> None:
        self.started = self.read(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        batches, self.started = self.started or self.read(self.batches), None
        return batches


def loader_of(dataset: Numbered, workers: int, size: int = 4, seconds: float = 60.0) -> WholeLoader:
    return WholeLoader(dataset, workers, size, seconds)


def read(batches: Iterable[Batch]) -> tuple[list[SampleInfo], dict[str, torch.Tensor]]:
    """All of an iteration, copied as it comes."""
    infos, tensors = [], {name: [] for name in NAMES}
    for batch in batches:
        infos += batch.infos
        for name in NAMES:
            tensors[name].append(getattr(batch, name).clone())
    return infos, {name: torch.cat(parts) for name, parts in tensors.items()}


def children(pid: int) -> list[int]:
    """Living processes below `pid`, at any depth; Python's resource tracker, which another test may have
    started, is none."""
    found = []
    for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            state = Path(f"/proc/{text}/stat").read_text().rpartition(")")[2].split()[0]
            if "multiprocessing.resource_tracker" in Path(f"/proc/{text}/cmdline").read_text():
                continue
            found += ([] if state == "Z" else [int(text)]) + children(int(text))
        except FileNotFoundError:
            continue
    return found


def soon(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def unharmed(
    dataset: Numbered, infos: Sequence[SampleInfo], tensors: dict[str, torch.Tensor], lost: dict[int, str]
) -> None:
    """Every clip but the lost is what it is without workers; a lost one is zeros under False flags."""
    whole_infos, whole = read(loader_of(Numbered(len(dataset.rows)), 0))
    assert [info.status for info in infos] == [lost.get(row, "ok") for row in range(len(dataset.rows))]
    for row, info in enumerate(infos):
        if row not in lost:
            assert info == whole_infos[row]
        for name in NAMES:
            expected = (
                whole[name][row]
                if row not in lost or name == "target"
                else torch.zeros_like(whole[name][row])
            )
            assert torch.equal(tensors[name][row], expected), (row, name)


@pytest.fixture
def tidy() -> Iterator[None]:
    """Neither a process nor an open file is left behind."""
    before, files = children(os.getpid()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    yield
    assert soon(lambda: children(os.getpid()) == before)
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208
