"""`Facts`: what all probes measure of a set of clips. Files are read by worker processes and kept in parts.

    facts = read_facts(paths, folder, Reading(workers=4))

A clip that cannot be read, hangs or ends its worker has a status, and no number of what could not be read.
"""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telltale.decode.container import Contents, DecodeError, Limits, open_container
from telltale.decode.demux import Demuxer
from telltale.decode.frames import read_frames
from telltale.decode.sound import NoSound, Wave, read_wave
from telltale.errors import InputError
from telltale.files import fingerprint, write_whole
from telltale.runtime.pool import WorkerPool
from telltale.runtime.progress import bar, say
from telltale.runtime.supervisor import Lost
from telltale.study.probe_file import file_facts
from telltale.study.probe_picture import FIRST, LOOK, first_look, mean_look, picture_facts
from telltale.study.probe_sound import SPECTRUM, sound_facts

FRAMES = 8
WHOLE_SECONDS = 60.0  # sound up to this length is read whole, of longer sound the two ends
TAIL_SECONDS = 10.0
VECTORS = {"spectrum": SPECTRUM, "first": FIRST, "look": LOOK}
LIMITS = Limits(7680 * 4320, 20_000)
PART_CLIPS = 128
TIMED_CLIPS = 8  # clips that are read before the time of all is estimated
ANNOUNCED_SECONDS = 300.0
TRANSIENT = {"timeout", "crashed"}  # statuses that say as much of the machine as of the clip
VERSION = 2  # of what is measured; facts of another version are measured anew


@dataclass(frozen=True)
class ClipFacts:
    """What was measured of one clip. A name that is missing was not measured.

    status: "ok", or one of `telltale.status` that says what went wrong. A clip without sound is "ok".
    """

    status: str
    numbers: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What was measured of N clips, in their order.

    statuses: N words.
    numbers: name → float64 (N,), nan where it is missing.
    tags: name → N texts, "" where it is missing.
    vectors: name → float32 (N, D), nan where it is missing.
    """

    statuses: list[str]
    numbers: dict[str, NDArray[np.float64]]
    tags: dict[str, list[str]]
    vectors: dict[str, NDArray[np.float32]]

    def take(self, rows: NDArray[np.int64]) -> "Facts":
        """The same of some of the clips."""
        return Facts(
            [self.statuses[row] for row in rows],
            {name: values[rows] for name, values in self.numbers.items()},
            {name: [values[row] for row in rows] for name, values in self.tags.items()},
            {name: values[rows] for name, values in self.vectors.items()},
        )


@dataclass(frozen=True)
class Reading:
    """How files are read. workers: processes; timeout_seconds: after which a clip is given up."""

    workers: int = 1
    timeout_seconds: float = 60.0


def clip_facts(path: Path) -> ClipFacts:
    """Measure one clip. Never raises because of the file."""
    found = ClipFacts("ok")
    statuses: list[str] = []
    try:
        with Demuxer(path, LIMITS) as demuxer:
            contents = demuxer.contents()
        with open_container(path, LIMITS) as container:
            numbers, tags = file_facts(path, container, contents)
        found.numbers.update(numbers)
        found.tags.update(tags)
    except DecodeError as error:
        return ClipFacts(error.status)
    except (OSError, MemoryError, RuntimeError, ValueError):
        return ClipFacts("failed")
    for there, measure in ((contents.has_picture, _measure_picture), (contents.has_sound, _measure_sound)):
        try:
            if there:
                statuses.append(measure(path, contents, found))
        except DecodeError as error:
            statuses.append(error.status)
        except (OSError, MemoryError, RuntimeError, ValueError):
            statuses.append("failed")
    worst = next((status for status in statuses if status != "ok"), "ok")
    return ClipFacts(worst, found.numbers, found.tags, found.vectors)


def _measure_picture(path: Path, contents: Contents, found: ClipFacts) -> str:
    times = np.linspace(0, max(contents.picture_seconds, 0.0), FRAMES)
    with Demuxer(path, LIMITS, ("picture",)) as demuxer:
        frames = read_frames(demuxer, times, sampling="reference")
    found.numbers.update(picture_facts(frames.pixels))
    found.vectors["first"] = first_look(frames.pixels[0])
    found.vectors["look"] = mean_look(frames.pixels)
    return "partial" if frames.partial else "ok"


def _measure_sound(path: Path, contents: Contents, found: ClipFacts) -> str:
    seconds = max(contents.sound_seconds, 0.1)
    head = _wave(path, 0.0, min(seconds + 0.5, WHOLE_SECONDS))
    if isinstance(head, NoSound):
        return "ok"
    numbers, found.vectors["spectrum"] = sound_facts(head.samples, head.rate_hz)
    tail: Wave | NoSound = head
    if seconds > WHOLE_SECONDS:
        tail = _wave(path, seconds - TAIL_SECONDS, TAIL_SECONDS + 0.5)
        ends = {} if isinstance(tail, NoSound) else sound_facts(tail.samples, tail.rate_hz)[0]
        numbers = {name: value for name, value in numbers.items() if not name.startswith("trailing.")}
        numbers |= {name: value for name, value in ends.items() if name.startswith("trailing.")}
    found.numbers.update(numbers)
    return "partial" if head.partial or (isinstance(tail, Wave) and tail.partial) else "ok"


def _wave(path: Path, start: float, seconds: float) -> Wave | NoSound:
    """Sound at the rate of the source."""
    with Demuxer(path, LIMITS, ("sound",)) as demuxer:
        codec = demuxer.sounds.codec_context if demuxer.sounds is not None else None
        rate = (codec.sample_rate if codec is not None else 0) or 48_000
        return read_wave(demuxer, start, seconds, rate_hz=rate)


def read_facts(paths: Sequence[Path], folder: Path, reading: Reading) -> Facts:
    """Measure all clips, or take from `folder` what a run before has measured of the same files.

    A file is the same if its path, size and time are. Clips that were given up are read once more. If all of
    it takes more than five minutes, the estimate is printed after the first few clips. Raises InputError if
    the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); wanted a folder to write") from None
    parts = [range(first, min(first + PART_CLIPS, len(paths))) for first in range(0, len(paths), PART_CLIPS)]
    files = [_part_file(folder, [paths[row] for row in part]) for part in parts]
    todo = [number for number, file in enumerate(files) if not _is_kept(file)]
    if todo:
        jobs = {number: [paths[row] for row in parts[number]] for number in todo}
        for number, answers in _measure(jobs, reading):
            _write_part(files[number], answers)
    return _join([_read_part(file) for file in files])


def _measure(jobs: dict[int, list[Path]], reading: Reading) -> Iterator[tuple[int, list[ClipFacts]]]:
    """Job's number and facts, each as soon as it is done."""
    pool = WorkerPool(clip_facts, max(1, reading.workers), reading.timeout_seconds, _prepare)
    total = sum(map(len, jobs.values()))
    shown = bar(total, "reading clips", "clip", delay=0.5)
    (begun, paths), *waiting = jobs.items()
    try:
        kept = _read_first(pool, paths, total)
        if len(paths) > len(kept):  # the pool never finishes a job without tasks
            waiting.insert(0, (begun, paths[len(kept) :]))
        else:
            yield begun, kept
        under_way = 0
        while waiting or under_way:
            while waiting and under_way < 2:  # two, so that no worker waits at the end of a job
                pool.submit(*waiting.pop(0))
                under_way += 1
            number, replies = pool.finished()
            under_way -= 1
            shown.update(len(replies))
            yield number, (kept if number == begun else []) + _answers(replies)
    finally:
        shown.close()
        pool.close()


def _read_first(pool: WorkerPool, paths: Sequence[Path], total: int) -> list[ClipFacts]:
    """Facts of the first few clips. How long all will take is told if that is long: the very first clip does
    not count, because the workers start with it."""
    pool.submit(-1, paths[:1])
    answers = _answers(pool.finished()[1])
    began, timed = time.perf_counter(), paths[1 : 1 + TIMED_CLIPS]
    if timed:
        pool.submit(-1, timed)
        answers += _answers(pool.finished()[1])
        estimate = (time.perf_counter() - began) / len(timed) * total
        if estimate > ANNOUNCED_SECONDS:
            say(f"reading {total:,} clips will take about {estimate / 60:.0f} minutes")
    return answers


def _answers(replies: list[Any]) -> list[ClipFacts]:
    return [ClipFacts(reply.status) if isinstance(reply, Lost) else reply for reply in replies]


def _prepare() -> None:
    """Import what all workers need, and keep OpenCV to one thread."""
    import cv2
    import scipy.fft  # noqa: F401 (loaded once, before workers are forked)

    cv2.setNumThreads(0)


def _part_file(folder: Path, paths: Sequence[Path]) -> Path:
    """Named after the files that it is about, so that changed files are read anew."""
    stats: list[Any] = [VERSION]
    for path in paths:
        try:
            info = path.stat()
            stats.append([str(path), info.st_size, info.st_mtime_ns])
        except OSError:
            stats.append([str(path), None, None])
    return folder / f"{fingerprint(stats)}.npz"


def _is_kept(file: Path) -> bool:
    """Whether a part was measured and no clip of it was given up: on a machine with less to do, that clip
    may be read in time."""
    return file.is_file() and not set(_read_part(file).statuses) & TRANSIENT


def _write_part(file: Path, clips: Sequence[ClipFacts]) -> None:
    joined = _join([_one(clip) for clip in clips])
    arrays: dict[str, Any] = {"status": np.array(joined.statuses)}
    arrays |= {f"number {name}": values for name, values in joined.numbers.items()}
    arrays |= {f"tag {name}": np.array(values) for name, values in joined.tags.items()}
    arrays |= {f"vector {name}": values for name, values in joined.vectors.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with write_whole(file) as out:
        out.write(buffer.getvalue())


def _read_part(file: Path) -> Facts:
    with np.load(file, allow_pickle=False) as arrays:
        named: dict[str, dict[str, Any]] = {"number": {}, "tag": {}, "vector": {}}
        for key in arrays.files:
            kind, _, name = key.partition(" ")
            if name:
                named[kind][name] = arrays[key] if kind != "tag" else arrays[key].tolist()
        return Facts(arrays["status"].tolist(), named["number"], named["tag"], named["vector"])


def _one(clip: ClipFacts) -> Facts:
    return Facts(
        [clip.status],
        {name: np.array([value]) for name, value in clip.numbers.items()},
        {name: [value] for name, value in clip.tags.items()},
        {name: values[None] for name, values in clip.vectors.items()},
    )


def _join(parts: Sequence[Facts]) -> Facts:
    """One after another; what a part lacks is missing there."""
    statuses = [status for part in parts for status in part.statuses]
    counts = [len(part.statuses) for part in parts]
    numbers = {
        name: np.concatenate(
            [part.numbers.get(name, np.full(n, np.nan)) for part, n in zip(parts, counts, strict=True)]
        )
        for name in sorted({name for part in parts for name in part.numbers})
    }
    tags = {
        name: [text for part, n in zip(parts, counts, strict=True) for text in part.tags.get(name, [""] * n)]
        for name in sorted({name for part in parts for name in part.tags})
    }
    vectors = {
        name: np.concatenate(
            [
                part.vectors.get(name, np.full((n, size), np.nan, np.float32))
                for part, n in zip(parts, counts, strict=True)
            ]
        )
        for name, size in VECTORS.items()
    }
    return Facts(statuses, numbers, tags, vectors)
