"""`ClipLoader`: reads batches of a data set by worker processes, into memory that they share with this
process.

    loader = ClipLoader(dataset, workers=4, timeout_seconds=60.0)
    for batch in on_device(loader.read(batches), device): ...      # once for each epoch
    loader.close()

It stands in for torch's DataLoader, for three reasons. The tensors are the same for any number of workers. A
clip that hangs or crashes its worker gets the status "timeout" or "crashed", and nothing else of the run
changes. And workers write into shared memory that is allocated once, so no batch is pickled, sent or copied.

With 0 workers the clips are read in this process, and nothing protects it from them.
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
from telltale.runtime.pool import WorkerPool
from telltale.runtime.supervisor import Lost


@dataclass
class _Workers:
    """A pool of workers and the slots that they write to.

    slots: arrays for one batch each, in shared memory. The workers were forked after these were allocated.
    free: indices of the slots that hold nothing that is still needed.
    """

    pool: WorkerPool
    slots: list[SampleArrays]
    free: list[int]


@dataclass(frozen=True)
class _Pending:
    """A batch that workers read into a slot. order: positions of its keys in the order of the pool's
    tasks."""

    slot: int
    keys: list[SampleKey]
    order: list[int]


@dataclass
class _Iteration:
    """One pass over batches.

    left: those that were not given to the workers yet.
    pending: those that were, in the order in which they are returned.
    done: by slot, the answers of batches that are complete. The pool finishes batches in any order.
    """

    workers: _Workers
    left: Iterator[list[SampleKey]]
    pending: deque[_Pending] = field(default_factory=deque)
    done: dict[int, list[SampleInfo | Lost]] = field(default_factory=dict)


class ClipLoader:
    """Reads batches of `dataset`.

    dataset: the samples.
    workers: processes that read them; 0 reads in this process.
    timeout_seconds: a clip that takes longer gets the status "timeout".

    The first call of `read` forks the workers. They know what was in memory then. They stay for the next
    call; an iteration that is left early ends them.
    """

    def __init__(self, dataset: SampleSource, workers: int, *, timeout_seconds: float) -> None:
        self.dataset, self.workers, self.timeout_seconds = dataset, workers, timeout_seconds
        # The workers are in `_idle` between two iterations and in `_current` during one.
        self._idle: _Workers | None = None
        self._current: _Iteration | None = None
        self._sizes: dict[int, int] = {}

    def read(self, batches: Sequence[list[SampleKey]]) -> Iterator[Batch]:
        """The batches in their order. Each is valid until the next is asked for, because its memory is used
        again.

        The workers begin at once, before the first batch is asked for. There is one iteration at a time: a
        call ends the iteration before it if that is not finished. The iteration raises what reading raised,
        and RuntimeError if the workers are gone.
        """
        return self._with_workers(self._begin(batches)) if self.workers else self._alone(batches)

    def close(self) -> None:
        """End the workers. An iteration that is not finished cannot go on then."""
        for workers in (self._idle, self._current.workers if self._current else None):
            if workers is not None:
                workers.pool.close()
        self._idle = self._current = None

    def _alone(self, batches: Sequence[list[SampleKey]]) -> Iterator[Batch]:
        slot: SampleArrays | None = None
        for keys in batches:
            if slot is None or len(slot.has_sound) < len(keys):
                slot = allocate(self.dataset.shapes(), len(keys))
            yield assemble([self.dataset.fill(key, slot.of(index)) for index, key in enumerate(keys)], slot)

    def _with_workers(self, iteration: _Iteration | None) -> Iterator[Batch]:
        if iteration is None:
            return
        workers = iteration.workers
        try:
            while iteration.pending:
                pending = iteration.pending.popleft()
                # Wait for this batch. Others that are complete before it are kept.
                while pending.slot not in iteration.done:
                    slot, answers = workers.pool.finished()
                    iteration.done[slot] = answers
                yield self._batch(pending, workers.slots[pending.slot], iteration.done.pop(pending.slot))
                # The caller asked for the next batch, so it is done with this one: its slot can be filled
                # again.
                workers.free.append(pending.slot)
                self._submit(iteration)
            self._idle, self._current = workers, None
        finally:
            # Reached by an exception, too, and if the caller drops the generator. Then slots are half
            # written, and the workers must end before anything else can use them.
            if self._current is iteration:
                self.close()

    def _begin(self, batches: Sequence[list[SampleKey]]) -> _Iteration | None:
        """Give the workers the first batches; fork workers if there are none. None if there is no batch."""
        if self._current is not None:
            self.close()
        if not batches:
            return None
        # A resumed epoch may consist of its last, smaller batch alone. The next epoch then needs larger
        # slots, and workers share only slots that were there when they were forked: so new workers, too.
        size = max(map(len, batches))
        if self._idle is not None and len(self._idle.slots[0].has_sound) < size:
            self.close()
        workers = self._idle or self._fork_workers(size)
        self._idle, self._current = None, _Iteration(workers, iter(batches))
        self._submit(self._current)
        return self._current

    def _fork_workers(self, size: int) -> _Workers:
        """Workers, and as many slots of `size` clips as keep all of them busy: one for the batch that the
        caller has, one for the next, and enough for two clips of each worker."""
        dataset = self.dataset
        # Slots that short work never uses cost nothing: their memory is allocated when it is first written.
        count = 2 + -(-2 * self.workers // size)
        slots = [allocate(dataset.shapes(), size) for _ in range(count)]

        def read(task: tuple[int, int, SampleKey]) -> SampleInfo:
            # Runs in a worker. Only the info goes through the pipe, the arrays are in shared memory.
            slot, index, key = task
            return dataset.fill(key, slots[slot].of(index))

        pool = WorkerPool(read, self.workers, self.timeout_seconds, dataset.prepare)
        return _Workers(pool, slots, list(range(count)))

    def _submit(self, iteration: _Iteration) -> None:
        """Give the workers batches as long as there are free slots."""
        workers = iteration.workers
        while workers.free and (keys := next(iteration.left, None)) is not None:
            slot = workers.free.pop()
            # The largest file first. If the longest clip were the last to begin, the others would wait for
            # it.
            order = sorted(range(len(keys)), key=lambda index: (-self._size(keys[index].row), index))
            workers.pool.submit(slot, [(slot, index, keys[index]) for index in order])
            iteration.pending.append(_Pending(slot, keys, order))

    def _size(self, row: int) -> int:
        """Bytes of a row's file."""
        if row not in self._sizes:
            self._sizes[row] = file_size(self.dataset.rows[row])
        return self._sizes[row]

    def _batch(self, pending: _Pending, arrays: SampleArrays, answers: list[SampleInfo | Lost]) -> Batch:
        """The batch in a slot, its clips in the order of the keys again."""
        by_index = dict(zip(pending.order, answers, strict=True))
        infos = []
        for index, key in enumerate(pending.keys):
            answer = by_index[index]
            if isinstance(answer, Lost):
                row = self.dataset.rows[key.row]
                # Its worker may have died in the middle of writing.
                arrays.of(index).clear()
                answer = failed(key.row, row, answer.status, f"{row.path}: {answer.reason}")
            infos.append(answer)
        return assemble(infos, arrays)


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches with the model's tensors on `device`. On CUDA the next batch is copied there while the
    model works on one."""
    return _ahead(batches, device) if device.type == "cuda" else iter(batches)


def _ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Batches on a CUDA device, each copied by a stream of its own while the one before is in work.

    A batch of the loader is valid until the next is asked for, and the next is asked for before this one is
    returned. That is safe because `copy` has copied the batch to pinned memory by then.
    """
    side = torch.cuda.Stream(device)

    def copy(tensor: Tensor) -> Tensor:
        # Only a copy from pinned memory runs beside the model. Pinning copies, so the slot is free at once.
        return tensor.pin_memory().to(device, non_blocking=True) if tensor.numel() else tensor.to(device)

    def send(batch: Batch) -> tuple[Batch, torch.cuda.Event]:
        with torch.cuda.stream(side):
            sent: dict[str, Any] = {name: copy(tensor) for name, tensor in batch.arrays().items()}
            return replace(batch, **sent), side.record_event()

    def receive(batch: Batch, copied: torch.cuda.Event) -> Batch:
        stream = torch.cuda.current_stream(device)
        stream.wait_event(copied)
        for tensor in batch.arrays().values():
            # The memory was allocated on the side stream. Without this, torch could give it to the next copy
            # while the model still reads it.
            tensor.record_stream(stream)
        return batch

    coming: tuple[Batch, torch.cuda.Event] | None = None
    for batch in batches:
        before, coming = coming, send(batch)
        if before is not None:
            yield receive(*before)
    if coming is not None:
        yield receive(*coming)
