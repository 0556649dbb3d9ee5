"""Twins: a genuine clip's span and the pseudo-forgery of it (`forge.pseudo`), and what is known of both.

twins = TwinMaker(rows, settings, reads, landmarks, store)
made = twins.make(3, view, 0.5, rng)            # of row 3; None: nothing could be forged
known_genuine(view, settings), known_forged(made, settings)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data.batch import Known
from telltale.data.clip import View, fixed_positions, read_clip
from telltale.data.manifest import Row
from telltale.data.store import ClipStore
from telltale.decode.sound import Wave
from telltale.forge.face import Landmarks
from telltale.forge.pseudo import CUES, Kind, Material, PseudoForgery, choose, forge, permitted

# How many kinds are drawn until one can be made of a clip.
TRIES = 6
# Two spans of a clip that begin less than this apart, in seconds, are one to those who compare them.
APART_SECONDS = 0.5


@dataclass(frozen=True)
class Twin:
    """A forged span as a view, and what was done to it."""

    view: View
    forgery: PseudoForgery


class TwinMaker:
    """Makes twins of genuine clips.

    rows: of the data set; other clips' sound is that of its genuine rows.
    settings: which kinds are made (section `pseudo`), and how clips are decoded.
    reads: what the model reads.
    landmarks: where the faces are, by video name.
    store: keeps what was decoded, if there is one.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: config.Config,
        reads: tuple[str, ...],
        landmarks: Mapping[str, Landmarks],
        store: ClipStore | None,
    ) -> None:
        self.rows, self.settings, self.reads, self.store = rows, settings, reads, store
        self.landmarks = landmarks
        self._genuine = np.array([n for n, row in enumerate(rows) if row.target == 0], np.int64)

    def make(self, row: int, view: View, rng: np.random.Generator, cue: str | None = None) -> Twin | None:
        """Forge a genuine span: row `row` of the data set, read as `view`.

        cue: make the forgery of one kind for this cue; None: as section `pseudo` says. Where another span or
        another clip is needed and cannot be read, or nothing can be forged so, other kinds are drawn. None if
        that does not help. Raises InputError for a kind that does not exist, and as `read_clip`.
        """
        if view.frames is None and view.wave is None:
            return None
        settings = self.settings.pseudo
        if cue is not None:
            weights = {each: getattr(settings, each) if each == cue else 0.0 for each in CUES}
            settings = settings.model_copy(update={**weights, "combine_p": 0.0})
        material = self.material(self.rows[row].video_name, view)
        left = [kind.name for kind in permitted(settings)]
        for _ in range(TRIES):
            settings = settings.model_copy(update={"kinds": tuple(left)})
            kinds = choose(settings, material.frames is not None, material.wave is not None, rng)
            if not kinds:
                return None
            other = self._other(row, view, kinds, rng)
            if other is not None or all(kind.other is None or kind.alone for kind in kinds):
                forgery = forge(material, kinds, rng, other)
                if forgery is not None:
                    return Twin(_as_view(view, forgery), forgery)
            left = [name for name in left if name not in {kind.name for kind in kinds}]
        return None

    def material(self, video_name: str, view: View) -> Material:
        """A view as `forge` takes it."""
        frames, wave = view.frames, view.wave
        points = None
        if frames is not None and video_name in self.landmarks:
            points = self.landmarks[video_name].at(frames.seconds)
        return Material(
            None if frames is None else frames.pixels,
            np.zeros(0) if frames is None else frames.seconds - view.start_seconds,
            None if wave is None else wave.samples,
            self.settings.mel.rate_hz if wave is None else wave.rate_hz,
            points,
        )

    def _other(
        self, row: int, view: View, kinds: Sequence[Kind], rng: np.random.Generator
    ) -> Material | None:
        """The other span that one of the kinds asks for; None if none does, and if it cannot be read."""
        kind = next((kind for kind in kinds if kind.other), None)
        if kind is None:
            return None
        spans = self.settings.data.spans
        position = float(rng.choice(fixed_positions(spans)) if spans else rng.uniform(0.0, 1.0))
        source = row
        if kind.other == "clip":
            others = self._genuine[self._genuine != row]
            if not len(others):
                return None
            source = int(rng.choice(others))
        settings, of = self.settings, self.rows[source]
        # What is not taken need not be decoded. The entries of a store have all that is read.
        reads = ("sound",) if kind.takes == "sound" and self.store is None else self.reads
        clip = read_clip(of.path, [position], settings.clip, settings.mel.rate_hz, reads, self.store)
        if not clip.views:
            return None
        other = clip.views[0]
        if source == row and abs(other.start_seconds - view.start_seconds) < APART_SECONDS:
            return None
        if kind.takes == "sound":  # the frames of another clip may have another size
            return None if other.wave is None else self.material(of.video_name, replace(other, frames=None))
        return None if other.frames is None else self.material(of.video_name, other)


def _as_view(view: View, forgery: PseudoForgery) -> View:
    """The forged span in place of the genuine one; what was not touched is the same object."""
    frames, wave = view.frames, view.wave
    if frames is not None and forgery.frames is not None and forgery.frames is not frames.pixels:
        frames = replace(frames, pixels=forgery.frames)
    if wave is not None and forgery.wave is not None and forgery.wave is not wave.samples:
        # Sound that was read is within these bounds, too.
        wave = Wave(forgery.wave.clip(-1.0, 1.0), wave.rate_hz, wave.start_seconds, wave.partial)
    return View(view.start_seconds, frames, wave)


def known_genuine(view: View, settings: config.Config) -> Known:
    """What is known of a genuine span, but for its mask: no cue is false, and no part of it is touched."""
    return Known(0.0, _cues(view, ()), _segments(view, (), settings))


def known_forged(twin: Twin, settings: config.Config) -> Known:
    """What is known of a pseudo-forgery, but for its mask."""
    forgery = twin.forgery
    return Known(1.0, _cues(twin.view, forgery.cues), _segments(twin.view, forgery.seconds, settings))


def known_labelled(settings: config.Config) -> Known:
    """What is known of a clip that is labelled forged: that it is."""
    unknown = np.full(settings.clip.frames, np.nan, np.float32)
    return Known(1.0, np.full(len(CUES), np.nan, np.float32), unknown)


def _cues(view: View, false: Sequence[str]) -> NDArray[np.float32]:
    """float32 (4,): 1 for the cues that are false, NaN for those that the span cannot show."""
    seen, heard = view.frames is not None, view.wave is not None
    there = {"picture": seen, "motion": seen, "sound": heard, "in_step": seen and heard}
    return np.array([float(cue in false) if there[cue] else np.nan for cue in CUES], np.float32)


def _segments(
    view: View, touched: Sequence[tuple[float, float]], settings: config.Config
) -> NDArray[np.float32]:
    """float32 (K,): 1 for each of K = `clip.frames` equal parts of `clip.seconds` in which a touched span
    lies, NaN for parts of which a shorter clip has less than a tenth."""
    count, whole = settings.clip.frames, settings.clip.seconds
    edges = np.linspace(0.0, whole, count + 1)
    found = np.zeros(count, np.float32)
    for begin, end in touched:
        found[(edges[:-1] < end) & (edges[1:] > begin)] = 1.0
    ends = [0.0]
    if view.wave is not None:
        ends.append(len(view.wave.samples) / view.wave.rate_hz)
    if view.frames is not None:
        ends.append(float(view.frames.seconds[-1]) - view.start_seconds)
    found[edges[:-1] + whole / count / 10 >= max(ends)] = np.nan
    return found
