"""Runs commands of ours from other commands, as a person would type them: `telltale train`, `telltale
predict` and the rest."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

# -P: Python does not import modules from the working directory.
TELLTALE = [sys.executable, "-P", "-m", "telltale"]


def telltale(*words: Any) -> list[str]:
    """The command `telltale WORDS...` of this installation."""
    return [*TELLTALE, *map(str, words)]


def several(processes: int, command: Sequence[str]) -> list[str]:
    """A command of ours run by torchrun in so many processes of this machine. One process needs no
    torchrun."""
    if processes == 1:
        return list(command)
    # The loopback address, because a container without a network cannot resolve its own host name.
    group = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={processes}", "--no-python"]
    return [sys.executable, "-P", "-m", "torch.distributed.run", *group, *command]


def as_typed(command: Sequence[str]) -> str:
    """The command as a person would type it."""
    ours = list(command[: len(TELLTALE)]) == TELLTALE
    return shlex.join(["telltale", *command[len(TELLTALE) :]] if ours else command)


def call(command: list[str]) -> int:
    """Run a command to its end and return its status; 128 + the signal's number if a signal ended it.

    Ctrl-C and SIGTERM are forwarded to it, so that it can save before it ends. It has a process group of its
    own, so it gets each signal once: otherwise a terminal's Ctrl-C would reach it twice, and a container's
    stop not at all.
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
