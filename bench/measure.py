"""How everything here is measured: side by side in one run, in turns, on the same files; a row is a ratio and its target."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Row:
    """`ratio` as `name` says; `target`: at most, or at least where `at_least`; None: for information. detail: the medians."""

    name: str
    ratio: float
    target: float | None
    at_least: bool = False
    detail: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def line(self) -> str:
        wanted = "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g}"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return f"{self.name:<62} {self.ratio:8.3f}  {wanted:>8}  {verdict:6}  {self.detail}"


def write(rows: Sequence[Row], path: Path) -> None:
    """Rows as a list of {name, ratio, target, met, ...}; rows of an earlier run that this one did not measure stay."""
    known = {row["name"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    for row in rows:
        known[row.name] = {**asdict(row), "ratio": round(row.ratio, 4), "met": row.met}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n")


def in_turns(ways: Mapping[str, Callable[[Path], object]], paths: Sequence[Path], repeats: int) -> dict[str, np.ndarray]:
    """Milliseconds (P,) of each way on each path: the best of `repeats`, in turns, so that a busy moment hits all alike."""
    best = {name: np.full(len(paths), np.inf) for name in ways}
    for place, path in enumerate(paths):
        for _ in range(repeats):
            for name, way in ways.items():
                best[name][place] = min(best[name][place], 1e3 * seconds(lambda way=way, path=path: way(path)))
    return best


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def spread(values: np.ndarray) -> str:
    """The median and the quartiles, for a row's detail."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:.1f} [{low:.1f}, {high:.1f}] ms"


@contextmanager
def one_core() -> Iterator[None]:
    """This process on one core only."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
