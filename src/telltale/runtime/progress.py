"""How far a long piece of work is: a bar on a terminal that goes when the work is done, a line every 15 s in
a log file.

    for row in each(rows, "hashing", "file"):
        ...
    shown = bar(clips, "epoch 1/3", "clip")
    shown.update(16)
    shown.close()

Work of less than 15 s leaves no line in a log. All of it goes to stderr.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar
from weakref import WeakSet

from tqdm import tqdm

EVERY_SECONDS = 15.0
LINE = "{desc}: {n_fmt} of {total_fmt} ({percentage:.0f} %), {rate_noinv_fmt}, {remaining} left{postfix}"

OPEN_LINE = "{desc}: {n_fmt} so far, {rate_noinv_fmt}"

T = TypeVar("T")
_bars: WeakSet[tqdm] = WeakSet()


class Lines(tqdm):
    """tqdm's counting, written as whole lines."""

    def display(self, *_: Any, **__: Any) -> None:
        if not self.disable and self.n != self.total:  # that it is done, whoever called says
            print(self, file=self.fp, flush=True)

    def clear(self, *_: Any, **__: Any) -> None:
        """A line that was written stays."""


def bar(total: int | None, name: str, unit: str, shown: bool = True, done: int = 0, delay: float = 0) -> tqdm:
    """A bar, or lines, for `total` units (None: not known) of which `done` are; `update(n)` it, `close()` it.

    Not `shown`: nothing appears. delay: seconds before a terminal gets the bar.
    """
    options: dict[str, Any] = {
        "total": total,
        "initial": done,
        "desc": name,
        "disable": not shown,
        "leave": False,
    }
    if sys.stderr.isatty():
        # A terminal that a container gives may say that it has no columns at all.
        wide = _columns() > 0
        made = tqdm(**options, unit=unit, delay=delay, ncols=None if wide else 80, dynamic_ncols=wide)
    else:
        layout = OPEN_LINE if total is None else LINE
        made = Lines(
            **options, unit=f" {unit}", mininterval=EVERY_SECONDS, delay=EVERY_SECONDS, bar_format=layout
        )
    _bars.add(made)
    return made


def close() -> None:
    """Take every bar away: what is said next ends the program."""
    for each_bar in list(_bars):
        each_bar.close()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # it only says that it is one
        return 0


def each(
    things: Iterable[T], name: str, unit: str, total: int | None = None, shown: bool = True
) -> Iterator[T]:
    """`things`, one after another, with a bar. total: how many, of what has no length but is known to end."""
    count = len(things) if total is None and isinstance(things, Sized) else total
    progress = bar(count, name, unit, shown, delay=0.5)  # what is done at once should not flicker
    try:
        for thing in things:
            yield thing
            progress.update()
    finally:
        progress.close()


def say(text: str) -> None:
    """A line on stderr, above the bar if there is one."""
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)
