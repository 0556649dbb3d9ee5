"""Bytes on a shelf: packed files of many entries, found by an index, shared by any number of processes and
runs.

    with PackedFiles(folder, max_bytes=..., keep_free_bytes=..., per_shard=1000) as shelf:
        shelf.put(key, [b"...", array]);  shelf.get(key)

Each writing process appends to a file of its own below `shards/`, and enters in `index.sqlite` what it has
written: an entry is there whole or not at all. Bytes that a killed process left without an entry are taken
away by `clean`. SQLite's locks want a local disk.
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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (spec TEXT, content TEXT, place TEXT, shard TEXT, start INTEGER,
    length INTEGER,
    checksum INTEGER, added REAL, PRIMARY KEY (spec, content, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_shard ON entries (shard);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, inode INTEGER,
    content TEXT)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS specs (spec TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (bytes INTEGER);
INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM total);
"""
# An index that a forked child inherits must not even be closed there: that would end its parent's locks.
_INHERITED: list[sqlite3.Connection] = []


class EntryKey(NamedTuple):
    """What fixes an entry: how it was decoded, the hash of the file, and the place of the span in the
    clip."""

    spec: str
    content: str
    place: str


class PackedFiles:
    """The shelf in `folder`, made where there is none. Raises InputError where it cannot be, or is no shelf.

    Where nothing can be written, what is there can still be read. Opened anew by each process that uses it.
    """

    def __init__(self, folder: Path, *, max_bytes: float, keep_free_bytes: float, per_shard: int) -> None:
        self.folder = folder.absolute()
        self.max_bytes, self.keep_free_bytes, self.per_shard = max_bytes, keep_free_bytes, per_shard
        self._pid = 0
        self._index: sqlite3.Connection | None = None
        self._shard: IO[bytes] | None = None
        self._written = 0
        self._open: dict[str, int] = {}
        if self.folder.exists() and (
            not self.folder.is_dir() or (any(self.folder.iterdir()) and not self._path.exists())
        ):
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
        self.close()  # nothing open may be forked

    @property
    def _path(self) -> Path:
        return self.folder / "index.sqlite"

    def index(self) -> sqlite3.Connection:
        """This process's connection. Raises InputError where the index cannot be read."""
        if self._pid != os.getpid():
            if self._index is not None:
                _INHERITED.append(self._index)
            self._index, self._shard, self._open, self._pid = None, None, {}, os.getpid()
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
        with contextlib.suppress(
            sqlite3.OperationalError
        ):  # a store that cannot be written knows it already, or never will
            self.index().execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (spec, text))

    def get(self, key: EntryKey) -> bytes | None:
        """An entry's bytes; None where there is none, or where what the disk holds is not what was
        written."""
        found = self._row(
            "SELECT shard, start, length, checksum FROM entries WHERE spec=? AND content=? AND place=?", key
        )
        if found is None:
            return None
        shard, start, length, checksum = found
        try:
            if shard not in self._open:
                if len(self._open) >= 128:
                    os.close(self._open.pop(next(iter(self._open))))
                self._open[shard] = os.open(self.folder / "shards" / shard, os.O_RDONLY)
            data = os.pread(self._open[shard], length, start)
        except OSError:
            return None
        return data if len(data) == length and zlib.crc32(data) == checksum else None

    def put(self, key: EntryKey, parts: Sequence[Any]) -> None:
        """Add an entry of some buffers, or replace it. Raises InputError before the limit is passed or the
        disk is full."""
        self._check_room(sum(memoryview(part).nbytes for part in parts))
        self._append(key, parts)

    def _append(self, key: EntryKey, parts: Sequence[Any]) -> None:
        length = sum(memoryview(part).nbytes for part in parts)
        try:
            shard = self._begun_shard()
            start, checksum = shard.tell(), 0
            for part in parts:
                shard.write(part)
                checksum = zlib.crc32(part, checksum)
            shard.flush()
            with self._change() as index:
                row = (*key, Path(shard.name).name, start, length, checksum, time.time())
                before = index.execute(
                    "SELECT length FROM entries WHERE spec=? AND content=? AND place=?", key
                ).fetchone()
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
        name, found = str(path.absolute()), path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would block for ever
            raise OSError(f"{path}: is not a regular file")
        state = (found.st_size, found.st_mtime_ns, found.st_ino)
        row = self._row("SELECT size, changed, inode, content FROM files WHERE path=?", (name,))
        if row is not None and row[:3] == state:
            return row[3]
        try:
            content = sha256(path)
        except InputError as error:  # a clip that cannot be read gets a status and does not end the run
            raise OSError(str(error)) from None
        with contextlib.suppress(sqlite3.OperationalError):  # a store that cannot be written
            self.index().execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (name, *state, content)
            )
        return content

    def total_bytes(self) -> int:
        """Of all entries."""
        return self._row("SELECT bytes FROM total", ())[0]

    def count(self, spec: str) -> int:
        """Entries of one way to decode."""
        return self._row("SELECT COUNT(*) FROM entries WHERE spec=?", (spec,))[0]

    def decodings(self) -> list[tuple[str, str, int]]:
        """(spec, the text that `describe` was given, number of entries) of each way to decode."""
        query = "SELECT spec, text, COUNT(*) FROM entries JOIN specs USING (spec) GROUP BY spec"
        return self.index().execute(query).fetchall()

    def free_bytes(self) -> float:
        """Bytes that may still be added, 0 or less if none: up to the size limit, and to the disk's share
        that stays free."""
        if not os.access(self._path, os.W_OK):
            return 0.0
        return min(
            self.max_bytes - self.total_bytes(), shutil.disk_usage(self.folder).free - self.keep_free_bytes
        )

    def remove(self, keys: Iterable[EntryKey]) -> None:
        """Take entries out of the index; `clean` frees their bytes."""
        with self._change() as index:
            index.executemany("DELETE FROM entries WHERE spec=? AND content=? AND place=?", keys)
            index.execute("UPDATE total SET bytes = (SELECT COALESCE(SUM(length), 0) FROM entries)")

    def clean(self) -> int:
        """Free what no entry needs, unless a process still writes there; bytes freed. Readers of the moment
        miss, at worst."""
        freed = 0
        for path in sorted((self.folder / "shards").glob("*.shard")):
            with contextlib.suppress(OSError), path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue  # its writer holds it
                size = path.stat().st_size
                query = "SELECT COALESCE(SUM(length), 0) FROM entries WHERE shard=?"
                alive = self.index().execute(query, (path.name,)).fetchone()[0]
                if alive >= 0.5 * size and alive:
                    continue
                for *key, start, length in (
                    self.index()
                    .execute(
                        "SELECT spec, content, place, start, length FROM entries WHERE shard=?", (path.name,)
                    )
                    .fetchall()
                ):
                    file.seek(start)
                    self._append(EntryKey(*key), [file.read(length)])
                path.unlink()
                freed += size - alive
        self.index().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return freed

    def close(self) -> None:
        if self._pid != os.getpid():
            return
        for descriptor in self._open.values():
            os.close(descriptor)
        if self._shard is not None:
            self._shard.close()
        if self._index is not None:
            self._index.close()
        self._open, self._shard, self._index = {}, None, None

    def __enter__(self) -> "PackedFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begun_shard(self) -> IO[bytes]:
        """The file that this process appends to, locked as long as it does."""
        self.index()
        if self._shard is not None and self._written >= self.per_shard:
            self._shard.close()
            self._shard = None
        if self._shard is None:
            self._shard = (self.folder / "shards" / f"{uuid.uuid4().hex}.shard").open("xb")
            fcntl.flock(self._shard, fcntl.LOCK_EX)
            self._written = 0
        return self._shard

    def _row(self, query: str, values: Sequence[Any]) -> Any:
        """The first row that answers, or None."""
        try:
            return self.index().execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise InputError(f"--store {self.folder}: its index cannot be read ({error})") from None

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        index = self.index()
        index.execute("BEGIN IMMEDIATE")
        try:
            yield index
        except BaseException:
            index.execute("ROLLBACK")
            raise
        index.execute("COMMIT")

    def _check_room(self, more: int) -> None:
        held, free = self.total_bytes(), shutil.disk_usage(self.folder).free
        if held + more > self.max_bytes:
            raise InputError(
                f"--store {self.folder}: is full: it holds {held / 1e9:.2f} GB of at most "
                f"{self.max_bytes / 1e9:.2f} GB;"
                " set store.max_gb higher, or free some with telltale cache prune"
            )
        if free - more < self.keep_free_bytes:
            raise InputError(
                f"--store {self.folder}: its disk has {free / 1e9:.2f} GB free, and "
                f"{self.keep_free_bytes / 1e9:.2f} GB"
                " are to stay free (store.keep_free_gb); make room, or free some with telltale cache prune"
            )
