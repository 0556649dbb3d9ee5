"""Reading one clip: path + spans → pictures and sound of the same seconds, with one status word for what came of it.

ok          everything the model reads was there
partial     the file is damaged: what was read before the damage is used
no_sound    there is no sound (a model that also sees pictures scores the clip all the same)
no_picture  there is no picture (likewise)
missing, empty, refused, damaged, too_large, no_stream, failed: nothing to score; `detail` says why
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale import config
from telltale.decode.audio import Silent, Wave, read_wave
from telltale.decode.container import DecodeError, Limits, probe
from telltale.decode.frames import Frames, read_frames

Starts = Callable[[float], np.ndarray]


@dataclass(frozen=True)
class View:
    """One span of a clip. pictures: uint8 (T, H, W, 3) RGB or None; samples: float32 (N,) at the mel's rate or None."""

    pictures: np.ndarray | None
    samples: np.ndarray | None


@dataclass(frozen=True)
class Clip:
    """`views` is empty if and only if nothing can be scored. `seconds` is the clip's own length where it is known."""

    views: tuple[View, ...]
    status: str
    seconds: float | None
    detail: str = ""


def whole_spans(count: int, span_seconds: float) -> Starts:
    """Evaluation's spans: one in the middle of the clip, or `count` from its beginning to its end."""

    def starts(clip_seconds: float) -> np.ndarray:
        room = max(clip_seconds - span_seconds, 0.0)
        return np.array([room / 2]) if count == 1 else np.linspace(0.0, room, count)

    return starts


def random_span(rng: np.random.Generator, span_seconds: float) -> Starts:
    """Training's span: one, anywhere in the clip."""
    return lambda clip_seconds: np.array([rng.uniform(0.0, max(clip_seconds - span_seconds, 0.0))])


def read_clip(path: Path, starts: Starts, wanted: config.Clip, rate_hz: int, reads: tuple[str, ...]) -> Clip:
    """Decode the spans that `starts` chooses for a clip of this length. Never raises for a bad file: that is a status."""
    limits = Limits(wanted.max_frame_pixels, wanted.max_decoded_frames)
    seconds = None
    try:
        contents = probe(path, limits)
        seconds = contents.duration_seconds
        attempts = [_read_view(path, float(start), seconds, wanted, rate_hz, reads, limits) for start in starts(seconds)]
    except DecodeError as error:
        return Clip((), error.status, seconds, str(error))
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        # One clip that surprises the decoder must not end a run over 178,000 of them.
        return Clip((), "failed", seconds, f"{path}: {type(error).__name__}: {error}")
    views = tuple(view for view, _, _ in attempts if view.pictures is not None or view.samples is not None)
    statuses = [status for _, status, _ in attempts]
    details = [detail for _, _, detail in attempts if detail]
    return Clip(views, _worst(statuses, bool(views)), seconds, details[0] if details else "")


def _read_view(
    path: Path,
    start: float,
    clip_seconds: float,
    wanted: config.Clip,
    rate_hz: int,
    reads: tuple[str, ...],
    limits: Limits,
) -> tuple[View, str, str]:
    """One span, with a status and a detail of its own."""
    length = min(wanted.seconds, clip_seconds)
    frames: Frames | None = None
    wave: Wave | None = None
    outcomes: list[tuple[str, str]] = []
    if "picture" in reads:
        # The last time is the span's end, so a span that covers the clip holds its first, middle and last frame.
        times = np.linspace(start, start + length, wanted.frames) if wanted.frames > 1 else np.array([start + length / 2])
        try:
            frames = read_frames(path, times, short_side=wanted.image_size, limits=limits, backend=wanted.backend)
            outcomes.append(("partial" if frames.partial else "ok", ""))
        except DecodeError as error:
            outcomes.append(("no_picture" if error.status == "no_stream" else error.status, str(error)))
    if "sound" in reads:
        try:
            sound = read_wave(path, start, wanted.seconds, rate_hz=rate_hz, limits=limits, backend=wanted.backend)
            wave = None if isinstance(sound, Silent) else sound
            if isinstance(sound, Silent):
                outcomes.append(("no_sound", sound.reason))
            else:
                outcomes.append(("partial" if sound.partial else "ok", ""))
        except DecodeError as error:
            outcomes.append((error.status, str(error)))
    view = View(None if frames is None else frames.pixels, None if wave is None else wave.samples)
    scorable = frames is not None or wave is not None
    detail = next((text for status, text in outcomes if status not in ("ok", "partial")), "")
    return view, _worst([status for status, _ in outcomes], scorable), detail


def _worst(statuses: list[str], scorable: bool) -> str:
    """One word for several outcomes: damage before absence; with nothing to score, the failure itself."""
    absent = [status for status in statuses if status in ("no_sound", "no_picture")]
    failed = [status for status in statuses if status not in ("ok", "partial", "no_sound", "no_picture")]
    if not scorable:
        return failed[0] if failed else "no_stream" if len(set(absent)) > 1 else absent[0]
    if failed or "partial" in statuses:
        return "partial"
    return absent[0] if absent else "ok"
