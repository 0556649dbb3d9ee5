"""The SQLite index of a folder of shards: which entry lies where, which file has which hash.

    index = ShardIndex(folder)
    index.content(path)                     # SHA-256 of a video's bytes
    index.connection().execute("SELECT ...")

The schema is part of the format of a store. SQLite's locks need a local disk.
"""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
# Connections that this process inherited by a fork. They must not be closed, not even by the garbage
# collector: that would release the parent's locks.
_INHERITED: list[sqlite3.Connection] = []


class ShardIndex:
    """The index of the shards in `folder`, which exists.

    Each process opens it anew when it first needs it. If nothing can be written, it can still be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "index.sqlite"
        self._pid = 0  # of the process that opened the connection
        self._connection: sqlite3.Connection | None = None

    def connection(self) -> sqlite3.Connection:
        """This process's connection to the index. Raises InputError if it cannot be opened."""
        if self._pid != os.getpid():
            if self._connection is not None:
                _INHERITED.append(self._connection)
            self._connection, self._pid = None, os.getpid()
        if self._connection is None:
            try:
                self._connection = self._opened()
            except sqlite3.Error as error:
                raise InputError(
                    f"--store {self.folder}: its index cannot be used ({error}); wanted a store"
                ) from None
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        writable = os.access(self.path if self.path.exists() else self.folder, os.W_OK)
        address = f"{self.path.as_uri()}?{'mode=rwc' if writable else 'immutable=1'}"
        opened = sqlite3.connect(address, uri=True, timeout=60, isolation_level=None)
        if writable:
            opened.execute("PRAGMA journal_mode=WAL")
            opened.execute("PRAGMA synchronous=NORMAL")
            opened.executescript(_SCHEMA)
        opened.execute("SELECT bytes FROM total").fetchone()
        return opened

    def close(self) -> None:
        """Close this process's connection, if it has one."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
            self._connection = None

    def first_row(self, query: str, values: Sequence[Any]) -> Any:
        """The first row of a query, None if there is none. Raises InputError if the index cannot be read."""
        try:
            return self.connection().execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise InputError(f"--store {self.folder}: its index cannot be read ({error})") from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        index = self.connection()
        index.execute("BEGIN IMMEDIATE")
        try:
            yield index
        except BaseException:
            index.execute("ROLLBACK")
            raise
        index.execute("COMMIT")

    def describe(self, spec: str, text: str) -> None:
        """Write down what a spec means, for people."""
        # A store that cannot be written has the text already, or does without.
        with contextlib.suppress(sqlite3.OperationalError):
            self.connection().execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (spec, text))

    def content(self, path: Path) -> str:
        """The SHA-256 of a file's bytes. It is remembered by the file's path, size, time of change and inode.

        Raises OSError if the file cannot be read.
        """
        name, info = str(path.absolute()), path.stat()
        if not stat.S_ISREG(info.st_mode):  # reading a pipe would block for ever
            raise OSError(f"{path}: is not a regular file")
        state = (info.st_size, info.st_mtime_ns, info.st_ino)
        row = self.first_row("SELECT size, changed, inode, content FROM files WHERE path=?", (name,))
        if row is not None and row[:3] == state:
            return row[3]
        try:
            content = sha256(path)
        except InputError as error:  # a clip that cannot be read gets a status and does not end the run
            raise OSError(str(error)) from None
        query = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"
        with contextlib.suppress(sqlite3.OperationalError):  # a store that cannot be written
            self.connection().execute(query, (name, *state, content))
        return content

    def total_bytes(self) -> int:
        """Bytes of all entries."""
        return self.first_row("SELECT bytes FROM total", ())[0]

    def count(self, spec: str) -> int:
        """Entries of one spec."""
        return self.first_row("SELECT COUNT(*) FROM entries WHERE spec=?", (spec,))[0]

    def decodings(self) -> list[tuple[str, str, int]]:
        """(spec, the text that `describe` was given, number of entries) of each way to decode."""
        query = "SELECT spec, text, COUNT(*) FROM entries JOIN specs USING (spec) GROUP BY spec"
        return self.connection().execute(query).fetchall()
