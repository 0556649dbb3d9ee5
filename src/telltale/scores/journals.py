"""The progress files of a prediction by any number of processes: NAME.journal, or
NAME.journal.RANK-of-PROCESSES, beside NAME.

    journals = Journals(out, process, fingerprint)       # all processes together
    journals.done  # name -> Score, whichever process of whichever run scored it
    journals.append(batch)                            # rows of this process
    journals.remove()                                 # once the score files are written

So a prediction that was interrupted goes on with another number of processes. Rows that are done stay as they
are: their last bits are those of the batches in which they were scored.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from telltale.runtime.distributed import Process
from telltale.scores.score import Journal, Score


class Journals:
    """This process's journal, and in the main process those that another number of processes left.

    done: the rows of all of them, and those that this process adds; worlds: the numbers of processes that
    scored them. Raises InputError as `Journal` does, in all processes alike.
    """

    def __init__(self, out: Path, process: Process, fingerprint: str) -> None:
        self.path = _path(out, process.rank, process.world)
        self._open: list[Journal] = []
        try:
            # One process locks and reads what was left: a record lock would keep the others out.
            left = process.on_main(
                lambda: [(world, self._take(path, fingerprint)) for path, world in _left(out, process.world)]
            )
            own = process.on_each(lambda: (process.world, self._take(self.path, fingerprint)))
        except BaseException:
            self.close()
            raise
        self.done = {name: score for _, rows in (*left, *own) for name, score in rows.items()}
        self.worlds = {process.world, *(world for world, rows in left if rows)}

    def _take(self, path: Path, fingerprint: str) -> dict[str, Score]:
        self._open.append(Journal(path, fingerprint))
        return dict(self._open[-1].done)

    def append(self, scores: Sequence[Score]) -> None:
        """Add rows of this process, those that are done left out; they are on disk when this returns."""
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


def _path(out: Path, rank: int, world: int) -> Path:
    return out.with_name(f"{out.name}.journal" + (f".{rank}-of-{world}" if world > 1 else ""))


def _left(out: Path, world: int) -> list[tuple[Path, int]]:
    """Journals beside `out` of other numbers of processes than `world`, and these numbers."""
    found = []
    for path in sorted(out.parent.glob("*")) if out.parent.is_dir() else ():
        known = re.fullmatch(re.escape(f"{out.name}.journal") + r"(?:\.\d+-of-(\d+))?", path.name)
        if known and int(known[1] or 1) != world:
            found.append((path, int(known[1] or 1)))
    return found
