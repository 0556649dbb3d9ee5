"""Progress of long work: a bar on a terminal, which disappears when the work is done; a line every 15 s in a
log file.

    for row in each(rows, "hashing", "file"):
        ...
    shown = bar(clips, "epoch 1/3", "clip")
    shown.update(16)
    shown.close()

Work of less than 15 s leaves no line in a log file. Everything goes to stderr.
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
    """tqdm that writes whole lines, for log files."""

    def display(self, *_: Any, **__: Any) -> None:
        if not self.disable and self.n != self.total:  # the caller reports the end
            print(self, file=self.fp, flush=True)

    def clear(self, *_: Any, **__: Any) -> None:
        """Nothing to clear: a line that was written stays."""


def bar(total: int | None, name: str, unit: str, shown: bool = True, done: int = 0, delay: float = 0) -> tqdm:
    """A bar, or lines in a log file. Call its `update(n)` and `close()`.

    total: units of work, None if that is not known.
    name: what is done, before the bar.
    unit: of what, such as "clip".
    shown: False: nothing appears.
    done: units that are done already.
    delay: seconds before a bar appears on a terminal.
    """
    options: dict[str, Any] = {
        "total": total,
        "initial": done,
        "desc": name,
        "disable": not shown,
        "leave": False,
    }
    if sys.stderr.isatty():
        # The terminal of a container may report a width of 0 columns.
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
    """Remove every bar, before the last message of a program."""
    for each_bar in list(_bars):
        each_bar.close()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # it claims to be a terminal and has no size
        return 0


def each(
    items: Iterable[T], name: str, unit: str, total: int | None = None, shown: bool = True
) -> Iterator[T]:
    """The items, one after another, with a `bar`. total: how many there are, if `items` has no length."""
    count = len(items) if total is None and isinstance(items, Sized) else total
    progress = bar(count, name, unit, shown, delay=0.5)  # a bar for short work would only flicker
    try:
        for item in items:
            yield item
            progress.update()
    finally:
        progress.close()


def say(text: str) -> None:
    """Print a line on stderr, above the bar if there is one."""
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)
