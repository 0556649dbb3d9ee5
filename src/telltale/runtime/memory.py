"""Memory of this process and of all below it: proportional set sizes, so that what they share is counted
once.

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
    """Memory now of the process `root` (default: this one) and its descendants, in bytes; 0 where /proc does
    not say."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name, in brackets, may hold anything; behind it stand the state and the parent.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    members = {os.getpid() if root is None else root}
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return sum(map(_bytes, members))


def _bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


class PeakMemory:
    """The peak while the block runs, looked at a few times a second by a thread."""

    def __init__(self, root: int | None = None, every_seconds: float = 0.25) -> None:
        self.peak_bytes = 0
        self._root, self._every, self._over = root, every_seconds, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, tree_bytes(self._root))
            if self._over.wait(self._every):
                return

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.peak_bytes = max(self.peak_bytes, tree_bytes(self._root))
