"""SIGINT and SIGTERM: they end a program at once while it starts, and between two steps once it has begun.

with watch_signals() as watch:
    ...                     # a signal raises Stopped here
    watch.defer()           # from now on there is something to save
    ...                     # a signal is noted in watch.number; a second one kills
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the program to end, and what there was to save is saved.

    number: the signal's.
    remedy: how to go on, for people.

    It is not an Exception, so that no handler of errors catches it, not even one in a module that is being
    imported.
    """

    def __init__(self, number: int, remedy: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number, self.remedy = number, remedy


class SignalWatch:
    """Which signal came. number: 0 until one comes."""

    def __init__(self) -> None:
        self.number = 0
        self._deferred = False

    def defer(self) -> None:
        """From now on only note a signal, do not raise."""
        self._deferred = True

    def note(self, number: int, _: Any) -> None:
        """The handler of both signals. It restores the system's own, so that a second signal kills whatever
        hangs."""
        self.number = number
        for each in NUMBERS:
            signal.signal(each, signal.SIG_DFL)
        if not self._deferred:
            raise Stopped(number, "its first step had not begun")


@contextmanager
def watch_signals() -> Iterator[SignalWatch]:
    """Handle both signals by a `SignalWatch`, and restore their handlers at the end. Raises Stopped."""
    watch = SignalWatch()
    before = {number: signal.signal(number, watch.note) for number in NUMBERS}
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
