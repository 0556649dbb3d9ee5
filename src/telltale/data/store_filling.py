"""Fills a decode-once store before training: `telltale cache build`.

work = [Pass(train.rows, spans=4), Pass(validation.rows, spans=1)]
needs = estimate(work, settings, store)    # a few clips are decoded to know
filled = fill(work, settings, store)       # every clip is decoded, or found in the store
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from telltale import config
from telltale.config import detectors
from telltale.data.batch import SampleInfo
from telltale.data.clip import View, fixed_positions, read_clip
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
from telltale.data.store import ClipStore, StoredClip, pack
from telltale.data.views import Views
from telltale.decode.frames import encode_jpegs
from telltale.errors import InputError
from telltale.runtime import distributed, threads
from telltale.runtime.progress import bar
from telltale.status import MAY_BE_SCORED

# Clips of each split that are decoded for the estimate.
ESTIMATE_CLIPS = 12
BATCH_SIZE = 4


@dataclass(frozen=True)
class Pass:
    """Clips to decode, and how many spans of each."""

    rows: Sequence[Row]
    spans: int


@dataclass(frozen=True)
class Needs:
    """What filling a store will take.

    clips: how many will be read.
    bytes: of their entries.
    seconds: of all processes together.
    held_bytes, free_bytes: what the store holds already, and what it has room for.
    """

    clips: int
    bytes: float
    seconds: float
    held_bytes: float
    free_bytes: float


@dataclass
class Filled:
    """What filling a store came to.

    hits: clips that were there already.
    misses: clips that were decoded.
    unread: those that cannot be read, as "NAME (STATUS)".
    """

    hits: int = 0
    misses: int = 0
    unread: list[str] = field(default_factory=list)


def workers(settings: config.Config) -> int:
    """How many processes will decode."""
    return threads.cores() if settings.data.workers is None else max(settings.data.workers, 1)


def estimate(work: Sequence[Pass], settings: config.Config, store: ClipStore) -> Needs:
    """Decode a few clips, evenly spaced in the list, and scale up what they take."""
    size = seconds = 0.0
    for part in work:
        chosen = part.rows[:: max(1, len(part.rows) // ESTIMATE_CLIPS)][:ESTIMATE_CLIPS]
        began, held = time.perf_counter(), 0
        for row in chosen:
            clip = read_clip(
                row.path, fixed_positions(part.spans), settings.clip, settings.mel.rate_hz, _reads(settings)
            )
            for view in clip.views:
                entry = StoredClip(view.start_seconds, view.frames, view.wave, "ok", 0.0)
                held += sum(memoryview(each).nbytes for each in pack(entry, _jpegs(view, settings)))
        scale = len(part.rows) / max(len(chosen), 1)
        size += held * scale
        seconds += (time.perf_counter() - began) * scale
    clips = sum(len(part.rows) for part in work)
    return Needs(clips, size, seconds, store.packed.total_bytes(), store.packed.free_bytes())


def check_room(needs: Needs, store: ClipStore) -> None:
    """Raises InputError if the store has no room for what it lacks."""
    if needs.bytes - needs.held_bytes > needs.free_bytes:
        raise InputError(
            f"--store {store.packed.folder}: about {needs.bytes / 1e9:.2f} GB are more than the room for "
            f"{max(needs.free_bytes, 0) / 1e9:.2f} GB (store.max_gb, store.keep_free_gb); "
            "wanted fewer data.spans, clip.jpeg_quality set, or a larger disk"
        )


def fill(work: Sequence[Pass], settings: config.Config, store: ClipStore) -> Filled:
    """Read every clip once through the store, by as many processes as the settings say."""
    filled = Filled()
    for part in work:
        _fill(part, settings, store, filled)
    return filled


def _fill(part: Pass, settings: config.Config, store: ClipStore, filled: Filled) -> None:
    dataset = ClipDataset(part.rows, settings, _reads(settings), Views(part.spans), store)
    with distributed.join() as process:
        batches = evaluation_batches(file_sizes(part.rows), BATCH_SIZE)
        count = process.workers(settings.data.workers, len(part.rows))
        loader = ClipLoader(dataset, count, timeout_seconds=settings.data.timeout_seconds)
        shown = bar(len(part.rows), "decode", "clip", True)
        try:
            for batch in loader.read(batches):
                for info in batch.infos:
                    _count(info, filled)
                shown.update(len(batch.infos))
        finally:
            shown.close()
            loader.close()


def _count(info: SampleInfo, filled: Filled) -> None:
    if info.status not in MAY_BE_SCORED:
        filled.unread.append(f"{info.video_name} ({info.status})")
    elif info.cost.bytes:  # of the file, which a clip from the store does not touch
        filled.misses += 1
    else:
        filled.hits += 1


def _jpegs(view: View, settings: config.Config) -> list[bytes] | None:
    """A view's frames as the JPEG files that the store will hold, None if it holds pixels."""
    quality = settings.clip.jpeg_quality
    return None if view.frames is None or quality is None else encode_jpegs(view.frames.pixels, quality)


def _reads(settings: config.Config) -> tuple[str, ...]:
    return detectors.reads(settings.model)
