"""Writes a demo data set in the competition's layout, in parallel. The folder appears when it is complete.

counts = {"train": 240, "validation": 60, "test": 160}
write_dataset(Path("demo-data"), DatasetSpec(counts, seed=1, seconds=3.0, size=160), workers=2)

train_labels.csv       video_name,target (1 forged, 0 genuine); the same for validation and test
test_template.csv      video_name: the list for predict.py --list
meta.csv               person and kind of forgery of each clip
train/ validation/ test/    MD5.mp4
"""

import csv
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from telltale.demo.clip import make_clip
from telltale.demo.encode import FRAME_RATE
from telltale.demo.plan import SPLITS, ClipPlan, draw_plan
from telltale.errors import InputError
from telltale.runtime.progress import each

LENGTH_SPREAD = 1 / 6  # clips are up to this share shorter or longer than the mean
BYTES_PER_SECOND = 110_000  # of a clip of 160 x 160 pixels, rounded up
TRAINED = "trained"  # folder of what a data set's clips need, in the unfinished data set only
CONTENTS = {*SPLITS, *(f"{split}_labels.csv" for split in SPLITS), "test_template.csv", "meta.csv"}


@dataclass(frozen=True)
class DatasetSpec:
    """What a demo data set contains. Raises InputError for values out of range.

    counts: number of clips in "train", "validation" and "test", each at least 2.
    seed: seed of all random numbers, 0 or more.
    seconds: mean length of the clips, 0.5 to 60.
    size: width and height of the square pictures in pixels, even, 64 to 1024.
    """

    counts: dict[str, int]
    seed: int
    seconds: float
    size: int

    def __post_init__(self) -> None:
        for split, count in self.counts.items():
            if count < 2:
                raise InputError(
                    f"--{split} {count}: a split needs at least 2 clips, one genuine and one forged; give 2 "
                    "or more."
                )
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: wanted a number of 0 or more.")
        if not 0.5 <= self.seconds <= 60:
            raise InputError(f"--seconds {self.seconds:g}: wanted a clip length between 0.5 and 60 seconds.")
        if not 64 <= self.size <= 1024 or self.size % 2:
            raise InputError(f"--size {self.size}: wanted an even number of pixels between 64 and 1024.")

    def bytes_needed(self) -> float:
        """An upper estimate of the size of the data set on the disk."""
        area = max(1.0, (self.size / 160) ** 2)
        return sum(self.counts.values()) * self.seconds * BYTES_PER_SECOND * area

    def plans(self) -> Sequence[ClipPlan]:
        """The clips, sorted by split and name."""
        shortest, longest = (
            round(self.seconds * FRAME_RATE * share) for share in (1 - LENGTH_SPREAD, 1 + LENGTH_SPREAD)
        )
        return draw_plan(self.counts, self.seed, (shortest, longest))

    def prepare(self, folder: Path, workers: int) -> None:
        """Make what the clips need, in the unfinished data set's folder. The demo's clips need nothing."""

    def make(self, plan: ClipPlan, folder: Path) -> None:
        """Write one clip of the data set in `folder`."""
        make_clip(plan, seed=self.seed, size=self.size, folder=folder)

    def meta_row(self, plan: ClipPlan) -> dict[str, object]:
        """The clip's line of meta.csv by column."""
        return {
            "video_name": plan.video_name,
            "split": plan.split,
            "target": plan.target,
            "kind": plan.kind,
            "identity": f"p{plan.identity:04d}",
            "donor": "" if plan.donor is None else f"p{plan.donor:04d}",
            "seconds": f"{plan.frames / FRAME_RATE:.2f}",
        }


def write_dataset(out: Path, spec: DatasetSpec, *, workers: int, force: bool = False) -> Sequence[ClipPlan]:
    """Write the data set to the folder `out`. Return the plans of its clips.

    workers: number of processes. The bytes do not depend on it.
    force: replace an older demo data set. Other folders with content are always refused.

    Raises InputError if the folder cannot be used or the disk is too small.
    """
    out = out.absolute()
    if workers < 1:
        raise InputError(f"--workers {workers}: wanted 1 process or more.")
    _check_folder(out, force, spec.bytes_needed())
    plans = spec.plans()
    unfinished = out.with_name(f".{out.name}.unfinished-{os.getpid()}")
    try:
        for split in SPLITS:
            (unfinished / split).mkdir(parents=True)
        spec.prepare(unfinished, workers)
        _make_clips(plans, spec, unfinished, min(workers, len(plans)))
        shutil.rmtree(unfinished / TRAINED, ignore_errors=True)
        _write_tables(plans, spec, unfinished)
        _put_in_place(unfinished, out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return plans


def _make_clips(plans: Sequence[ClipPlan], spec: DatasetSpec, folder: Path, workers: int) -> None:
    make = partial(spec.make, folder=folder)
    if workers == 1:
        threads = cv2.getNumThreads()
        _one_thread()
        for plan in each(plans, "demo data", "clip"):
            make(plan)
        cv2.setNumThreads(threads)
        return
    # Spawned, because a fork of a process that has threads can hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_one_thread) as pool:
        jobs = [pool.submit(make, plan) for plan in plans]
        try:
            for job in each(as_completed(jobs), "demo data", "clip", len(jobs)):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one_thread() -> None:
    """Let OpenCV use one thread: the processes are the parallelism. The drawing calls no BLAS."""
    cv2.setNumThreads(1)


def _write_tables(plans: Sequence[ClipPlan], spec: DatasetSpec, folder: Path) -> None:
    for split in SPLITS:
        rows = [(plan.video_name, plan.target) for plan in plans if plan.split == split]
        _write_csv(folder / f"{split}_labels.csv", ("video_name", "target"), rows)
    _write_csv(
        folder / "test_template.csv",
        ("video_name",),
        [(plan.video_name,) for plan in plans if plan.split == "test"],
    )
    meta = [spec.meta_row(plan) for plan in plans]
    _write_csv(folder / "meta.csv", tuple(meta[0]), [tuple(row.values()) for row in meta])


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _put_in_place(unfinished: Path, out: Path) -> None:
    """Rename the finished folder to `out`. An older data set is deleted after that."""
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    unfinished.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_folder(out: Path, force: bool, bytes_needed: float) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; wanted a folder that is new or empty.")
    names = {path.name for path in out.iterdir()} if out.exists() else set()
    if names and not force:
        raise InputError(
            f"--out {out} is not empty; choose another folder, or give --force to replace a demo data set."
        )
    if names - CONTENTS or (names and "meta.csv" not in names):
        foreign = min(names - CONTENTS, default="no meta.csv")
        raise InputError(
            f"--out {out} is no demo data set (it has {foreign}), so --force does not replace it; choose "
            "another folder."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
    except OSError as error:
        raise InputError(
            f"--out {out}: the folder cannot be made ({error.strerror}); choose a folder that can be written."
        ) from error
    if free < bytes_needed:
        raise InputError(
            f"--out {out}: about {bytes_needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free; "
            "free some space, or ask for fewer, shorter or smaller clips."
        )
