"""Our own programs called by others of ours, as a person would type them: train.py, predict.py and the verbs of `telltale`.

They lie in the source checkout, which the package finds where it is installed from: by `make`, or in the image under /app.
"""

import shlex
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import FrameType

from telltale.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def telltale() -> str:
    """The command `telltale` of this environment."""
    return str(Path(sysconfig.get_path("scripts")) / "telltale")


def demand_checkout(who: str) -> None:
    """Raise InputError where train.py is not at hand."""
    if not (ROOT / "train.py").is_file():
        raise InputError(f"{who}: train.py is not in {ROOT}; wanted the source checkout: clone it and run it from there")


def near(name: str) -> Path:
    """A file of the checkout, as short as it can be typed from the working directory."""
    path = ROOT / name
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def as_typed(command: list[str]) -> str:
    """The command with its program's name in place of its path."""
    program = "python" if command[0] == sys.executable else Path(command[0]).name
    return shlex.join([program, *command[1:]])


def call(command: list[str]) -> int:
    """Run a command to its end and return its status; 128 + the signal's number if a signal ended it.

    It runs in a process group of its own and gets Ctrl-C and SIGTERM from here, each once, so that it has the time it needs to
    save: a terminal's Ctrl-C would reach it twice, a container's stop would not reach it at all.
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
