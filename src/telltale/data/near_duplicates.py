"""Near-duplicates: clips that are copies of one another, re-encoded, cropped, mirrored or scaled.

    prints = fingerprints(rows, workers=4, timeout_seconds=60.0)
    groups = group(prints)                             # "a.mp4" → "g000000", the group of its first clip

Two clips are twins if their pictures agree, or if their sounds do. So a forgery that keeps most of its
source's frame, or its source's sound, is a twin of the source. Two clips of one person are not. A group is a
connected component of the twins. A clip that cannot be read is a group of its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data import hashes
from telltale.data.clip import read_clip
from telltale.data.manifest import Row
from telltale.data.similar_bits import BitIndex
from telltale.runtime.pool import WorkerPool
from telltale.runtime.progress import bar, each
from telltale.runtime.supervisor import Lost

# What is read of a clip: pictures and sound of its first seconds. "exact", because a re-encoded copy has
# other reference frames.
SPAN = config.ClipSettings(seconds=4.0, frames=hashes.FRAMES, image_size=96, sampling="exact")
RATE_HZ = 8000
# Clips that a job of the worker pool holds, and jobs that are under way.
JOB_CLIPS, JOBS = 64, 2
# Share of bits in which twins may differ.
PICTURE_LIMIT, SOUND_LIMIT = 0.17, 0.25


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of one clip.

    video_name, status: its name, and a status of `telltale.status`
    pictures: uint8 (V, B), packed bits of each view, the whole frame first; None without moving pictures
    sound: uint8 (C,), packed bits; None without sound
    """

    video_name: str
    status: str
    pictures: NDArray[np.uint8] | None = None
    sound: NDArray[np.uint8] | None = None


def fingerprint(path: Path) -> Fingerprint:
    """Decode the first seconds of a clip. A clip that cannot be read has a status and nothing to compare."""
    clip = read_clip(path, [0.0], SPAN, RATE_HZ, ("picture", "sound"))
    if not clip.views:
        return Fingerprint(path.name, clip.status)
    (view,) = clip.views
    pictures = None if view.frames is None else hashes.of_pictures(view.frames.pixels)
    sound = None if view.wave is None else hashes.of_sound(view.wave.samples)
    return Fingerprint(path.name, clip.status, pictures, sound)


def fingerprints(rows: Sequence[Row], workers: int, timeout_seconds: float) -> list[Fingerprint]:
    """The fingerprint of each clip, in order. workers: processes that decode; 0: this process does.

    A clip that takes longer than `timeout_seconds` has the status "timeout", one that ends its process
    "crashed".
    """
    paths = [row.path for row in rows]
    if not workers:
        return [fingerprint(path) for path in each(paths, "fingerprints", "clip")]
    parts = [paths[at : at + JOB_CLIPS] for at in range(0, len(paths), JOB_CLIPS)]
    answers: dict[int, list[Fingerprint | Lost]] = {}
    pool = WorkerPool(fingerprint, workers, timeout_seconds)
    shown = bar(len(paths), "fingerprints", "clip", delay=0.5)
    try:
        for number, part in enumerate(parts):
            pool.submit(number, part)
            # Few jobs are under way at a time, so that no pipe fills up with answers.
            while len(answers) < (len(parts) if number + 1 == len(parts) else number + 1 - JOBS):
                done, found = pool.finished()
                answers[done] = found
                shown.update(len(found))
    finally:
        pool.close()
        shown.close()
    return [
        Fingerprint(path.name, one.status) if isinstance(one, Lost) else one
        for number, part in enumerate(parts)
        for path, one in zip(part, answers[number], strict=True)
    ]


def twins(prints: Sequence[Fingerprint]) -> NDArray[np.int64]:
    """Pairs of clips that are twins, int64 (P, 2), each pair of row numbers once, the smaller first."""
    pairs = [np.empty((0, 2), np.int64)]
    pictures = {at: one.pictures for at, one in enumerate(prints) if one.pictures is not None}
    sounds = {at: one.sound for at, one in enumerate(prints) if one.sound is not None}
    if pictures:
        views, rows = np.stack(list(pictures.values())), np.array(list(pictures))
        index, plain = BitIndex(views[:, 0], PICTURE_LIMIT, hashes.PICTURE_BITS), np.zeros_like(hashes.MIRROR)
        asked = (views[:, view] ^ mask for view in range(views.shape[1]) for mask in (plain, hashes.MIRROR))
        pairs += [rows[index.near(queries)] for queries in asked]
    if sounds:
        bits, rows = np.stack(list(sounds.values())), np.array(list(sounds))
        pairs.append(rows[BitIndex(bits, SOUND_LIMIT, hashes.SOUND_BITS).near(bits)])
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def group(prints: Sequence[Fingerprint]) -> dict[str, str]:
    """Video name → name of its group, "g" and the number of the group's first clip in the order of names."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs, count = twins(prints), len(prints)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    first: dict[int, int] = {}
    order = sorted(range(count), key=lambda at: prints[at].video_name)
    for number, at in enumerate(order):
        first.setdefault(int(labels[at]), number)
    return {one.video_name: f"g{first[int(label)]:06d}" for one, label in zip(prints, labels, strict=True)}


def summary(prints: Sequence[Fingerprint], groups: Mapping[str, str], splits: Mapping[str, str]) -> str:
    """One line on the groups. groups, splits: of each clip, by name."""
    sizes = Counter(groups.values())
    several = {name for name, count in sizes.items() if count > 1}
    across: dict[str, set[str]] = {}
    for clip, name in groups.items():
        across.setdefault(name, set()).add(splits[clip])
    crossing = sum(len(found) > 1 for found in across.values())
    nothing = sum(one.pictures is None and one.sound is None for one in prints)
    return (
        f"{len(prints)} clips in {len(sizes)} groups: {len(several)} groups hold several clips, "
        f"{sum(sizes[name] for name in several)} in all, at most {max(sizes.values(), default=0)}; "
        f"{crossing} groups hold clips of several splits; {nothing} clips had nothing to compare"
    )
