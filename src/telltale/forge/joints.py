"""Pieces of sound put together so that nobody hears where: level, windows with soft edges, joints in step.

No joint is a click, and none leaves digital silence: where the pieces meet they are cross-faded, at a place
where their waves agree best.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.forge.material import Seconds

Samples = NDArray[np.float32]

SILENT = 10 ** (-60 / 20)  # RMS of sound in which nothing is heard: -60 dB
FADE_SECONDS = 0.02
SEARCH_SECONDS = 0.012  # how far a joint may be moved: a period of a low voice


def level(samples: Samples) -> float:
    """Root mean square; 0 of no samples."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def levelled(samples: Samples, wanted: float) -> Samples:
    """The samples at an RMS of `wanted`, or less, so that none leaves [-1, 1]."""
    gain = wanted / max(level(samples), 1e-9)
    return samples * np.float32(min(gain, 1 / max(float(np.abs(samples).max(initial=0)), 1e-9)))


def audible_window(
    samples: Samples, shares: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int] | None:
    """First and last sample of a random part of the sound, with a share of it from `shares`, in which there
    is something to hear; None if eight draws find none."""
    least = 0.2 * level(samples)
    for _ in range(8):
        length = max(round(rng.uniform(*shares) * len(samples)), 1)
        first = int(rng.integers(0, len(samples) - length, endpoint=True))
        if level(samples[first : first + length]) > max(least, SILENT):
            return first, first + length
    return None


def faded_in(genuine: Samples, changed: Samples, bounds: tuple[int, int], fade: int) -> Samples:
    """The genuine sound with `changed` (bounds[1] - bounds[0],) inside of `bounds`, cross-faded over `fade`
    samples inside of them. At the sound's own ends nothing fades."""
    first, stop = bounds
    fade = min(fade, (stop - first) // 2)
    share = np.ones(stop - first, np.float32)
    ramp = ((1 - np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))) / 2).astype(np.float32)
    if first > 0:
        share[:fade] = ramp
    if stop < len(genuine):
        share[len(share) - fade :] = ramp[::-1]
    made = genuine.copy()
    made[first:stop] += share * (changed - genuine[first:stop])
    return np.clip(made, -1, 1)


@dataclass(frozen=True)
class Piece:
    """Sound of which sample i + offset becomes sample i of another one. free: whether the offset may be moved
    by up to SEARCH_SECONDS."""

    source: Samples
    offset: int
    free: bool = True


def joined(pieces: Sequence[Piece], bounds: Sequence[int], rate_hz: int, count: int) -> Samples:
    """Sound (count,) of pieces, one after another.

    bounds: the samples at which each but the first begins, rising. From there on it is cross-faded over
        FADE_SECONDS with the piece before it. If it is free, it begins where it agrees best with that one
        (after Verhelst and Roelands' WSOLA, 1993). Samples outside of a source are 0, so a source has to
        reach FADE_SECONDS and SEARCH_SECONDS beyond its part.
    """
    fade, search = fade_samples(rate_hz), max(round(SEARCH_SECONDS * rate_hz), 1)
    ends = [*bounds, count]
    made = _part(pieces[0].source, pieces[0].offset, ends[0] + fade)
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    for piece, begin, end in zip(pieces[1:], ends, ends[1:], strict=False):
        tail, offset = made[begin : begin + fade], piece.offset
        if piece.free:
            around = _part(piece.source, begin + offset - search, fade + 2 * search)
            agreement = np.correlate(around, tail, mode="valid")
            power = np.convolve(np.square(around), np.ones(fade, np.float32), mode="valid")
            offset += int((agreement / np.sqrt(power + 1e-6)).argmax()) - search
        new = _part(piece.source, begin + offset, end - begin + fade)
        new[:fade] = tail + ramp * (new[:fade] - tail)
        made = np.concatenate([made[:begin], new])
    return made[:count]


def looped(samples: Samples, count: int, rate_hz: int) -> Samples:
    """At least `count` samples: the sound as often as needed, with a joint between."""
    edge = fade_samples(rate_hz) + round(SEARCH_SECONDS * rate_hz)
    once = len(samples) - 2 * edge
    times = max(-(-count // once), 1)
    if len(samples) >= count:
        return samples
    pieces = [Piece(samples, -once * k) for k in range(times)]
    return joined(pieces, [edge + once * k for k in range(1, times)], rate_hz, edge + once * times)


def fade_samples(rate_hz: int) -> int:
    return max(round(FADE_SECONDS * rate_hz), 1)


def in_seconds(bounds: tuple[int, int], rate_hz: int) -> Seconds:
    return bounds[0] / rate_hz, bounds[1] / rate_hz


def _part(source: Samples, first: int, count: int) -> Samples:
    """`count` samples of the source from `first` on; 0 where it has none."""
    inside = source[max(first, 0) : max(first + count, 0)]
    before = min(max(-first, 0), count)
    return np.pad(inside, (before, count - before - len(inside)))
