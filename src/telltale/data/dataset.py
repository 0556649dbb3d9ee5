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

import numpy as np

from telltale import config
from telltale.config.detectors import SbiSettings
from telltale.data import mel, transforms
from telltale.data.batch import (
    EVALUATION,
    Sample,
    SampleArrays,
    SampleInfo,
    SampleKey,
    SampleView,
    Shapes,
    target_of,
)
from telltale.data.clip import View, fixed_positions, random_position, read_clip
from telltale.data.manifest import Row
from telltale.data.store import ClipStore
from telltale.decode.frames import Frames
from telltale.forge.face import Landmarks, prior
from telltale.forge.selfblend import change_alike, self_blend


@dataclass(frozen=True)
class Views:
    """Which views of a clip a data set gives.

    spans: views in evaluation; training has one.
    training: whether samples of training will be asked for, too.
    blends: a clip of training gives two views, as it is and self-blended.
    landmarks: for `blends`, where the faces are, by video name; other clips get a guess.
    """

    spans: int = 1
    training: bool = False
    blends: bool = False
    landmarks: Mapping[str, Landmarks] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Views of each sample."""
        return 2 if self.blends else self.spans


class ClipDataset:
    """Rows of the manifest as samples.

    rows: the videos.
    settings: how they are decoded, fitted and augmented.
    reads: what the model reads: "picture", "sound" or both.
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

    def shapes(self) -> Shapes:
        """Shapes of a sample's arrays."""
        clip, sound, count = self.settings.clip, self.settings.mel, self.views.count
        size = clip.image_size
        pictures = (clip.frames, size, size, 3) if "picture" in self.reads else (0,)
        image = (mel.n_rows(sound), mel.n_columns(sound, clip.seconds)) if "sound" in self.reads else (0,)
        return Shapes((count, *pictures), (count, *image))

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
            positions = fixed_positions(self.views.count)
        else:
            positions = random_position(rng, settings.data.spans)
        clip = read_clip(row.path, positions, settings.clip, settings.mel.rate_hz, self.reads, self.store)
        blending = rng is not None and self.views.blends
        views = clip.views * 2 if blending else clip.views
        # First the frames of all views, then the sound of all: the order in which `rng` is drawn from.
        began = time.perf_counter()
        if rng is not None and blending and views:
            frames = self._blended(row, views[0], rng)
        else:
            frames = [self._frames(view, rng) for view in views]
        between = time.perf_counter()
        # A self-blended view has no sound of its own.
        images = [None if blending and k else self._mel(view, rng) for k, view in enumerate(views)]
        ended = time.perf_counter()
        prepare, sound = between - began, ended - between
        starts = [view.start_seconds for view in views]
        info = SampleInfo(
            row=key.row,
            video_name=row.video_name,
            target=target_of(row),
            status=clip.status,
            seconds=clip.seconds,
            detail=clip.detail,
            view_starts=tuple(starts),
            cost=replace(clip.cost, prepare_seconds=prepare, mel_seconds=sound, done_at=ended),
        )
        return Sample(info, tuple(map(SampleView, starts, frames, images)))

    def _frames(self, view: View, rng: np.random.Generator | None) -> Frames | None:
        """A view's frames, fitted; with `rng`, augmented."""
        if view.frames is None:
            return None
        pixels = transforms.fit(view.frames.pixels, self.settings.clip.image_size)
        if rng is not None:
            pixels = transforms.augment_frames(pixels, self.settings.augment, rng)
        return replace(view.frames, pixels=pixels)

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

    def _mel(self, view: View, rng: np.random.Generator | None) -> np.ndarray | None:
        """A view's mel image, float32 (M, L) dB; with `rng`, of augmented sound and masked."""
        if view.wave is None:
            return None
        settings = self.settings
        if rng is None:
            return mel.log_mel(view.wave.samples, settings.mel, settings.clip.seconds)
        samples = transforms.augment_wave(view.wave.samples, view.wave.rate_hz, settings.augment, rng)
        image = mel.log_mel(samples, settings.mel, settings.clip.seconds)
        return transforms.mask_mel(image, settings.augment, rng)


def open_store(
    folder: Path, settings: config.Config, reads: tuple[str, ...], *, required: bool = False
) -> ClipStore:
    """The store in `folder` for what these settings decode; `required` as of `ClipStore`. Raises
    InputError."""
    spec = {
        "clip": settings.clip.model_dump(mode="json"),
        "rate_hz": settings.mel.rate_hz,
        "reads": list(reads),
    }
    return ClipStore(folder, spec, settings.store, required=required)


def warn_of_store(store: ClipStore, settings: config.Config, reads: tuple[str, ...], spans: int) -> None:
    """Say on stderr if the store will not take so many spans, and if it holds entries of an earlier format.

    The size of an entry is estimated: a square clip, as long as a span.
    """
    clip = settings.clip
    pixels = clip.frames * clip.image_size**2 * 3 if "picture" in reads else 0
    # JPEGs of faces take a fifth of their pixels' bytes at quality 95, and less below.
    pictures = pixels if clip.jpeg_quality is None else pixels / 5
    sound = 4 * settings.mel.rate_hz * clip.seconds if "sound" in reads else 0
    for sentence in (store.unread(), store.lacks(spans, pictures + sound)):
        if sentence is not None:
            print(sentence, file=sys.stderr, flush=True)
