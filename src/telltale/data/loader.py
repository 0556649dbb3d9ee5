"""Batches of a data set in their order, read by worker processes straight into memory that they share with
this one.

    feed = ClipLoader(dataset, batches, workers=4, timeout_seconds=60.0)
    for batch in on_device(feed, device): ...      # as often as there are epochs
    feed.close()

The tensors are the same whatever the number of workers. What a clip can do to the process that reads it (hang
it, crash it) becomes that clip's status, "timeout" or "crashed", and nothing else of the run changes. With 0
workers the clips are read in this process, and nothing protects it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from telltale.data.batch import (
    Batch,
    SampleArrays,
    SampleInfo,
    SampleKey,
    SampleSource,
    allocate,
    assemble,
    failed,
)
from telltale.data.order import file_size
from telltale.runtime.pool import Lost, WorkerPool


class Batches(Protocol):
    """A list of batches, or anything that gives one each time it is iterated."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[list[SampleKey]]: ...


@dataclass
class _Line:
    """The workers and the slots that they fill; a slot is one batch's room. `free`: those not begun and not
    in use."""

    pool: WorkerPool
    slots: list[SampleArrays]
    free: list[int]


@dataclass(frozen=True)
class _Begun:
    """A batch that the workers are at: its keys, and the order in which their places were handed out."""

    slot: int
    keys: list[SampleKey]
    order: list[int]


@dataclass
class _Round:
    """One iteration: the batches still to begin, those begun, in their order, and what came back of slots
    that are filled."""

    line: _Line
    left: Iterator[list[SampleKey]]
    begun: deque[_Begun] = field(default_factory=deque)
    filled: dict[int, list[SampleInfo | Lost]] = field(default_factory=dict)


class ClipLoader:
    """The batches of `dataset` in the order of `batches`, each valid until the next is asked for: its memory
    is used again.

    The workers are forked when the first iteration begins, or at `start`, and know what was in memory then.
    They stay for the next iteration; one that is left early ends them. Raises what reading raised, and
    RuntimeError if the workers are gone.
    """

    def __init__(
        self, dataset: SampleSource, batches: Batches, workers: int, *, timeout_seconds: float
    ) -> None:
        self.dataset, self.batches = dataset, batches
        self.workers, self.timeout_seconds = workers, timeout_seconds
        self._idle: _Line | None = None
        self._round: _Round | None = None
        self._started = False
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return self._with_workers() if self.workers else self._alone()

    def start(self) -> None:
        """Begin to read the first batches now; the next iteration goes on from there."""
        if self.workers and self._round is None:
            self._begin()
            self._started = self._round is not None

    def close(self) -> None:
        """End the workers, in the middle of an iteration too, which cannot go on then."""
        for line in (self._idle, self._round.line if self._round else None):
            if line is not None:
                line.pool.close()
        self._idle = self._round = None
        self._started = False

    def _alone(self) -> Iterator[Batch]:
        slot: SampleArrays | None = None
        for keys in self.batches:
            if slot is None or len(slot.has_sound) < len(keys):
                slot = allocate(self.dataset.shapes(), len(keys))
            yield assemble([self.dataset.fill(key, slot.of(place)) for place, key in enumerate(keys)], slot)

    def _with_workers(self) -> Iterator[Batch]:
        if not self._started:
            self._begin()
        now, self._started = self._round, False
        if now is None:
            return
        try:
            while now.begun:
                first = now.begun.popleft()
                while first.slot not in now.filled:
                    slot, answers = now.line.pool.finished()
                    now.filled[slot] = answers
                yield self._batch(first, now.line.slots[first.slot], now.filled.pop(first.slot))
                now.line.free.append(first.slot)
                self._submit(now)
            self._idle, self._round = now.line, None
        finally:
            if self._round is now:
                self.close()

    def _begin(self) -> None:
        if self._round is not None:
            self.close()
        batches = list(self.batches)
        if not batches:
            return
        # An iteration may begin with an epoch's last, smaller batches: the next one then needs larger slots
        # than there are.
        size = max(map(len, batches))
        if self._idle is not None and len(self._idle.slots[0].has_sound) < size:
            self.close()
        line = self._idle or self._line(size)
        self._idle, self._round = None, _Round(line, iter(batches))
        self._submit(self._round)

    def _line(self, size: int) -> _Line:
        """Workers, and slots of `size` clips so that none of them waits: for the batch in use, the next, and
        two clips each."""
        dataset = self.dataset
        count = min(2 + -(-2 * self.workers // size), len(self))
        slots = [allocate(dataset.shapes(), size) for _ in range(count)]

        def read(task: tuple[int, int, SampleKey]) -> SampleInfo:
            slot, place, key = task
            return dataset.fill(key, slots[slot].of(place))

        return _Line(
            WorkerPool(read, self.workers, self.timeout_seconds, dataset.prepare), slots, list(range(count))
        )

    def _submit(self, now: _Round) -> None:
        while now.line.free and (keys := next(now.left, None)) is not None:
            slot = now.line.free.pop()
            # The largest file first: the longest clip must not be begun when all others are done.
            order = sorted(range(len(keys)), key=lambda place: (-self._size(keys[place].row), place))
            now.line.pool.submit(slot, [(slot, place, keys[place]) for place in order])
            now.begun.append(_Begun(slot, keys, order))

    def _size(self, row: int) -> int:
        if row not in self._sizes:
            self._sizes[row] = file_size(self.dataset.rows[row])
        return self._sizes[row]

    def _batch(self, begun: _Begun, arrays: SampleArrays, answers: list[SampleInfo | Lost]) -> Batch:
        by_place = dict(zip(begun.order, answers, strict=True))
        infos = []
        for place, key in enumerate(begun.keys):
            answer = by_place[place]
            if isinstance(answer, Lost):
                row = self.dataset.rows[key.row]
                # Its worker may have died in the middle of writing.
                arrays.of(place).clear()
                answer = failed(key.row, row, answer.status, f"{row.path}: {answer.reason}")
            infos.append(answer)
        return assemble(infos, arrays)


def on_device(loader: ClipLoader, device: torch.device) -> Iterator[Batch]:
    """The feed's batches with the model's tensors on `device`. On CUDA the next batch crosses while one is
    worked on."""
    return _ahead(loader, device) if device.type == "cuda" else iter(loader)


def _ahead(loader: ClipLoader, device: torch.device) -> Iterator[Batch]:
    side = torch.cuda.Stream(device)

    def cross(tensor: Tensor) -> Tensor:
        # From memory that is not pinned the copy would not run beside the model. Pinning copies: the slot is
        # free at once.
        return tensor.pin_memory().to(device, non_blocking=True) if tensor.numel() else tensor.to(device)

    def send(batch: Batch) -> tuple[Batch, torch.cuda.Event]:
        with torch.cuda.stream(side):
            sent: dict[str, Any] = {name: cross(tensor) for name, tensor in batch.arrays().items()}
            return replace(batch, **sent), side.record_event()

    def receive(batch: Batch, arrived: torch.cuda.Event) -> Batch:
        stream = torch.cuda.current_stream(device)
        stream.wait_event(arrived)
        for tensor in batch.arrays().values():
            # The memory belongs to the side stream, which must not use it again before the model is done with
            # it.
            tensor.record_stream(stream)
        return batch

    coming: tuple[Batch, torch.cuda.Event] | None = None
    for batch in loader:
        before, coming = coming, send(batch)
        if before is not None:
            yield receive(*before)
    if coming is not None:
        yield receive(*coming)
