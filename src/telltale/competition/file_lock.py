"""A lock that lets one process at a time change a file.

    with locked(path):
        ...                # read the file, change it, write it

The lock is a lock of the operating system on `.NAME.lock` beside the file. A process that dies releases it.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from telltale.errors import InputError

if sys.platform != "win32":
    import fcntl

PATIENCE_SECONDS = 30.0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path` for the block, then remove the lock file. On Windows this does nothing.

    Raises InputError if another process holds the lock for PATIENCE_SECONDS, or if the lock file cannot be
    made.
    """
    if sys.platform == "win32":
        yield
        return
    target = path.resolve()
    lock, deadline = target.with_name(f".{target.name}.lock"), time.monotonic() + PATIENCE_SECONDS
    try:
        while (file := try_lock(lock)) is None:
            if time.monotonic() > deadline:
                raise InputError(f"{path}: another process holds {lock.name}; wait for it to end, or stop it")
            time.sleep(0.02)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror}); give a folder that can be written"
        ) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        file.close()


def try_lock(lock: Path) -> IO[str] | None:
    """The open and locked lock file, or None if another process holds the lock."""
    file = lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The previous holder may have removed the file after it was opened here. Nobody else would look at
        # that file any more, so a lock on it excludes nobody.
        if os.fstat(file.fileno()).st_ino == lock.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    return None
