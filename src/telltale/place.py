"""Where this process runs: its rank, its device and its random seeds. The only reader of RANK, LOCAL_RANK and WORLD_SIZE.

One process needs nothing. Under `torchrun --nproc-per-node=N` each process joins a group (NCCL on CUDA, else gloo).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Place:
    rank: int
    world: int
    device: torch.device

    @property
    def main(self) -> bool:
        """True in the one process that prints and writes the run's files."""
        return self.rank == 0

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


@contextmanager
def join(threads: int = 0) -> Iterator[Place]:
    """Take this process's place; leave the group at the end. `threads` > 0 sets torch's CPU threads for this process."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if threads:
        torch.set_num_threads(threads)
    if world > 1:
        # A validation pass may keep one rank waiting long for the others.
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    try:
        yield Place(rank, world, device)
    finally:
        if world > 1:
            dist.destroy_process_group()


def seed(*key: int) -> None:
    """Seed torch (CPU and CUDA) from `key`, such as (seed, epoch, step, rank), so that a resume has nothing to restore."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state) >> 1)
