"""Files that are in place whole or not at all, their SHA-256, and the sentence for what cannot be written."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from telltale.errors import InputError


@contextmanager
def write_whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write that takes the name `path` once it is on the disk; an exception leaves what was
    there.

    One temporary name for each path: what a kill leaves behind is replaced by the next write, not piled up.
    Raises InputError if the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from None


def write_text(path: Path, text: str) -> None:
    """Write a small UTF-8 file whole or not at all. Raises InputError as `write_whole` does."""
    with write_whole(path) as file:
        file.write(text.encode("utf-8"))


def cannot_write(path: Path, error: OSError) -> InputError:
    """The error that says which file could not be written, why, and how much room there is."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    reason, free = error.strerror or str(error), shutil.disk_usage(folder).free / 1e6
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason += f"; {free:,.1f} MB are free there without it"
    return InputError(
        f"{path}: cannot be written ({reason}); make room, or give a folder that can be written"
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); wanted a file to take the SHA-256 of"
        ) from None
