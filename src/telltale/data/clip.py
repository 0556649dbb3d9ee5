"""Reading one clip: path + places of spans → pictures and sound of the same seconds, with one status of
`telltale.status` for what came of it.

If nothing can be scored, `Clip.detail` says why. A data loader gives the statuses "timeout" and "crashed".

A span's place in its clip is a number from 0 (at the beginning) to 1 (at the end), so that it is known before
the clip is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from telltale import config
from telltale.data.store import ClipStore, StoredClip
from telltale.decode import jpeg
from telltale.decode.container import DecodeError, Limits
from telltale.decode.demux import Demuxer
from telltale.decode.frames import Frames, read_frames
from telltale.decode.sound import Silent, Wave, read_wave
from telltale.errors import InputError
from telltale.status import ABSENT, ALWAYS_SCORED, MAY_BE_SCORED


@dataclass(frozen=True)
class View:
    """One span of a clip: it begins `start_seconds` after the clip's first frame. What could not be read of
    it is None.

    `frames.seconds`, as all times of decoding, count from the clip's first frame.
    """

    start_seconds: float
    frames: Frames | None
    wave: Wave | None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.start_seconds) and self.start_seconds >= 0):
            raise ValueError(f"start_seconds: wanted a number from 0 on, got {self.start_seconds}")

    def frame_seconds(self) -> np.ndarray:
        """float64 (T,): when each frame came on show, in seconds from the span's start; the first may be a
        little before it."""
        return np.empty(0) if self.frames is None else self.frames.seconds - self.start_seconds


@dataclass(frozen=True)
class Cost:
    """What a reading took: bytes of the file (0 where a store had the clip), and seconds by part."""

    bytes: int = 0
    open_seconds: float = 0.0
    picture_seconds: float = 0.0
    sound_seconds: float = 0.0
    store_seconds: float = 0.0


@dataclass(frozen=True)
class Clip:
    """`views` is empty if and only if nothing can be scored. `seconds` is the clip's own length where it is
    known."""

    views: tuple[View, ...]
    status: str
    seconds: float | None
    detail: str = ""
    cost: Cost = Cost()


def whole_spans(count: int) -> list[float]:
    """Evaluation's places: one in the middle of the clip, or `count` from its beginning to its end."""
    return [0.5] if count == 1 else np.linspace(0.0, 1.0, count).tolist()


def random_span(rng: np.random.Generator, spans: int = 0) -> list[float]:
    """Training's place: anywhere in the clip, or one of evaluation's `spans`."""
    return [rng.uniform(0.0, 1.0)] if not spans else [whole_spans(spans)[rng.integers(spans)]]


def read_clip(
    path: Path,
    places: Sequence[float],
    wanted: config.ClipSettings,
    rate_hz: int,
    reads: tuple[str, ...],
    store: ClipStore | None = None,
) -> Clip:
    """Decode the spans at `places`, or take them from the store. Never raises for a bad file: that is a
    status.

    Raises InputError where a store that has to keep it is full or cannot be written.
    """
    reading = _Reading(path, wanted, rate_hz, reads)
    try:
        attempts = [
            _kept(reading, place, store) if store is not None else reading.view(place) for place in places
        ]
    except InputError:
        raise
    except DecodeError as error:
        return Clip((), error.status, reading.seconds, str(error), reading.cost())
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        # One clip that surprises the decoder must not end a run over 178,000 of them.
        return Clip((), "failed", reading.seconds, f"{path}: {type(error).__name__}: {error}", reading.cost())
    finally:
        reading.close()
    views = tuple(a.view for a in attempts if a.view.frames is not None or a.view.wave is not None)
    detail = next((a.detail for a in attempts if a.detail), "")
    return Clip(
        views, _worst([a.status for a in attempts], bool(views)), reading.seconds, detail, reading.cost()
    )


@dataclass(frozen=True)
class _Attempt:
    """What came of one span; `lasting`: reading it again would give the same. jpegs: the pictures as they
    were coded."""

    view: View
    status: str
    detail: str = ""
    lasting: bool = True
    jpegs: list[bytes] | None = None


def _kept(reading: "_Reading", place: float, store: ClipStore) -> _Attempt:
    """One span from the store, where it is from now on if it can be scored."""
    entry = store.get(reading.path, place)
    if entry is not None:
        reading.seconds = entry.seconds
        reading.lap("store")
        return _Attempt(View(entry.start_seconds, entry.frames, entry.wave), entry.status)
    reading.lap("store")
    try:
        attempt = reading.view(place)
    except DecodeError:
        store.failed()
        raise
    # That a clip has no sound is worth keeping too; a failure is not, for the next reading may do better.
    if attempt.lasting and reading.seconds is not None and attempt.status in MAY_BE_SCORED:
        view = attempt.view
        entry = StoredClip(view.start_seconds, view.frames, view.wave, attempt.status, reading.seconds)
        store.put(reading.path, place, entry, attempt.jpegs)
    else:
        store.failed()
    reading.lap("store")
    return attempt


class _Reading:
    """One file, opened when the first span is read from it, and the seconds that its parts took."""

    def __init__(self, path: Path, wanted: config.ClipSettings, rate_hz: int, reads: tuple[str, ...]) -> None:
        self.path, self.wanted, self.rate_hz, self.reads = path, wanted, rate_hz, reads
        self.limits = Limits(wanted.max_frame_pixels, wanted.max_decoded_frames)
        self.seconds: float | None = None
        self._demuxer: Demuxer | None = None
        self._bytes = 0
        self._laps = {"open": 0.0, "picture": 0.0, "sound": 0.0, "store": 0.0}
        self._clock = time.perf_counter()

    def view(self, place: float) -> _Attempt:
        """One span, with a status and a detail of its own. Raises DecodeError where the file cannot be
        opened."""
        self.close()
        self._demuxer = demuxer = Demuxer(self.path, self.limits, self.reads)
        self.seconds = demuxer.contents().duration_seconds
        self._bytes = self.path.stat().st_size
        self.lap("open")
        start = place * max(self.seconds - self.wanted.seconds, 0.0)
        frames = wave = jpegs = None
        outcomes: list[tuple[str, str]] = []
        if "picture" in self.reads:
            try:
                frames = self._frames(start, min(self.wanted.seconds, self.seconds))
                if self.wanted.jpeg_quality is not None:
                    jpegs = jpeg.encode(frames.pixels, self.wanted.jpeg_quality)
                    frames = replace(frames, pixels=jpeg.decode(jpegs))
                outcomes.append(("partial" if frames.partial else "ok", ""))
            except DecodeError as error:
                outcomes.append(("no_picture" if error.status == "no_stream" else error.status, str(error)))
            self.lap("picture")
        if "sound" in self.reads:
            try:
                sound = self._sound(start)
                if isinstance(sound, Silent):
                    outcomes.append(("no_sound", sound.reason))
                else:
                    wave = sound
                    outcomes.append(("partial" if wave.partial else "ok", ""))
            except DecodeError as error:
                outcomes.append((error.status, str(error)))
            self.lap("sound")
        status = _worst([status for status, _ in outcomes], frames is not None or wave is not None)
        detail = next((text for status, text in outcomes if status not in ALWAYS_SCORED), "")
        lasting = not any(status in ("failed", "missing") for status, _ in outcomes)
        return _Attempt(View(start, frames, wave), status, detail, lasting, jpegs)

    def _frames(self, start: float, length: float) -> Frames:
        count, wanted = self.wanted.frames, self.wanted
        # The last time is the span's end, so a span that covers the clip holds its first, middle and last
        # frame.
        times = np.linspace(start, start + length, count) if count > 1 else np.array([start + length / 2])
        return read_frames(
            self.path,
            times,
            short_side=wanted.image_size,
            limits=self.limits,
            backend=wanted.backend,
            sampling=wanted.sampling,
            demuxer=self._demuxer,
        )

    def _sound(self, start: float) -> Wave | Silent:
        wanted = self.wanted
        return read_wave(
            self.path,
            start,
            wanted.seconds,
            rate_hz=self.rate_hz,
            limits=self.limits,
            backend=wanted.backend,
            demuxer=self._demuxer,
        )

    def lap(self, name: str) -> None:
        """Count the seconds since the last lap to a part."""
        now = time.perf_counter()
        self._laps[name] += now - self._clock
        self._clock = now

    def cost(self) -> Cost:
        return Cost(self._bytes, *(self._laps[name] for name in ("open", "picture", "sound", "store")))

    def close(self) -> None:
        if self._demuxer is not None:
            self._demuxer.container.close()
            self._demuxer = None


def _worst(statuses: list[str], scorable: bool) -> str:
    """One word for several outcomes: damage before absence; with nothing to score, the failure itself."""
    absent = [status for status in statuses if status in ABSENT]
    failed = [status for status in statuses if status not in MAY_BE_SCORED]
    if not scorable:
        return failed[0] if failed else "no_stream" if len(set(absent)) > 1 else absent[0]
    if failed or "partial" in statuses:
        return "partial"
    return absent[0] if absent else "ok"
