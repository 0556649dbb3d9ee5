"""What a pseudo-forgery is made of and what it is: a span of a genuine clip in, the same span forged out.

Spans, windows of time and shares of a span are here; what is changed is in `picture`, `motion`, `sound` and
`relation`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# What a forgery may falsify, in the order in which detectors, targets and figures have it.
CUES = ("picture", "motion", "sound", "in_step")
Cue = Literal["picture", "motion", "sound", "in_step"]
# Seconds, from a span's beginning.
Seconds = tuple[float, float]


@dataclass(frozen=True)
class Material:
    """A span of a genuine clip. Raises ValueError if neither frames nor wave is given, and for other dtypes
    and shapes than these.

    frames: uint8 (D, H, W, 3) RGB, D >= 1; None: no picture.
    frame_seconds: float64 (D,), the frames' times in seconds from the span's start, rising; empty without
        frames.
    wave: float32 (N,), N >= 1, in [-1, 1], from the span's start; None: no sound.
    rate_hz: samples a second.
    points: float32 (D, 68 or 81, 2), landmarks of the face, see `face`, in fractions of the frame; None: they
        are not known.
    """

    frames: NDArray[np.uint8] | None
    frame_seconds: NDArray[np.float64]
    wave: NDArray[np.float32] | None
    rate_hz: int
    points: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.frames is None and self.wave is None:
            raise ValueError("wanted frames or a wave or both, got neither")
        if self.frames is not None:
            shape = self.frames.shape
            if self.frames.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not self.frames.size:
                raise ValueError(f"frames: wanted uint8 (D, H, W, 3), got {self.frames.dtype} {shape}")
            if self.frame_seconds.shape != shape[:1]:
                raise ValueError(f"frame_seconds: wanted ({shape[0]},), got {self.frame_seconds.shape}")
            if self.points is not None and (
                len(self.points) != shape[0] or self.points.shape[1:] not in ((68, 2), (81, 2))
            ):
                raise ValueError(f"points: wanted ({shape[0]}, 68 or 81, 2), got {self.points.shape}")
        if self.wave is not None and (
            self.wave.dtype != np.float32 or self.wave.ndim != 1 or not len(self.wave) or self.rate_hz <= 0
        ):
            raise ValueError(
                f"wave: wanted float32 (N,), N >= 1, and rate_hz > 0, got {self.wave.dtype} "
                f"{self.wave.shape} at {self.rate_hz} Hz"
            )

    @property
    def seconds(self) -> float:
        """Length of the span: that of the sound, or of the frames if they last longer."""
        sound = 0.0 if self.wave is None else len(self.wave) / self.rate_hz
        return max(sound, 0.0 if self.frames is None else float(frame_edges(self.frame_seconds)[-1]))


@dataclass(frozen=True)
class PseudoForgery:
    """A forged span.

    frames, wave: as in `Material`. What was not touched is the same object.
    kind: the name of its kind; of two kinds, both names with "+" between them.
    cues: which of CUES it falsifies, in their order.
    mask: float32 (D, H, W) in [0, 1], the share of forged in each pixel; None if no pixel is forged. Genuine
        pictures of another time have no forged pixels. It may be read-only.
    seconds: the touched spans, (begin, end) in seconds from the span's start, rising and apart.
    """

    frames: NDArray[np.uint8] | None
    wave: NDArray[np.float32] | None
    kind: str
    cues: tuple[str, ...]
    mask: NDArray[np.float32] | None
    seconds: tuple[Seconds, ...]


# Forges a span, with another one if its kind needs that. None: nothing could be forged.
Make = Callable[[Material, Material | None, np.random.Generator], PseudoForgery | None]


@dataclass(frozen=True)
class Kind:
    """A kind of pseudo-forgery.

    cue: the cue that it is drawn for; a forgery may falsify others, too.
    needs: what its material must have: "picture", "sound" or both.
    other: what else it takes: "span", another span of the same clip; "clip", another genuine clip; or
        nothing.
    takes: what of the other one it takes; the rest may be missing there.
    alone: whether it can do without the other one, and is better with it.
    """

    name: str
    cue: Cue
    needs: tuple[str, ...]
    other: Literal["span", "clip"] | None
    make: Make
    takes: Literal["picture", "sound"] = "sound"
    alone: bool = False


def frame_edges(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times (D,) of frames → (D + 1,), from when to when each is seen: from the middle between it and the one
    before."""
    if len(times) == 1:
        return np.array([0.0, 2 * max(float(times[0]), 0.02)])
    middles = (times[1:] + times[:-1]) / 2
    return np.concatenate([[0.0], middles, [times[-1] + (times[-1] - times[-2]) / 2]])


def window_of_frames(
    times: NDArray[np.float64], low: float, high: float, rng: np.random.Generator
) -> tuple[slice, Seconds]:
    """A window of time with a share from `low` to `high` of the frames, at least one → its frames, and its
    seconds."""
    count = len(times)
    length = int(np.clip(round(rng.uniform(low, high) * count), 1, count))
    first = int(rng.integers(0, count - length, endpoint=True))
    edges = frame_edges(times)
    return slice(first, first + length), (float(edges[first]), float(edges[first + length]))


def merged(spans: tuple[Seconds, ...]) -> tuple[Seconds, ...]:
    """Spans of time in order; those that meet are one."""
    kept: list[Seconds] = []
    for begin, end in sorted(spans):
        if kept and begin <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((begin, end))
    return tuple(kept)


def smooth_path(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64 (count,) in [-1, 1]: a random path without jumps, which reaches -1 or 1. It has a turn about
    every fourth frame."""
    knots = rng.standard_normal(max(count // 4, 1) + 4)
    place = np.linspace(1, len(knots) - 3, count)
    low = np.minimum(place.astype(int), len(knots) - 3)
    share = place - low
    # Catmull and Rom's spline.
    before, here, after, later = (knots[low + step] for step in (-1, 0, 1, 2))
    path = here + 0.5 * share * (
        after
        - before
        + share * (2 * before - 5 * here + 4 * after - later + share * (3 * (here - after) + later - before))
    )
    return np.asarray(path / max(float(np.abs(path).max()), 1e-9))
