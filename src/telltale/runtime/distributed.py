"""`Process`: the rank and device of this process, and what the processes of a run tell each other. Random
seeds.

    with distributed.join(settings.threads) as process:
        if process.main: ...

One process needs nothing. Under `torchrun --nproc-per-node=N` each process joins a group: NCCL on CUDA, else
gloo. No other module reads the environment variables that torchrun sets.
"""

import io
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from telltale.errors import InputError
from telltale.runtime import threads

Result = TypeVar("Result")


@dataclass(frozen=True)
class Process:
    """This process, one of the `world` processes of a run.

    rank: its number, from 0.
    world: how many there are.
    device: where its model is.
    local_world: how many of them run on this machine.

    What a method says that every process must call, no process may leave out: the others would wait for it
        for ever.
    """

    rank: int
    world: int
    device: torch.device
    local_world: int = 1

    @property
    def main(self) -> bool:
        """True in the one process that prints and writes the run's files."""
        return self.rank == 0

    def workers(self, requested: int | None, clips: int) -> int:
        """How many processes decode for this one: `requested`, or its share of the cores; at most one a
        clip."""
        share = max(1, threads.cores() // self.local_world)
        return min(share if requested is None else requested, clips)

    def describe(self, autocast: str, workers: int) -> str:
        """One line: device, precision, processes, workers of each. autocast: as of `optim.autocast`."""
        if self.device.type == "cuda":
            device = f"{self.device} {torch.cuda.get_device_name(self.device)}"
        else:
            count = torch.get_num_threads()
            device = f"CPU, {count} thread{'s' * (count != 1)}"
        processes = "1 process" if self.world == 1 else f"{self.world} processes"
        each = f"{workers} worker{'s' * (workers != 1)}" + (" each" if self.world > 1 else "")
        return f"{device}, {'fp32' if autocast == 'off' else autocast}, {processes}, {each}"

    def total(self, *values: float) -> list[float]:
        """The sum of each value over all processes, in float64. Every process must call it."""
        if self.world == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank, in every process. Every process must call it."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def on_each(self, compute: Callable[[], Result]) -> list[Result]:
        """What `compute` returns in each process, by rank, in every process. Every process must call it.

        An InputError of one process is raised in all of them. Otherwise the others would wait for it.
        """
        outcomes = self.gather(_outcome(compute))
        if reasons := [reason for _, reason in outcomes if reason is not None]:
            raise InputError(reasons[0])
        return [result for result, _ in outcomes]

    def on_main(self, compute: Callable[[], Result]) -> Result:
        """What `compute` returns in the main process, in every process. Every process must call it.

        Only the main process calls `compute`: the others may run on machines that do not see its files. An
        InputError is raised in all of them. Tensors in the result are on the CPU.
        """
        if self.world == 1:
            return compute()
        file = io.BytesIO()
        tensors: list[Tensor] = []
        outcome: Any = _outcome(compute) if self.main else None
        if self.main:
            # Tensors are sent one by one. Pickled with the rest, a state of several GB would be in memory and
            # on the device a second time.
            pickler = pickle.Pickler(file)
            pickler.persistent_id = lambda value: _set_aside(value, tensors)  # type: ignore[method-assign]
            pickler.dump(outcome)
        sent = [(file.getvalue(), [(tuple(t.shape), t.stride(), t.dtype) for t in tensors])]
        dist.broadcast_object_list(sent, 0, device=self.device)
        if not self.main:
            tensors = [torch.empty_strided(*form[:2], dtype=form[2]) for form in sent[0][1]]
        self.broadcast(tensors)
        if not self.main:
            unpickler = pickle.Unpickler(io.BytesIO(sent[0][0]))
            unpickler.persistent_load = tensors.__getitem__  # type: ignore[method-assign]
            outcome = unpickler.load()
        result, reason = outcome
        if reason is not None:
            raise InputError(reason)
        return result

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Write the main process's values into each tensor, bit for bit. Every process must call it."""
        if self.world == 1:
            return
        for tensor in tensors:
            # As bytes, which every backend can send. This copies if the tensor is on another device or not
            # contiguous.
            values = tensor.detach().to(self.device).contiguous()
            if values.numel():
                dist.broadcast(values.view(-1).view(torch.uint8), 0)
                if not self.main:
                    tensor.detach().copy_(values)

    def leave(self) -> None:
        """Leave the group: from here on no process waits for another. Every process must call it."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _outcome(compute: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """What `compute` returns, or the sentence of its InputError."""
    try:
        return compute(), None
    except InputError as error:
        return None, str(error)


def _set_aside(value: Any, tensors: list[Tensor]) -> int | None:
    """For a pickler: put a tensor into `tensors` and pickle its index there. None: pickle the value
    itself."""
    if not isinstance(value, Tensor):
        return None
    tensors.append(value)
    return len(tensors) - 1


@contextmanager
def join(cpu_threads: int = 0, *, deterministic: bool = False) -> Iterator[Process]:
    """Join the group of processes that torchrun started, if it did, and leave it at the end.

    cpu_threads: as of `threads.of_process`.
    deterministic: the same GPU gives the same bits. An operation that cannot do so raises InputError.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local_world = os.environ.get("LOCAL_WORLD_SIZE", "1")
    device = _device()
    threads.of_process(cpu_threads)
    if deterministic:
        _be_deterministic()
    if world > 1 and local_world == str(world) and sys.platform == "linux":
        # All processes are on this machine. gloo would look up its address by its host name, which has none
        # in a container without a network.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if world > 1:
        # During validation one rank may wait long for the others.
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    try:
        yield Process(rank, world, device, int(local_world))
    except RuntimeError as error:
        if deterministic and "deterministic" in str(error):
            reason = str(error).split(", but you set")[0].split(". You can turn off")[0]
            raise InputError(f"deterministic=true: {reason}; set it to false, or change the model") from error
        raise
    finally:
        if deterministic:
            torch.use_deterministic_algorithms(False)
        if world > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _device() -> torch.device:
    """The GPU of this process, or the CPU if there is none. Raises InputError if there are fewer GPUs than
    processes on this machine."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local_rank, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local_rank >= count:
        raise InputError(
            f"process {local_rank} of this machine finds {count} GPUs; wanted one for each: give torchrun "
            f"--nproc-per-node={count}"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


def _be_deterministic() -> None:
    # cuBLAS reads the variable at its first use. Of the two settings that its documentation names this is the
    # faster.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def seed(*key: int) -> None:
    """Seed torch, on CPU and CUDA, from `key`, such as (seed, epoch, step, rank). Then a resumed run has no
    generator state to restore."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state) >> 1)
