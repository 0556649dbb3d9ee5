"""Sound of a clip: one span of seconds, mono, at one rate.

    wave = read_wave(path, 0.0, 4.0, rate_hz=16_000, limits=limits)

Both values of `backend` read sound by PyAV. decord's AudioReader was measured and cannot be made right: it
decodes the whole file whatever the span, counts from the first sample instead of the first frame, comes out 1
ms late on real clips (17 samples at 16 kHz: the delay of its resampler), and returns what it has of a damaged
file without a word.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, Limits
from telltale.decode.demux import Demuxer
from telltale.decode.timeline import Timeline


@dataclass(frozen=True)
class Wave:
    """`samples` float32 (N,) mono in [-1, 1] at `rate_hz`, the first at `start_seconds`; `partial`: the rest
    is damaged."""

    samples: NDArray[np.float32]
    rate_hz: int
    start_seconds: float
    partial: bool

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1 or not len(self.samples):
            raise ValueError(
                f"samples: wanted float32 (N,), N >= 1, got {self.samples.dtype} {self.samples.shape}"
            )
        if not np.isfinite(self.samples).all() or np.abs(self.samples).max() > 1:
            raise ValueError("samples: wanted finite and in [-1, 1]")


@dataclass(frozen=True)
class Silent:
    """There is no sound to read, and that is no error: no sound stream, or none of it inside the span."""

    reason: str


def read_wave(
    path: Path,
    start_seconds: float,
    seconds: float,
    *,
    rate_hz: int,
    limits: Limits,
    backend: Literal["pyav", "decord"] = "pyav",
    demuxer: Demuxer | None = None,
) -> Wave | Silent:
    """The sound of [start, start + seconds) on the clip's clock, channels averaged, resampled.

    All spans of a clip are cut from one grid that begins with the first frame: a span begins at its sample
    round(start * rate). A gap before or between sound is zeros; where the sound ends the wave ends. A damaged
    span gives what comes before the damage, `partial`. Up to a minute into the clip samples equal those of a
    longer read; beyond it the reader seeks, and they may differ by what the coding remembers. `walk`: the
    opened file, of whose sound nothing was read yet. Raises DecodeError: those of opening; damaged when sound
    was promised and none of the span can be decoded; too_large; failed.
    """
    if not (
        np.isfinite(start_seconds)
        and np.isfinite(seconds)
        and start_seconds >= 0
        and seconds > 0
        and rate_hz > 0
    ):
        raise ValueError(
            f"wanted start >= 0, seconds > 0 and rate > 0, got {start_seconds}, {seconds}, {rate_hz}"
        )
    timeline = Timeline(path, start_seconds, seconds)
    with (
        nullcontext(demuxer)
        if demuxer is not None and not demuxer.torn
        else Demuxer(path, limits, ("sound",)) as opened
    ):
        stream = opened.sounds
        if stream is None:
            return Silent("no sound stream")
        if stream.codec_context is None:
            raise DecodeError("failed", f"{path}: its sound is in a coding that this libav cannot decode")
        error = timeline.fill(opened, stream)
    samples = timeline.resampled(
        rate_hz, first=round(start_seconds * rate_hz), count=max(1, round(seconds * rate_hz))
    )
    if not len(samples):
        if error is not None:
            raise error
        return Silent("no sound inside the span")
    return Wave(samples, rate_hz, start_seconds, partial=error is not None)
