"""Reads spans of a clip: a path and positions in, frames and sound of the same seconds out, with one status.

A span has `clip.seconds`, or the whole clip if that is shorter. Its position is a number from 0, at the
clip's beginning, to 1, at its end: so it can be drawn before the clip's length is known.

The status is one of `telltale.status`. If nothing can be scored, `Clip.detail` says why. A data loader adds
the statuses "timeout" and "crashed".
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data.store import ClipStore, StoredClip
from telltale.decode.container import DecodeError, Limits
from telltale.decode.demux import Demuxer
from telltale.decode.frames import Frames, decode_jpegs, encode_jpegs, read_frames
from telltale.decode.sound import NoSound, Wave, read_wave
from telltale.errors import InputError
from telltale.status import ABSENT, ALWAYS_SCORED, MAY_BE_SCORED

# What of `DetectorEntry.reads` is decoded; the rest is cut out of what was decoded.
STREAMS = ("picture", "sound")


@dataclass(frozen=True)
class View:
    """One span of a clip. What could not be read of it is None.

    start_seconds: the start of the span, in seconds after the clip's first frame.
    frames: their times count from the clip's first frame, too. The first may be a little before the span.
    wave: begins with the span.
    """

    start_seconds: float
    frames: Frames | None
    wave: Wave | None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.start_seconds) and self.start_seconds >= 0):
            raise ValueError(f"start_seconds: wanted a number from 0 on, got {self.start_seconds}")


@dataclass(frozen=True)
class Cost:
    """What making a sample took.

    bytes: of the file; 0 if the store had the clip.
    open_seconds, picture_seconds, sound_seconds, store_seconds: of reading, by part.
    prepare_seconds: of fitting and augmenting the frames.
    mel_seconds: of augmenting the sound and making the mel images.
    done_at: when all was done, by `time.perf_counter`, which the processes of a machine share.
    """

    bytes: int = 0
    open_seconds: float = 0.0
    picture_seconds: float = 0.0
    sound_seconds: float = 0.0
    store_seconds: float = 0.0
    prepare_seconds: float = 0.0
    mel_seconds: float = 0.0
    done_at: float = 0.0


@dataclass(frozen=True)
class Clip:
    """The spans that were read of a clip.

    views: empty if and only if nothing can be scored.
    status: one of `telltale.status`.
    seconds: the length of the whole clip, None if it is not known.
    detail: for people, why something is missing.
    """

    views: tuple[View, ...]
    status: str
    seconds: float | None
    detail: str = ""
    cost: Cost = Cost()


def fixed_positions(spans: int) -> list[float]:
    """Positions of evaluation's spans: the middle of the clip, or evenly spaced from its beginning to its
    end."""
    return [0.5] if spans == 1 else np.linspace(0.0, 1.0, spans).tolist()


def random_position(rng: np.random.Generator, spans: int = 0) -> list[float]:
    """The position of training's one span: anywhere, or if `spans` > 0 one of `fixed_positions(spans)`."""
    return [rng.uniform(0.0, 1.0)] if not spans else [fixed_positions(spans)[rng.integers(spans)]]


def frame_times(start_seconds: float, seconds: float, count: int) -> NDArray[np.float64]:
    """float64 (count,): the times at which frames of a span are read, evenly spaced from its start to its
    end.

    A single frame is read in the middle. So a span that covers the clip gives its first, middle and last
    frame.
    """
    if count == 1:
        return np.array([start_seconds + seconds / 2])
    return np.linspace(start_seconds, start_seconds + seconds, count)


def frames_decoded(settings: config.ClipSettings) -> int:
    """How many frames of a span are decoded: those of the lower face, if there are any, hold the others."""
    return settings.mouth_frames or settings.frames


def most_side(settings: config.ClipSettings) -> int:
    """The shorter side above which frames are scaled down, where native crops are read, in pixels."""
    return max(settings.native_side, settings.image_size)


def read_clip(
    path: Path,
    positions: Sequence[float],
    settings: config.ClipSettings,
    rate_hz: int,
    reads: tuple[str, ...],
    store: ClipStore | None = None,
) -> Clip:
    """Decode the spans at `positions`, or take them from the store.

    rate_hz: the sample rate of the sound that is wanted.
    reads: "picture", "sound" or both; other words are of no interest here.

    A bad file never raises: it gives a status. Raises InputError if a store that must keep the clip is full
        or cannot
    be written.
    """
    reader = _ClipReader(path, settings, rate_hz, reads)
    try:
        spans = [
            _read_through(store, reader, position) if store is not None else reader.read(position)
            for position in positions
        ]
    except InputError:
        raise
    except DecodeError as error:
        return Clip((), error.status, reader.seconds, str(error), reader.cost())
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        # A clip that makes the decoder raise something else must not end a run over 178,000 clips.
        return Clip((), "failed", reader.seconds, f"{path}: {type(error).__name__}: {error}", reader.cost())
    finally:
        reader.close()
    views = tuple(s.view for s in spans if s.view.frames is not None or s.view.wave is not None)
    status = _overall([s.status for s in spans], bool(views))
    detail = next((s.detail for s in spans if s.detail), "")
    return Clip(views, status, reader.seconds, detail, reader.cost())


@dataclass(frozen=True)
class _Span:
    """One span that was read.

    repeatable: whether reading it again would give the same.
    jpegs: the JPEG files that the view's frames were decoded from, if there are any.
    """

    view: View
    status: str
    detail: str = ""
    repeatable: bool = True
    jpegs: list[bytes] | None = None


def _read_through(store: ClipStore, reader: "_ClipReader", position: float) -> _Span:
    """A span out of the store; if it is not there, read it and keep it."""
    stored = store.get(reader.path, position)
    if stored is not None:
        reader.seconds = stored.seconds
        reader.lap("store")
        return _Span(View(stored.start_seconds, stored.frames, stored.wave), stored.status)
    reader.lap("store")
    span = reader.read(position)
    # A clip without sound is kept, too. A failure is not kept, because the next reading may succeed.
    if span.repeatable and reader.seconds is not None and span.status in MAY_BE_SCORED:
        view = span.view
        entry = StoredClip(view.start_seconds, view.frames, view.wave, span.status, reader.seconds)
        store.put(reader.path, position, entry, span.jpegs)
    reader.lap("store")
    return span


class _ClipReader:
    """Reads spans of one file and counts what that takes. The file is opened when the first span is read."""

    def __init__(
        self, path: Path, settings: config.ClipSettings, rate_hz: int, reads: tuple[str, ...]
    ) -> None:
        self.path, self.settings, self.rate_hz, self.reads = path, settings, rate_hz, reads
        self.limits = Limits(settings.max_frame_pixels, settings.max_decoded_frames)
        self.seconds: float | None = None
        self._demuxer: Demuxer | None = None
        self._bytes = 0
        self._laps = {"open": 0.0, "picture": 0.0, "sound": 0.0, "store": 0.0}
        self._clock = time.perf_counter()

    def read(self, position: float) -> _Span:
        """One span, with a status of its own. Raises DecodeError if the file cannot be opened."""
        self.close()
        self._demuxer = demuxer = Demuxer(self.path, self.limits, self.reads)
        self.seconds = demuxer.contents().duration_seconds
        self._bytes = self.path.stat().st_size
        self.lap("open")
        start = position * max(self.seconds - self.settings.seconds, 0.0)
        frames, wave = None, None
        jpegs: list[bytes] | None = None
        outcomes: list[tuple[str, str]] = []  # status and detail of picture and sound
        if "picture" in self.reads:
            try:
                frames, jpegs = self._frames(demuxer, start, min(self.settings.seconds, self.seconds))
                outcomes.append(("partial" if frames.partial else "ok", ""))
            except DecodeError as error:
                outcomes.append(("no_picture" if error.status == "no_stream" else error.status, str(error)))
            self.lap("picture")
        if "sound" in self.reads:
            try:
                sound = read_wave(demuxer, start, self.settings.seconds, rate_hz=self.rate_hz)
                if isinstance(sound, NoSound):
                    outcomes.append(("no_sound", sound.reason))
                else:
                    wave = sound
                    outcomes.append(("partial" if wave.partial else "ok", ""))
            except DecodeError as error:
                outcomes.append((error.status, str(error)))
            self.lap("sound")
        status = _overall([status for status, _ in outcomes], frames is not None or wave is not None)
        detail = next((text for status, text in outcomes if status not in ALWAYS_SCORED), "")
        repeatable = not any(status in ("failed", "missing") for status, _ in outcomes)
        return _Span(View(start, frames, wave), status, detail, repeatable, jpegs)

    def _frames(self, demuxer: Demuxer, start: float, seconds: float) -> tuple[Frames, list[bytes] | None]:
        """The frames of a span, and the JPEG files that they were decoded from if `clip.jpeg_quality` is
        set."""
        settings = self.settings
        native = settings.native_size is not None
        frames = read_frames(
            demuxer,
            frame_times(start, seconds, frames_decoded(settings)),
            short_side=most_side(settings) if native else settings.image_size,
            enlarge=not native,
            backend=settings.backend,
            sampling=settings.sampling,
        )
        if settings.jpeg_quality is None:
            return frames, None
        jpegs = encode_jpegs(frames.pixels, settings.jpeg_quality)
        return replace(frames, pixels=decode_jpegs(jpegs)), jpegs

    def lap(self, name: str) -> None:
        """Add the seconds since the last lap to a part."""
        now = time.perf_counter()
        self._laps[name] += now - self._clock
        self._clock = now

    def cost(self) -> Cost:
        return Cost(self._bytes, *(self._laps[name] for name in ("open", "picture", "sound", "store")))

    def close(self) -> None:
        if self._demuxer is not None:
            self._demuxer.close()
            self._demuxer = None


def _overall(statuses: list[str], scorable: bool) -> str:
    """One status for several parts: damage before absence. If nothing can be scored, the failure itself."""
    absent = [status for status in statuses if status in ABSENT]
    failed = [status for status in statuses if status not in MAY_BE_SCORED]
    if not scorable:
        return failed[0] if failed else "no_stream" if len(set(absent)) > 1 else absent[0]
    if failed or "partial" in statuses:
        return "partial"
    return absent[0] if absent else "ok"
