"""From rows to samples: the data set.

A clip's crop and augmentation are drawn by a generator keyed by (seed, epoch, row). The epoch travels in the
batches' keys, so any number of workers gives the same tensors.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telltale import config
from telltale.config.detectors import SbiSettings
from telltale.data import mel, transforms
from telltale.data.batch import EVALUATION, SampleArrays, SampleInfo, SampleKey, Shapes, target_of
from telltale.data.clip import Clip, View, random_span, read_clip, whole_spans
from telltale.data.manifest import Row
from telltale.data.store import ClipStore
from telltale.forge.face import Landmarks, prior
from telltale.forge.selfblend import change_alike, self_blend


class ClipDataset:
    """Rows of videos as samples. A clip that cannot be read has a status and no usable view.

    spans: views of a clip in evaluation; training draws one. `store`, where there is one, keeps what was
    decoded. training: whether it will be asked for training's samples, too. blends: training's clips get two
    views, as they are and self-blended; landmarks: where the faces are, by video name, for those of which
    that is known.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: config.Config,
        reads: tuple[str, ...],
        *,
        spans: int = 1,
        store: ClipStore | None = None,
        training: bool = False,
        blends: bool = False,
        landmarks: dict[str, Landmarks] | None = None,
    ) -> None:
        self.rows, self.settings, self.reads, self.store = rows, settings, reads, store
        self.spans, self.training = 2 if blends else spans, training
        self.blends, self.landmarks = blends, landmarks or {}

    def shapes(self) -> Shapes:
        c, m = self.settings.clip, self.settings.mel
        pictures = (c.frames, c.image_size, c.image_size, 3) if "picture" in self.reads else (0,)
        image = (m.n_mels, mel.n_columns(m, c.seconds)) if "sound" in self.reads else (0,)
        return Shapes((self.spans, *pictures), (self.spans, *image))

    def prepare(self) -> None:
        """Load what reading needs and this process may not have yet, once, before workers are forked."""
        if "sound" in self.reads:
            mel.tables(self.settings.mel)
        if self.training:
            transforms.prepare(self.settings.augment, self.reads)

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        """Read one clip into `arrays`, over whatever was there. Raises InputError where a store that has to
        keep it is full."""
        row, settings = self.rows[key.row], self.settings
        rng = None if key.epoch == EVALUATION else np.random.default_rng([settings.seed, key.epoch, key.row])
        positions = whole_spans(self.spans) if rng is None else random_span(rng, settings.data.spans)
        clip = read_clip(row.path, positions, settings.clip, settings.mel.rate_hz, self.reads, self.store)
        views: list[View | None] = [*clip.views, *[None] * (self.spans - len(clip.views))]
        began = time.perf_counter()
        if rng is not None and self.blends:
            self._blended(row, clip, rng, arrays)
        else:
            for place, view in enumerate(views):
                self._pictures(view, rng, arrays, place)
        between = time.perf_counter()
        for place, view in enumerate(views):
            wave = None if view is None else view.wave
            arrays.has_sound[place] = wave is not None
            self._mel(None if wave is None else wave.samples, rng, arrays.mel[place])
        return SampleInfo(
            key.row,
            row.video_name,
            target_of(row),
            clip.status,
            clip.seconds,
            clip.detail,
            clip.cost,
            between - began,
            time.perf_counter() - between,
            time.perf_counter(),
        )

    def _blended(self, row: Row, clip: Clip, rng: np.random.Generator, arrays: SampleArrays) -> None:
        """A genuine clip's two views: itself and its self-blended forgery, changed alike."""
        frames = clip.views[0].frames if clip.views else None
        arrays.has_picture[:] = frames is not None
        if frames is None:
            arrays.pictures[...] = arrays.frame_seconds[...] = 0
            return
        pixels = frames.pixels
        height, width = pixels.shape[1:3]
        if row.video_name in self.landmarks:
            points = self.landmarks[row.video_name].at(frames.seconds)
            # Of the whole picture → of its middle square, which is what the model sees.
            side, whole = min(height, width), np.array([width, height])
            points = (points * whole - (whole - side) / 2) / side
        else:
            points = np.stack([prior(rng)] * len(pixels))
        fitted = transforms.fit(pixels, self.settings.clip.image_size)
        assert isinstance(self.settings.objective, SbiSettings)
        genuine, forged, mask = self_blend(fitted, points, rng, masks=self.settings.objective.sbi_masks)
        # With the face out of sight nothing was blended: no forgery to learn from.
        arrays.has_picture[:] = bool(mask.any())
        both = change_alike(np.concatenate([genuine, forged]), self.settings.augment, rng)
        rest = self.settings.augment.model_copy(update={"flip_p": 0.0, "colour_p": 0.0, "jpeg_p": 0.0})
        both = transforms.augment_frames(both, rest, rng)
        for place, shown in enumerate((both[: len(pixels)], both[len(pixels) :])):
            _fill(shown, arrays.pictures[place])
            _fill(clip.views[0].frame_seconds(), arrays.frame_seconds[place])

    def _pictures(
        self, view: View | None, rng: np.random.Generator | None, arrays: SampleArrays, place: int
    ) -> None:
        arrays.has_picture[place] = view is not None and view.frames is not None
        if view is None or view.frames is None:
            arrays.pictures[place] = arrays.frame_seconds[place] = 0
            return
        fitted = transforms.fit(view.frames.pixels, self.settings.clip.image_size)
        if rng is not None:
            fitted = transforms.augment_frames(fitted, self.settings.augment, rng)
        _fill(fitted, arrays.pictures[place])
        _fill(view.frame_seconds(), arrays.frame_seconds[place])

    def _mel(self, samples: np.ndarray | None, rng: np.random.Generator | None, into: np.ndarray) -> None:
        settings = self.settings
        if samples is None:
            into[...] = 0
        elif rng is None:
            into[...] = mel.log_mel(samples, settings.mel, settings.clip.seconds)
        else:
            louder = transforms.augment_wave(samples, settings.mel.rate_hz, settings.augment, rng)
            into[...] = transforms.mask_mel(
                mel.log_mel(louder, settings.mel, settings.clip.seconds), settings.augment, rng
            )


def _fill(values: np.ndarray, into: np.ndarray) -> None:
    """Write frames, or their times, (t, ...) into (T, ...). Of a damaged file there are fewer: the last
    stands for the rest."""
    present = min(len(values), len(into))
    into[:present], into[present:] = values[:present], values[-1]


def open_store(
    folder: Path, settings: config.Config, reads: tuple[str, ...], *, required: bool = False
) -> ClipStore:
    """The store in `folder` for what these settings decode; `required` as of `Store`. Raises InputError."""
    spec = {
        "clip": settings.clip.model_dump(mode="json"),
        "rate_hz": settings.mel.rate_hz,
        "reads": list(reads),
    }
    return ClipStore(folder, spec, settings.store, required=required)


def warn_of_store(store: ClipStore, settings: config.Config, reads: tuple[str, ...], spans: int) -> None:
    """Say on stderr if the store will not take so many spans. An entry's size is that of a square clip as
    long as a span."""
    clip = settings.clip
    pixels = clip.frames * clip.image_size**2 * 3 if "picture" in reads else 0
    # JPEGs of faces take a fifth of their pixels' bytes at quality 95, and less below.
    pictures = pixels if clip.jpeg_quality is None else pixels / 5
    sound = 4 * settings.mel.rate_hz * clip.seconds if "sound" in reads else 0
    if (sentence := store.lacks(spans, pictures + sound)) is not None:
        print(sentence, file=sys.stderr, flush=True)
