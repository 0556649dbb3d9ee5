"""Reading and writing files: once, for every part of the program.

    write_text(path, text)                                     # whole or not at all
    with write_whole(path) as file: ...                        # the same, for bytes
    for line, fields in read_table(path, "a label file"): ...  # CSV, with line numbers
    tree = read_json(path, "the audit.json of a run")
    sha256(path), fingerprint(settings)                        # 64 and 16 hex digits

What cannot be read or written is an InputError that names the file, the line and what was expected.
"""

import csv
import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from telltale.errors import InputError


@contextmanager
def write_whole(path: Path, *, several: bool = False) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the name `path` once it is on the disk. After an exception the file
    that was there before is still there.

    The temporary name is `.NAME.part`: what a killed process leaves is replaced by the next write. several:
    several processes may write `path` at the same time, so each has a temporary name of its own. A pipe or a
    device is written directly. Raises InputError if the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}{f'.{os.getpid()}' if several else ''}.part")
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
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


def write_table(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows, the header's first, as a CSV file in UTF-8, whole or not at all; lines end in LF.

    Raises InputError as `write_whole` does.
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def cannot_write(path: Path, error: OSError) -> InputError:
    """The error that says which file could not be written, why, and how much space is free."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    reason, free = error.strerror or str(error), shutil.disk_usage(folder).free / 1e6
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason += f"; {free:,.1f} MB are free there without it"
    return InputError(
        f"{path}: cannot be written ({reason}); make room, or give a folder that can be written"
    )


def read_text(path: Path, wanted: str) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    wanted: what the file should be, for the error's sentence. Raises InputError if the file cannot be read or
    is not UTF-8.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted {wanted}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8; wanted {wanted}, save it as UTF-8"
        ) from None


def read_json(path: Path, wanted: str) -> Any:
    """The value of a JSON file. Raises InputError as `read_text` does, and if the file is not JSON."""
    try:
        return json.loads(read_text(path, wanted))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not JSON ({error}); wanted {wanted}") from None


def read_mapping(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if the file cannot be read or holds anything else."""
    try:
        tree = read_json(path, "an object")
    except InputError:
        return None
    return tree if isinstance(tree, dict) else None


def read_table(path: Path, wanted: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, the header first: the number of the line where the row begins, and its fields.

    A byte order mark and Windows line ends are accepted. A blank line is a row without fields. Rows may
    differ in length. Raises InputError as `read_text` does, and if the file is empty or not CSV.
    """
    text = read_text(path, wanted)
    if not text.strip():
        raise InputError(f"{path}: is empty; wanted {wanted}, with the header first")
    reader, line = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    try:
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{line}: is not CSV ({error}); mend the quotes on this line") from None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits. Raises InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); wanted a file to take the SHA-256 of"
        ) from None


def fingerprint(value: Any) -> str:
    """16 hex digits that change if `value`, of JSON's types, changes. The order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
