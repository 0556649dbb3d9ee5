"""Where this process runs: its rank, its device and its random seeds. The only reader of what torchrun sets.

One process needs nothing. Under `torchrun --nproc-per-node=N` each process joins a group (NCCL on CUDA, else
gloo).
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

Made = TypeVar("Made")


@dataclass(frozen=True)
class Process:
    """`neighbours`: the processes of the group that share this machine, this one among them."""

    rank: int
    world: int
    device: torch.device
    neighbours: int = 1

    @property
    def main(self) -> bool:
        """True in the one process that prints and writes the run's files."""
        return self.rank == 0

    def workers(self, wanted: int | None, clips: int) -> int:
        """Processes that decode: `wanted`, or this process's share of the cores; no more than there are
        `clips`."""
        share = max(1, threads.cores() // self.neighbours)
        return min(share if wanted is None else wanted, clips)

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
        """Sum of each value over all processes, float64; every process must call it."""
        if self.world == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, thing: Any) -> list[Any]:
        """What each process holds, by rank; every process must call it and gets the whole list."""
        if self.world == 1:
            return [thing]
        things: list[Any] = [None] * self.world
        dist.all_gather_object(things, thing)
        return things

    def on_each(self, make: Callable[[], Made]) -> list[Made]:
        """What `make` gives in each process, by rank; every process must call it. Raises an InputError of one
        in all of them.

        Without this the others would wait for the one that gave up.
        """
        outcomes = self.gather(_outcome(make))
        if reasons := [reason for _, reason in outcomes if reason is not None]:
            raise InputError(reasons[0])
        return [thing for thing, _ in outcomes]

    def on_main(self, make: Callable[[], Made]) -> Made:
        """What `make` gives in the main process, in all of them; every process must call it. Its tensors lie
        on the CPU.

        The others may run on machines that see no file of the main one's. Raises an InputError of `make` in
        all of them.
        """
        if self.world == 1:
            return make()
        file = io.BytesIO()
        tensors: list[Tensor] = []
        outcome: Any = _outcome(make) if self.main else None
        if self.main:
            # Tensors go one by one: a state of several GB would otherwise be pickled whole, in memory and on
            # the device.
            pickler = pickle.Pickler(file)
            pickler.persistent_id = lambda thing: _set_aside(thing, tensors)  # type: ignore[method-assign]
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
        thing, reason = outcome
        if reason is not None:
            raise InputError(reason)
        return thing

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give each tensor the main process's values, in place, bit for bit; every process must call it."""
        if self.world == 1:
            return
        for tensor in tensors:
            # As bytes: every backend knows them. A copy where the tensor lies elsewhere or in another order.
            values = tensor.detach().to(self.device).contiguous()
            if values.numel():
                dist.broadcast(values.view(-1).view(torch.uint8), 0)
                if not self.main:
                    tensor.detach().copy_(values)

    def leave(self) -> None:
        """Leave the group: from here on no process waits for another. Every process must call it."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _outcome(make: Callable[[], Made]) -> tuple[Made | None, str | None]:
    """What `make` gives, or its InputError's sentence."""
    try:
        return make(), None
    except InputError as error:
        return None, str(error)


def _set_aside(thing: Any, tensors: list[Tensor]) -> int | None:
    """For a pickler: a tensor's number in `tensors`, where it is kept; None for anything else."""
    if not isinstance(thing, Tensor):
        return None
    tensors.append(thing)
    return len(tensors) - 1


@contextmanager
def join(cpu_threads: int = 0, *, deterministic: bool = False) -> Iterator[Process]:
    """Take this process's place; leave the group at the end. `cpu_threads` as of `threads.of_process`.

    deterministic: the same card gives the same bits; raises InputError in place of torch's error where an
    operation cannot.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise InputError(
                f"process {local} of this machine finds {torch.cuda.device_count()} GPUs; wanted one for "
                "each: give torchrun"
                f" --nproc-per-node={torch.cuda.device_count()}"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    threads.of_process(cpu_threads)
    if deterministic:
        _be_deterministic()
    alone = os.environ.get("LOCAL_WORLD_SIZE") == str(world)
    if world > 1 and alone and sys.platform == "linux":
        # gloo would look for this machine by its name, which has no address in a container without a network.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if world > 1:
        # A validation pass may keep one rank waiting long for the others.
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    try:
        yield Process(rank, world, device, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
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


def _be_deterministic() -> None:
    # cuBLAS reads its variable when it is first used; of its two documented settings this one is the faster.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def seed(*key: int) -> None:
    """Seed torch (CPU and CUDA) from `key`, such as (seed, epoch, step, rank), so that a resume has nothing
    to restore."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state) >> 1)
