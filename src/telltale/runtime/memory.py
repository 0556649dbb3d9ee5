"""Memory of a process and of all its descendants. Memory that they share is counted once (proportional set
size).

    with PeakMemory() as memory: ...
    memory.peak_bytes
"""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")


def tree_bytes(root: int | None = None) -> int:
    """Memory of the process `root`, default this one, and its descendants at this moment; 0 if there is no
    /proc."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The process's name, in brackets, may hold anything. After it come the state and the parent.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    members = {os.getpid() if root is None else root}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return sum(map(_process_bytes, members))


def _process_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


class PeakMemory:
    """The peak of `tree_bytes` while the block runs, measured by a thread a few times a second."""

    def __init__(self, root: int | None = None, every_seconds: float = 0.25) -> None:
        self.peak_bytes = 0
        self._root, self._every, self._ended = root, every_seconds, threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def _measure(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, tree_bytes(self._root))
            if self._ended.wait(self._every):
                return

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.peak_bytes = max(self.peak_bytes, tree_bytes(self._root))
