"""What a file's content is told by."""

import hashlib
from pathlib import Path

from telltale.errors import InputError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted a file to take the SHA-256 of") from None
