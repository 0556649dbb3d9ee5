"""`PackedFiles`: many entries of bytes in few files, found by an index, shared by many processes and runs.

    with PackedFiles(folder, max_bytes=..., keep_free_bytes=..., per_shard=1000) as packed:
        packed.put(key, [b"...", array])
        packed.get(key)

Each process that writes appends to a file of its own in `shards/`, and then adds what it wrote to
`index.sqlite`. So an entry is there whole or not at all. A killed process may leave bytes without an entry;
`clean` frees them. SQLite's locks need a local disk.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import stat
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from telltale.errors import InputError
from telltale.files import sha256

# `place` is the position of the span. The name is part of the file format.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (spec TEXT, content TEXT, place TEXT, shard TEXT, start INTEGER,
    length INTEGER, checksum INTEGER, added REAL, PRIMARY KEY (spec, content, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_shard ON entries (shard);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, inode INTEGER,
    content TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS specs (spec TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (bytes INTEGER);
INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM total);
"""
_MAX_OPEN_SHARDS = 128
# Connections that this process inherited by a fork. They must not be closed, not even by the garbage
# collector: that would release the parent's locks.
_INHERITED: list[sqlite3.Connection] = []


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
        self._pid = 0  # of the process that opened what follows
        self._index: sqlite3.Connection | None = None
        self._shard: IO[bytes] | None = None  # that this process appends to
        self._written = 0  # entries in it
        self._descriptors: dict[str, int] = {}  # of shards that this process reads
        is_store = self.folder.is_dir() and (self._path.exists() or not any(self.folder.iterdir()))
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
        self.index()
        self.close()  # a fork must not inherit an open index

    @property
    def _path(self) -> Path:
        return self.folder / "index.sqlite"

    def index(self) -> sqlite3.Connection:
        """This process's connection to the index. Raises InputError if it cannot be opened."""
        if self._pid != os.getpid():
            if self._index is not None:
                _INHERITED.append(self._index)
            self._index, self._shard, self._descriptors, self._pid = None, None, {}, os.getpid()
        if self._index is None:
            try:
                writable = os.access(self._path if self._path.exists() else self.folder, os.W_OK)
                address = f"{self._path.as_uri()}?{'mode=rwc' if writable else 'immutable=1'}"
                self._index = sqlite3.connect(address, uri=True, timeout=60, isolation_level=None)
                if writable:
                    self._index.execute("PRAGMA journal_mode=WAL")
                    self._index.execute("PRAGMA synchronous=NORMAL")
                    self._index.executescript(_SCHEMA)
                self._index.execute("SELECT bytes FROM total").fetchone()
            except sqlite3.Error as error:
                self._index = None
                raise InputError(
                    f"--store {self.folder}: its index cannot be used ({error}); wanted a store"
                ) from None
        return self._index

    def describe(self, spec: str, text: str) -> None:
        """Write down what a spec means, for people."""
        # A store that cannot be written has the text already, or does without.
        with contextlib.suppress(sqlite3.OperationalError):
            self.index().execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (spec, text))

    def get(self, key: EntryKey) -> bytes | None:
        """The bytes of an entry. None if there is none, or if the disk no longer holds what was written."""
        query = "SELECT shard, start, length, checksum FROM entries WHERE spec=? AND content=? AND place=?"
        row = self._row(query, key)
        if row is None:
            return None
        shard, start, length, checksum = row
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
            with self._transaction() as index:
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

    def content(self, path: Path) -> str:
        """The SHA-256 of a file's bytes. It is remembered by the file's path, size, time of change and inode.

        Raises OSError if the file cannot be read.
        """
        name, info = str(path.absolute()), path.stat()
        if not stat.S_ISREG(info.st_mode):  # reading a pipe would block for ever
            raise OSError(f"{path}: is not a regular file")
        state = (info.st_size, info.st_mtime_ns, info.st_ino)
        row = self._row("SELECT size, changed, inode, content FROM files WHERE path=?", (name,))
        if row is not None and row[:3] == state:
            return row[3]
        try:
            content = sha256(path)
        except InputError as error:  # a clip that cannot be read gets a status and does not end the run
            raise OSError(str(error)) from None
        query = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"
        with contextlib.suppress(sqlite3.OperationalError):  # a store that cannot be written
            self.index().execute(query, (name, *state, content))
        return content

    def total_bytes(self) -> int:
        """Bytes of all entries."""
        return self._row("SELECT bytes FROM total", ())[0]

    def count(self, spec: str) -> int:
        """Entries of one spec."""
        return self._row("SELECT COUNT(*) FROM entries WHERE spec=?", (spec,))[0]

    def decodings(self) -> list[tuple[str, str, int]]:
        """(spec, the text that `describe` was given, number of entries) of each way to decode."""
        query = "SELECT spec, text, COUNT(*) FROM entries JOIN specs USING (spec) GROUP BY spec"
        return self.index().execute(query).fetchall()

    def free_bytes(self) -> float:
        """Bytes that may still be added by the limits of size and of free disk space; 0 or less if none."""
        if not os.access(self._path, os.W_OK):
            return 0.0
        free_on_disk = shutil.disk_usage(self.folder).free
        return min(self.max_bytes - self.total_bytes(), free_on_disk - self.keep_free_bytes)

    def remove(self, keys: Iterable[EntryKey]) -> None:
        """Take entries out of the index. `clean` frees their bytes."""
        with self._transaction() as index:
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
                needed = self.index().execute(query, (path.name,)).fetchone()[0]
                if needed >= 0.5 * size and needed:
                    continue
                query = "SELECT spec, content, place, start, length FROM entries WHERE shard=?"
                for *key, start, length in self.index().execute(query, (path.name,)).fetchall():
                    file.seek(start)
                    self._append(EntryKey(*key), [file.read(length)])
                path.unlink()
                freed += size - needed
        self.index().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return freed

    def close(self) -> None:
        if self._pid != os.getpid():
            return
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        if self._shard is not None:
            self._shard.close()
        if self._index is not None:
            self._index.close()
        self._descriptors, self._shard, self._index = {}, None, None

    def __enter__(self) -> "PackedFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_shard(self) -> IO[bytes]:
        """The file that this process appends to. It is locked for as long as the process does."""
        self.index()  # forgets a shard that was inherited by a fork
        if self._shard is not None and self._written >= self.per_shard:
            self._shard.close()
            self._shard = None
        if self._shard is None:
            self._shard = (self.folder / "shards" / f"{uuid.uuid4().hex}.shard").open("xb")
            fcntl.flock(self._shard, fcntl.LOCK_EX)
            self._written = 0
        return self._shard

    def _row(self, query: str, values: Sequence[Any]) -> Any:
        """The first row of a query, None if there is none. Raises InputError if the index cannot be read."""
        try:
            return self.index().execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise InputError(f"--store {self.folder}: its index cannot be read ({error})") from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        index = self.index()
        index.execute("BEGIN IMMEDIATE")
        try:
            yield index
        except BaseException:
            index.execute("ROLLBACK")
            raise
        index.execute("COMMIT")

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
