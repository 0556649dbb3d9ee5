"""`ClipDataset`: a row of the manifest becomes a `Sample`: read, fitted, augmented, its sound made into a mel
image.

What is random of a clip, its span and its augmentation, is a function of (seed, epoch, row). The epoch comes
with the key of the sample, so any number of worker processes gives the same samples, and a run can resume
mid-epoch.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale import config
from telltale.config.detectors import SbiSettings
from telltale.data import mel, transforms
from telltale.data.arrays import SampleArrays, Shapes
from telltale.data.batch import EVALUATION, Sample, SampleInfo, SampleKey, SampleView, target_of
from telltale.data.clip import (
    STREAMS,
    View,
    fixed_positions,
    frames_decoded,
    most_side,
    random_position,
    read_clip,
)
from telltale.data.manifest import Row
from telltale.data.preparing import Pictures, Preparation
from telltale.data.store import ClipStore
from telltale.decode.frames import Frames
from telltale.forge.face import Landmarks, prior
from telltale.forge.selfblend import change_alike, self_blend


@dataclass(frozen=True)
class Views:
    """Which views of a clip a data set gives.

    spans: views in evaluation; training has one.
    crops: views of each span in evaluation, which differ in where native crops are.
    training: whether samples of training will be asked for, too.
    blends: a clip of training gives two views, as it is and self-blended.
    landmarks: for `blends`, where the faces are, by video name; other clips get a guess.
    """

    spans: int = 1
    crops: int = 1
    training: bool = False
    blends: bool = False
    landmarks: Mapping[str, Landmarks] = field(default_factory=dict)

    @staticmethod
    def of_training(unit: str) -> "Views":
        """The views of training for an objective of this `unit`, without landmarks."""
        return Views(training=True, blends=unit == "genuine")

    @property
    def count(self) -> int:
        """Views of each sample."""
        return 2 if self.blends else self.spans * self.crops


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
        views: Views = Views(),
        store: ClipStore | None = None,
    ) -> None:
        self.rows, self.settings, self.reads, self.views, self.store = rows, settings, reads, views, store
        self._prepare = Preparation(settings, reads)

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
        return shapes

    def prepare(self) -> None:
        """Import and compute what all samples need, once, before workers are forked."""
        if "sound" in self.reads:
            mel.tables(self.settings.mel)
        if self.views.training:
            transforms.prepare(self.settings.augment, self.reads, self.settings.mel.rate_hz)

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
            positions = fixed_positions(self.views.spans)
        else:
            positions = random_position(rng, settings.data.spans)
        clip = read_clip(row.path, positions, settings.clip, settings.mel.rate_hz, self.reads, self.store)
        views, prepare_seconds, mel_seconds = self._sample_views(row, clip.views, rng)
        info = SampleInfo(
            row=key.row,
            video_name=row.video_name,
            target=target_of(row),
            status=clip.status,
            seconds=clip.seconds,
            detail=clip.detail,
            view_starts=tuple(view.start_seconds for view in views),
            cost=replace(
                clip.cost,
                prepare_seconds=prepare_seconds,
                mel_seconds=mel_seconds,
                done_at=time.perf_counter(),
            ),
        )
        return Sample(info, views)

    def _sample_views(
        self, row: Row, views: tuple[View, ...], rng: np.random.Generator | None
    ) -> tuple[tuple[SampleView, ...], float, float]:
        """The views of a clip as a model gets them, and the seconds that pictures and sound took.

        First the pictures of all views, then the sound of all: the order in which `rng` is drawn from.
        """
        prepare, began = self._prepare, time.perf_counter()
        blending = rng is not None and self.views.blends
        cycles = [0]
        if rng is not None and blending and views:
            seen = [Pictures(frames) for frames in self._blended(row, views[0], rng)]
            views = views * 2
        else:
            cycles = list(range(self.views.crops)) if rng is None else cycles
            seen = [prepare.pictures(view, rng, cycle) for view in views for cycle in cycles]
        between = time.perf_counter()
        # A self-blended view has no sound of its own.
        images = [None if blending and k else prepare.image(view, rng) for k, view in enumerate(views)]
        made = [
            SampleView(view.start_seconds, each.frames, image, each.crops, each.mouth)
            for (view, image), each in zip(
                ((v, i) for v, i in zip(views, images, strict=True) for _ in cycles), seen, strict=True
            )
        ]
        return tuple(made), between - began, time.perf_counter() - between

    def _blended(self, row: Row, view: View, rng: np.random.Generator) -> list[Frames | None]:
        """The frames of a genuine clip's two views: itself and its self-blended forgery, changed alike."""
        frames, settings = view.frames, self.settings
        if frames is None:
            return [None, None]
        points = self._landmarks(row, frames, rng)
        fitted = transforms.fit(frames.pixels, settings.clip.image_size)
        assert isinstance(settings.objective, SbiSettings)
        genuine, forged, mask = self_blend(fitted, points, rng, masks=settings.objective.sbi_masks)
        both = change_alike(np.concatenate([genuine, forged]), settings.augment, rng)
        # `change_alike` has drawn these three, the others are drawn as for any clip.
        rest = settings.augment.model_copy(update={"flip_p": 0.0, "colour_p": 0.0, "jpeg_p": 0.0})
        both = transforms.augment_frames(both, rest, rng)
        if (
            not mask.any()
        ):  # the face is out of sight and nothing was blended: there is no forgery to learn from
            return [None, None]
        count = len(genuine)
        return [replace(frames, pixels=both[:count]), replace(frames, pixels=both[count:])]

    def _landmarks(self, row: Row, frames: Frames, rng: np.random.Generator) -> np.ndarray:
        """(T, 68 or 81, 2): landmarks of the face in each frame, in fractions of the frame's centre
        square."""
        if row.video_name not in self.views.landmarks:
            return np.stack([prior(rng)] * len(frames.pixels))
        points = self.views.landmarks[row.video_name].at(frames.seconds)
        # From fractions of the whole picture to fractions of its centre square, which is what the model sees.
        height, width = frames.pixels.shape[1:3]
        side, whole = min(height, width), np.array([width, height])
        return (points * whole - (whole - side) / 2) / side


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
