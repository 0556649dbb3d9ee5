"""Two processes of one gloo group, forked from this one, so that what is imported is imported once."""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import sklearn.metrics
import timm
import torch
import torch._dynamo

from telltale.predict import prediction
from telltale.runtime import distributed
from telltale.train import training

__all__ = ["launch", "prediction", "sklearn", "timm", "together", "training"]

FORK = multiprocessing.get_context("fork")


def together(program: Callable[..., Any], *given: Any, folder: Path) -> list[Any]:
    """What `program(here, *given)` returns in each of two processes, by rank; a traceback in its place if it
    raised."""
    _run(lambda rank: _join(program, given, folder / f"answer-{rank}.pt"))
    return [torch.load(folder / f"answer-{rank}.pt", weights_only=False) for rank in range(2)]


def launch(program: Callable[[], int], *, logs: Path | None = None) -> list[int | None]:
    """The exit statuses of `program` in two processes that join by themselves, as under torchrun. logs: for
    their stderr."""

    def body(rank: int) -> None:
        with (
            (Path(os.devnull) if logs is None else logs / f"{rank}.log").open("w") as log,
            redirect_stderr(log),
        ):
            status = program()
        os._exit(status)

    return _run(body)


def begin(body: Callable[[int], None]) -> list[Any]:
    """Two processes that run `body(rank)` in the environment that torchrun would give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: list[Any] = [FORK.Process(target=_child, args=(body, rank, port)) for rank in range(2)]
    for process in processes:
        process.start()
    return processes


def _run(body: Callable[[int], None]) -> list[int | None]:
    processes = begin(body)
    for process in processes:
        process.join(300)
        process.kill()  # one that still lives waits for the other forever: its status says so
        process.join()
    return [process.exitcode for process in processes]


def _child(body: Callable[[int], None], rank: int, port: int) -> None:
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in names.items()} | {"MASTER_ADDR": "127.0.0.1"}
    torch.set_num_threads(1)
    try:
        body(rank)
    except BaseException:
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _join(program: Callable[..., Any], given: tuple[Any, ...], answer: Path) -> None:
    try:
        with distributed.join(1) as process:
            found = program(process, *given)
    except BaseException:
        found = traceback.format_exc()
    torch.save(found, answer)
