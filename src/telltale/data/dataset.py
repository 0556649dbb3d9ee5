"""`ClipDataset`: a row of the manifest becomes a `Sample`: read, fitted, augmented, its sound made into a mel
image.

What is random of a clip, its span and its augmentation, is a function of (seed, epoch, row). The epoch comes
with the key of the sample, so any number of worker processes gives the same samples, and a run can resume
mid-epoch.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale import config
from telltale.data import mel, transforms
from telltale.data.arrays import GRID, SampleArrays, Shapes
from telltale.data.batch import EVALUATION, Sample, SampleInfo, SampleKey, target_of
from telltale.data.clip import (
    STREAMS,
    fixed_positions,
    frames_decoded,
    most_side,
    random_position,
    read_clip,
)
from telltale.data.manifest import Row
from telltale.data.sample_views import SampleViews
from telltale.data.store import ClipStore
from telltale.data.views import ONE_SPAN, Views
from telltale.forge import pseudo


class ClipDataset:
    """Rows of the manifest as samples.

    rows: the videos.
    settings: how they are decoded, fitted and augmented.
    reads: what the model reads, as of `config.detectors.DetectorEntry`.
    views: which views of a clip it gets.
    store: keeps what was decoded, if there is one.

    A clip that cannot be read is a sample without views, whose status says why.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: config.Config,
        reads: tuple[str, ...],
        views: Views = ONE_SPAN,
        store: ClipStore | None = None,
    ) -> None:
        self.rows, self.settings, self.reads, self.views, self.store = rows, settings, reads, views, store
        self._make = SampleViews(rows, settings, reads, views, store)

    def shapes(self) -> Shapes:
        """Shapes of a sample's arrays."""
        clip, sound, count = self.settings.clip, self.settings.mel, self.views.count
        size = clip.image_size
        pictures = (clip.frames, size, size, 3) if "picture" in self.reads else (0,)
        image = (mel.n_rows(sound), mel.n_columns(sound, clip.seconds)) if "sound" in self.reads else (0,)
        shapes = Shapes((count, *pictures), (count, *image))
        if "native" in self.reads:
            assert clip.native_size is not None  # the configuration demands it
            shapes = shapes._replace(crops=(count, clip.frames, clip.native_size, clip.native_size, 3))
        if "mouth" in self.reads:
            shapes = shapes._replace(mouth=(count, clip.mouth_frames, clip.mouth_size, clip.mouth_size))
        if self.views.twins and not self.views.gate:
            mask = (count, clip.frames, GRID, GRID) if "picture" in self.reads else ()
            shapes = shapes._replace(segments=(count, clip.frames), mask=mask)
        return shapes

    def prepare(self) -> None:
        """Import and compute what all samples need, once, before workers are forked. Raises InputError for a
        rate that no codec takes, and for a pseudo-forgery that does not exist."""
        if "sound" in self.reads:
            mel.tables(self.settings.mel)
        if self.views.training:
            transforms.prepare(self.settings.augment, self.reads, self.settings.mel.rate_hz)
        if self.views.twins:
            pseudo.prepare(self.settings.pseudo)

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        """Write the sample of `key` into `arrays`, over whatever was there. Raises as `sample`."""
        sample = self.sample(key)
        sample.write(arrays)
        return sample.info

    def sample(self, key: SampleKey) -> Sample:
        """Read one row. Raises InputError if a store that must keep the clip is full or cannot be written."""
        row, settings = self.rows[key.row], self.settings
        rng = None if key.epoch == EVALUATION else np.random.default_rng([settings.seed, key.epoch, key.row])
        if rng is None:
            positions = fixed_positions(1 if self.views.gate else self.views.spans)
        else:
            positions = random_position(rng, settings.data.spans)
        clip = read_clip(row.path, positions, settings.clip, settings.mel.rate_hz, self.reads, self.store)
        began, self._make.prepare.sound_seconds = time.perf_counter(), 0.0
        views, made = self._make(key.row, clip.views, rng)
        ended = time.perf_counter()
        sound_seconds = self._make.prepare.sound_seconds
        info = SampleInfo(
            row=key.row,
            video_name=row.video_name,
            target=target_of(row),
            status=clip.status,
            seconds=clip.seconds,
            detail=clip.detail,
            view_starts=tuple(view.start_seconds for view in views),
            made=made,
            cost=replace(
                clip.cost,
                prepare_seconds=ended - began - sound_seconds,
                mel_seconds=sound_seconds,
                done_at=ended,
            ),
        )
        return Sample(info, views)


def open_store(
    folder: Path, settings: config.Config, reads: tuple[str, ...], *, required: bool = False
) -> ClipStore:
    """The store in `folder` for what these settings decode; `required` as of `ClipStore`. Raises
    InputError."""
    return ClipStore(folder, spec_of(settings, reads), settings.store, required=required)


def spec_of(settings: config.Config, reads: tuple[str, ...]) -> dict[str, Any]:
    """What the decoding of a span depends on, of JSON's types.

    Settings that differ only in what is cut out of the decoded frames share a store.
    """
    clip = settings.clip.model_dump(mode="json")
    del clip["mouth_size"]
    # Without native crops and pictures of the lower face, as before there were any.
    del clip["native_side"]
    if clip.pop("native_size") is not None:
        del clip["image_size"]
        clip["most_side"] = most_side(settings.clip)
    clip["frames"] = frames_decoded(settings.clip)
    del clip["mouth_frames"]
    streams = [name for name in reads if name in STREAMS]
    return {"clip": clip, "rate_hz": settings.mel.rate_hz, "reads": streams}


def warn_of_store(store: ClipStore, settings: config.Config, reads: tuple[str, ...], spans: int) -> None:
    """Say on stderr if the store will not take so many spans, and if it holds entries of an earlier format.

    The size of an entry is estimated: a square clip, as long as a span.
    """
    clip = settings.clip
    side = clip.image_size if clip.native_size is None else most_side(clip)
    pixels = frames_decoded(clip) * side**2 * 3 if "picture" in reads else 0
    # JPEGs of faces take a fifth of their pixels' bytes at quality 95, and less below.
    pictures = pixels if clip.jpeg_quality is None else pixels / 5
    sound = 4 * settings.mel.rate_hz * clip.seconds if "sound" in reads else 0
    for sentence in (store.unread(), store.lacks(spans, pictures + sound)):
        if sentence is not None:
            print(sentence, file=sys.stderr, flush=True)
