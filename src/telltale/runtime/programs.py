"""Our own verbs called by others of ours, as a person would type them: `telltale train`, `telltale predict`
and the rest."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

# -P: what lies in the working directory is not taken for a module.
TELLTALE = [sys.executable, "-P", "-m", "telltale"]


def telltale(*words: Any) -> list[str]:
    """The command `telltale WORDS...`, of this very installation."""
    return [*TELLTALE, *map(str, words)]


def several(processes: int, command: Sequence[str]) -> list[str]:
    """A command of ours in so many processes of this machine, by torchrun; one process needs nothing.

    By the loopback address: a container without a network cannot resolve its own name.
    """
    if processes == 1:
        return list(command)
    group = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={processes}", "--no-python"]
    return [sys.executable, "-P", "-m", "torch.distributed.run", *group, *command]


def as_typed(command: Sequence[str]) -> str:
    """The command as a person would type it."""
    ours = list(command[: len(TELLTALE)]) == TELLTALE
    return shlex.join(["telltale", *command[len(TELLTALE) :]] if ours else command)


def call(command: list[str]) -> int:
    """Run a command to its end and return its status; 128 + the signal's number if a signal ended it.

    It runs in a process group of its own and gets Ctrl-C and SIGTERM from here, each once, so that it has the
    time it needs to save: a terminal's Ctrl-C would reach it twice, a container's stop would not reach it at
    all.
    """
    with subprocess.Popen(command, process_group=0) as child:

        def forward(number: int, _: FrameType | None) -> None:
            child.send_signal(number)

        before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            status = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 128 - status if status < 0 else status
