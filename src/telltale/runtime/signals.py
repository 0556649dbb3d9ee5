"""SIGINT and SIGTERM: an end at once while a run starts up; between steps, from the first on, so that none is
cut in half.

with watched() as watch:
    ...                     # a signal raises Stopped here
    watch.defer()           # there is something to save from now on
    ...                     # a signal is noted in watch.number; a second one kills
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the program to end, and what it had is saved. `number` is the signal's, `remedy` says
    how to go on.

    It is no Exception: nothing that answers errors may take it for one of its own, no module that is being
    imported either.
    """

    def __init__(self, number: int, remedy: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number, self.remedy = number, remedy


class SignalWatch:
    """`number` is 0 until a signal comes."""

    def __init__(self) -> None:
        self.number = 0
        self._deferred = False

    def defer(self) -> None:
        """From now on a signal is noted and nothing more."""
        self._deferred = True

    def note(self, number: int, _: Any) -> None:
        """The handler of both signals. The next signal has the system's own meaning: whatever hangs, it
        kills."""
        self.number = number
        for each in NUMBERS:
            signal.signal(each, signal.SIG_DFL)
        if not self._deferred:
            raise Stopped(number, "its first step had not begun")


@contextmanager
def watch_signals() -> Iterator[SignalWatch]:
    """Handle the two signals by a `Watch`; at the end they mean what they meant before. Raises Stopped."""
    watch = SignalWatch()
    before = {number: signal.signal(number, watch.note) for number in NUMBERS}
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
