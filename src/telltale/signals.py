"""SIGINT and SIGTERM as a number to look at between steps, so that no step and no file is ever cut in half."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(Exception):
    """A signal asked the program to end, and what it had is saved. `number` is the signal's, `remedy` says how to go on."""

    def __init__(self, number: int, remedy: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number, self.remedy = number, remedy


class Watch:
    """`number` is 0 until a signal comes."""

    def __init__(self) -> None:
        self.number = 0

    def note(self, number: int, _: Any) -> None:
        self.number = number


@contextmanager
def watched() -> Iterator[Watch]:
    """Note the two signals instead of dying of them; at the end they mean what they meant before."""
    watch = Watch()
    before = {number: signal.signal(number, watch.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
