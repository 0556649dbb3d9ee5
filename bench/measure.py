"""How the benchmarks measure: alternately, in one run, on the same files. A row is a ratio and its target."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
# A command writes its table between these two marks of a document.
BEGIN, END = ": begin -->", "<!-- end -->"


@dataclass(frozen=True)
class Row:
    """One result.

    name: what was measured, and what it is divided by.
    ratio: the quotient.
    target: the largest good ratio, or with `at_least` the smallest; None: no target.
    detail: the two medians, in words.
    """

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
        target = "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g}"
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return f"{self.name:<62} {self.ratio:8.3f}  {target:>8}  {verdict:6}  {self.detail}"


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a list of {name, ratio, target, met, ...}. Other rows of an earlier run are kept."""
    known = {row["name"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    for row in rows:
        known[row.name] = {**asdict(row), "ratio": round(row.ratio, 4), "met": row.met}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n")


def in_turns(
    ways: Mapping[str, Callable[[Path], object]], paths: Sequence[Path], repeats: int
) -> dict[str, np.ndarray]:
    """Milliseconds (P,) of each way on each of P paths, the best of `repeats`.

    The ways alternate, so that other load of the machine affects all of them.
    """
    best = {name: np.full(len(paths), np.inf) for name in ways}
    for index, path in enumerate(paths):
        for _ in range(repeats):
            for name, way in ways.items():
                best[name][index] = min(
                    best[name][index], 1e3 * seconds(lambda way=way, path=path: way(path))
                )
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


def call(*words: Any, log: Path | None = None) -> str:
    """Run a command. Returns its output, which is also written to `log`. If it fails, the program exits."""
    done = subprocess.run(
        [str(word) for word in words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if log is not None:
        log.write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


def insert(document: Path, lines: list[str]) -> None:
    """Replace what is between the two marks of the document by `lines`."""
    text = document.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise SystemExit(f"{document}: wanted the marks {BEGIN} and {END}, between which the table goes")
    document.write_text(before + mark + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
