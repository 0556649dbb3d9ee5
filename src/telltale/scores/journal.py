"""The progress files of a prediction: what was scored is on disk before the next batch begins.

`Journal` is the file of one process, `Journals` the files of all processes: NAME.journal, or
NAME.journal.RANK-of-PROCESSES, beside the output NAME.

    journals = Journals(out, process, fingerprint)  # called by all processes together
    journals.done                                   # name → Score, of all processes and earlier runs
    journals.append(batch)                          # rows of this process
    journals.remove()                               # once the score files are written

So an interrupted prediction goes on with another number of processes. Rows that are done stay as they are:
their last bits are those of the batches in which they were scored.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.errors import InputError
from telltale.files import cannot_write
from telltale.scores.score import Score, cells, columns, refuse_names, repeated

if TYPE_CHECKING:
    from telltale.runtime.distributed import Process

if sys.platform != "win32":
    import fcntl


class Journal:
    """The progress file of one process. A kill at any byte loses at most the batch that was being written.

        journal = Journal(path, fingerprint)
        journal.done                                # name → Score, what an earlier run scored
        journal.append(batch)
        journal.remove()                            # once the score files are written

    The file is a line of JSON with the fingerprint, then a line for each score: the values of the columns of
    `kind`. A last line that a kill cut short is dropped.

    path: the file, which need not exist.
    fingerprint: of all that the rows depend on: model, settings and clips.
    kind: the dataclass of the scores.

    Raises InputError if the file has another fingerprint, if another process is writing it, or if it is no
    journal.
    """

    def __init__(self, path: Path, fingerprint: str, kind: type[Score] = Score) -> None:
        self.path, self.kind, self._columns = path, kind, columns(kind)
        self.done: dict[str, Score] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            self._lock()
            self._read(json.dumps({"telltale_journal": 1, "fingerprint": fingerprint}))
        except BaseException:
            self._file.close()
            raise

    def append(self, scores: Sequence[Score]) -> None:
        """Add rows, which are on disk when this returns. Raises InputError for a name that is there already,
        and if the disk is full."""
        names = [score.video_name for score in scores]
        again = [*repeated(names), *(name for name in names if name in self.done)]
        refuse_names(f"{self.path}: scored twice", again)
        self._write(json.dumps(cells(score, self._columns)) for score in scores)
        self.done.update({score.video_name: score for score in scores})

    def close(self) -> None:
        """Stop writing and keep the file, for a later run to go on from."""
        self._file.close()

    def remove(self) -> None:
        """Stop writing and delete the file."""
        self._file.close()
        self.path.unlink()

    def _lock(self) -> None:
        # A killed torchrun may leave a worker alive that still writes; the next run must not write beside it.
        # A record lock belongs to the process that took it: a loader's worker, which is forked from it and
        # may outlive it by seconds, does not hold it.
        if sys.platform != "win32":
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise InputError(
                    f"{self.path}: another process is writing it; wait for that run to end, or stop it"
                ) from None

    def _read(self, header: str) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        if whole == 0:
            self._write([header])
            return
        lines = content[:whole].decode("utf-8", errors="replace").split("\n")[:-1]
        if lines[0] != header:
            raise InputError(
                f"{self.path}: holds the progress of another prediction (other model, settings or clips), or "
                "was begun by another version of telltale, which alone reads it; delete it to start over, or "
                "repeat the command that began it with that version"
            )
        for number, line in enumerate(lines[1:], start=2):
            try:
                score = self.kind(*json.loads(line)[: len(self._columns)])
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{self.path}:{number}: is damaged ({error}); delete the file to start over"
                ) from None
            self.done[score.video_name] = score

    def _write(self, lines: Iterable[str]) -> None:
        """Raises InputError if the disk is full; the file then ends where it did before."""
        data, size = "".join(f"{line}\n" for line in lines).encode(), os.fstat(self._file.fileno()).st_size
        try:
            # Not through the file object, which would keep what did not fit and try again when it is closed.
            while data:
                data = data[os.write(self._file.fileno(), data) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(size)
            raise cannot_write(self.path, error) from None


class Journals:
    """This process's journal, and in the main process those that a run of another number of processes left.

    done: the rows of all journals, and those that this process adds.
    worlds: the numbers of processes that scored them.

    Raises InputError as `Journal` does, in all processes alike.
    """

    def __init__(self, out: Path, process: "Process", fingerprint: str) -> None:
        self.path = _path(out, process.rank, process.world)
        self._open: list[Journal] = []
        try:
            # One process locks and reads what other runs left: a record lock keeps other processes out.
            earlier = process.on_main(
                lambda: [
                    (world, self._read(path, fingerprint)) for path, world in _others(out, process.world)
                ]
            )
            own = process.on_each(lambda: (process.world, self._read(self.path, fingerprint)))
        except BaseException:
            self.close()
            raise
        self.done = {name: score for _, rows in (*earlier, *own) for name, score in rows.items()}
        self.worlds = {process.world, *(world for world, rows in earlier if rows)}

    def append(self, scores: Sequence[Score]) -> None:
        """Add rows of this process without those that are done; they are on disk when this returns."""
        more = [score for score in scores if score.video_name not in self.done]
        self._open[-1].append(more)
        self.done.update({score.video_name: score for score in more})

    def close(self) -> None:
        """Stop writing and keep the files, for a later run to go on from."""
        for journal in self._open:
            journal.close()

    def remove(self) -> None:
        """Stop writing and delete the files."""
        for journal in self._open:
            journal.remove()

    def _read(self, path: Path, fingerprint: str) -> dict[str, Score]:
        self._open.append(Journal(path, fingerprint))
        return dict(self._open[-1].done)


def _path(out: Path, rank: int, world: int) -> Path:
    return out.with_name(f"{out.name}.journal" + (f".{rank}-of-{world}" if world > 1 else ""))


def _others(out: Path, world: int) -> list[tuple[Path, int]]:
    """Journals beside `out` of other numbers of processes than `world`, and these numbers."""
    found = []
    for path in sorted(out.parent.glob("*")) if out.parent.is_dir() else ():
        known = re.fullmatch(re.escape(f"{out.name}.journal") + r"(?:\.\d+-of-(\d+))?", path.name)
        if known and int(known[1] or 1) != world:
            found.append((path, int(known[1] or 1)))
    return found
