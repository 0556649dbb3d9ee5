"""`PackedFiles`: many entries of bytes in few files, found by an index, shared by many processes and runs.

    with PackedFiles(folder, max_bytes=..., keep_free_bytes=..., per_shard=1000) as packed:
        packed.put(key, [b"...", array])
        packed.get(key)

Each process that writes appends to a file of its own in `shards/`, and then adds what it wrote to
`index.sqlite` (`packed.index`). So an entry is there whole or not at all. A killed process may leave bytes
without an entry. `clean` frees them.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from telltale.data.shard_index import ShardIndex
from telltale.errors import InputError

_MAX_OPEN_SHARDS = 128


class EntryKey(NamedTuple):
    """What an entry is found by.

    spec: the fingerprint of how the clip was decoded.
    content: SHA-256 of the file.
    position: of the span in the clip.
    """

    spec: str
    content: str
    position: str


class PackedFiles:
    """The entries in `folder`, which is made if it does not exist.

    max_bytes: what all entries together may take.
    keep_free_bytes: what must stay free on the disk.
    per_shard: entries after which a new shard is begun.

    Each process opens the index anew when it first needs it. If nothing can be written, what is there can
    still be read. Raises InputError if the folder cannot be made, or holds anything else.
    """

    def __init__(self, folder: Path, *, max_bytes: float, keep_free_bytes: float, per_shard: int) -> None:
        self.folder = folder.absolute()
        self.max_bytes, self.keep_free_bytes, self.per_shard = max_bytes, keep_free_bytes, per_shard
        self.index = ShardIndex(self.folder)
        self._pid = 0  # of the process that opened what follows
        self._shard: IO[bytes] | None = None  # that this process appends to
        self._written = 0  # entries in it
        self._descriptors: dict[str, int] = {}  # of shards that this process reads
        is_store = self.folder.is_dir() and (self.index.path.exists() or not any(self.folder.iterdir()))
        if self.folder.exists() and not is_store:
            raise InputError(
                f"--store {folder}: holds other things than a store; wanted a new or empty folder, or a store"
            )
        try:
            (self.folder / "shards").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--store {folder}: cannot be made ({error.strerror}); wanted a folder to write to"
            ) from None
        self.index.connection()
        self.index.close()  # a fork must not inherit an open index

    def get(self, key: EntryKey) -> bytes | None:
        """The bytes of an entry. None if there is none, or if the disk no longer holds what was written."""
        query = "SELECT shard, start, length, checksum FROM entries WHERE spec=? AND content=? AND place=?"
        row = self.index.first_row(query, key)
        if row is None:
            return None
        shard, start, length, checksum = row
        self._forget_inherited()
        try:
            if shard not in self._descriptors:
                if len(self._descriptors) >= _MAX_OPEN_SHARDS:
                    os.close(self._descriptors.pop(next(iter(self._descriptors))))
                self._descriptors[shard] = os.open(self.folder / "shards" / shard, os.O_RDONLY)
            data = os.pread(self._descriptors[shard], length, start)
        except OSError:
            return None
        return data if len(data) == length and zlib.crc32(data) == checksum else None

    def put(self, key: EntryKey, parts: Sequence[Any]) -> None:
        """Add an entry that consists of some buffers, or replace it.

        Raises InputError if it would pass the limit or the disk is full, before that happens.
        """
        self._check_room(sum(memoryview(part).nbytes for part in parts))
        self._append(key, parts)

    def _append(self, key: EntryKey, parts: Sequence[Any]) -> None:
        length = sum(memoryview(part).nbytes for part in parts)
        try:
            shard = self._open_shard()
            start, checksum = shard.tell(), 0
            for part in parts:
                shard.write(part)
                checksum = zlib.crc32(part, checksum)
            # The bytes first, the index second: an entry in the index is always whole.
            shard.flush()
            with self.index.transaction() as index:
                row = (*key, Path(shard.name).name, start, length, checksum, time.time())
                query = "SELECT length FROM entries WHERE spec=? AND content=? AND place=?"
                before = index.execute(query, key).fetchone()
                index.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                index.execute("UPDATE total SET bytes = bytes + ?", (length - (before[0] if before else 0),))
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"--store {self.folder}: cannot be written ({error}); what is in it stays readable"
            ) from None
        self._written += 1

    def total_bytes(self) -> int:
        """Bytes of all entries."""
        return self.index.total_bytes()

    def free_bytes(self) -> float:
        """Bytes that may still be added by the limits of size and of free disk space; 0 or less if none."""
        if not os.access(self.index.path, os.W_OK):
            return 0.0
        free_on_disk = shutil.disk_usage(self.folder).free
        return min(self.max_bytes - self.total_bytes(), free_on_disk - self.keep_free_bytes)

    def remove(self, keys: Iterable[EntryKey]) -> None:
        """Take entries out of the index. `clean` frees their bytes."""
        with self.index.transaction() as index:
            index.executemany("DELETE FROM entries WHERE spec=? AND content=? AND place=?", keys)
            index.execute("UPDATE total SET bytes = (SELECT COALESCE(SUM(length), 0) FROM entries)")

    def clean(self) -> int:
        """Delete shards of which less than half is needed, after copying that. Returns the bytes freed.

        A shard to which a process still writes is left alone. A process that reads at this moment may miss.
        """
        freed = 0
        for path in sorted((self.folder / "shards").glob("*.shard")):
            with contextlib.suppress(OSError), path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue  # its writer holds it
                size = path.stat().st_size
                query = "SELECT COALESCE(SUM(length), 0) FROM entries WHERE shard=?"
                needed = self.index.connection().execute(query, (path.name,)).fetchone()[0]
                if needed >= 0.5 * size and needed:
                    continue
                query = "SELECT spec, content, place, start, length FROM entries WHERE shard=?"
                for *key, start, length in self.index.connection().execute(query, (path.name,)).fetchall():
                    file.seek(start)
                    self._append(EntryKey(*key), [file.read(length)])
                path.unlink()
                freed += size - needed
        self.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return freed

    def close(self) -> None:
        """Close what this process opened."""
        self.index.close()
        self._forget_inherited()
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        if self._shard is not None:
            self._shard.close()
        self._descriptors, self._shard = {}, None

    def __enter__(self) -> "PackedFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_shard(self) -> IO[bytes]:
        """The file that this process appends to. It is locked for as long as the process does."""
        self._forget_inherited()
        if self._shard is not None and self._written >= self.per_shard:
            self._shard.close()
            self._shard = None
        if self._shard is None:
            self._shard = (self.folder / "shards" / f"{uuid.uuid4().hex}.shard").open("xb")
            fcntl.flock(self._shard, fcntl.LOCK_EX)
            self._written = 0
        return self._shard

    def _forget_inherited(self) -> None:
        """Forget the files that another process opened, which this one inherited by a fork."""
        if self._pid != os.getpid():
            self._shard, self._descriptors, self._pid = None, {}, os.getpid()

    def _check_room(self, more: int) -> None:
        """Raises InputError if `more` bytes do not fit."""
        held, free = self.total_bytes(), shutil.disk_usage(self.folder).free
        if held + more > self.max_bytes:
            raise InputError(
                f"--store {self.folder}: is full: it holds {held / 1e9:.2f} GB of at most "
                f"{self.max_bytes / 1e9:.2f} GB; set store.max_gb higher, or free some with telltale cache "
                "prune"
            )
        if free - more < self.keep_free_bytes:
            raise InputError(
                f"--store {self.folder}: its disk has {free / 1e9:.2f} GB free, and "
                f"{self.keep_free_bytes / 1e9:.2f} GB are to stay free (store.keep_free_gb); make room, or "
                "free some with telltale cache prune"
            )
