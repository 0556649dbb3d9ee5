"""Batches of a data set in their order, read by worker processes straight into memory that they share with
this one.

    loader = ClipLoader(dataset, workers=4, timeout_seconds=60.0)
    for batch in on_device(loader.read(batches), device): ...      # as often as there are epochs
    loader.close()

The tensors are the same whatever the number of workers. What a clip can do to the process that reads it (hang
it, crash it) becomes that clip's status, "timeout" or "crashed", and nothing else of the run changes. With 0
workers the clips are read in this process, and nothing protects it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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
    """Reads batches of `dataset`.

    The workers are forked by the first call of `read` and know what was in memory then. They stay for the
    next call; an iteration that is left early ends them.
    """

    def __init__(self, dataset: SampleSource, workers: int, *, timeout_seconds: float) -> None:
        self.dataset, self.workers, self.timeout_seconds = dataset, workers, timeout_seconds
        self._idle: _Line | None = None
        self._round: _Round | None = None
        self._sizes: dict[int, int] = {}

    def read(self, batches: Sequence[list[SampleKey]]) -> Iterator[Batch]:
        """The batches in their order, each valid until the next is asked for: its memory is used again.

        The workers begin at once, before the first batch is asked for. There is one iteration at a time: a
        call ends the iteration before it if that is not finished. The iteration raises what reading raised,
        and RuntimeError if the workers are gone.
        """
        return self._with_workers(self._begin(batches)) if self.workers else self._alone(batches)

    def close(self) -> None:
        """End the workers, in the middle of an iteration too, which cannot go on then."""
        for line in (self._idle, self._round.line if self._round else None):
            if line is not None:
                line.pool.close()
        self._idle = self._round = None

    def _alone(self, batches: Sequence[list[SampleKey]]) -> Iterator[Batch]:
        slot: SampleArrays | None = None
        for keys in batches:
            if slot is None or len(slot.has_sound) < len(keys):
                slot = allocate(self.dataset.shapes(), len(keys))
            yield assemble([self.dataset.fill(key, slot.of(place)) for place, key in enumerate(keys)], slot)

    def _with_workers(self, now: _Round | None) -> Iterator[Batch]:
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

    def _begin(self, batches: Sequence[list[SampleKey]]) -> _Round | None:
        if self._round is not None:
            self.close()
        if not batches:
            return None
        # An iteration may begin with an epoch's last, smaller batches: the next one then needs larger slots
        # than there are.
        size = max(map(len, batches))
        if self._idle is not None and len(self._idle.slots[0].has_sound) < size:
            self.close()
        line = self._idle or self._line(size)
        self._idle, self._round = None, _Round(line, iter(batches))
        self._submit(self._round)
        return self._round

    def _line(self, size: int) -> _Line:
        """Workers, and slots of `size` clips so that none of them waits: for the batch in use, the next, and
        two clips each."""
        dataset = self.dataset
        # Those that short work never uses cost nothing: their memory is allocated when it is first written.
        count = 2 + -(-2 * self.workers // size)
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


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches with the model's tensors on `device`. On CUDA the next batch is copied there while the
    model works on one."""
    return _ahead(batches, device) if device.type == "cuda" else iter(batches)


def _ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
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
    for batch in batches:
        before, coming = coming, send(batch)
        if before is not None:
            yield receive(*before)
    if coming is not None:
        yield receive(*coming)
