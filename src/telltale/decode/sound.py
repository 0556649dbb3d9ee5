"""`Wave`: sound of a clip with its time, from the decoder to the batch. `read_wave` reads one span of it.

    with Demuxer(path, limits) as demuxer:
        wave = read_wave(demuxer, 0.0, 4.0, rate_hz=16_000)

PyAV reads the sound whatever `clip.backend` says. decord's AudioReader cannot be made right: it decodes the
whole file for any span, counts from the first sample instead of the first frame, comes out 1 ms late on real
clips (17 samples at 16 kHz, the delay of its resampler), and returns what it has of a damaged file without
saying so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.decode.container import DecodeError
from telltale.decode.demux import Demuxer
from telltale.decode.timeline import Timeline


@dataclass(frozen=True)
class Wave:
    """Mono sound of a span. Raises ValueError if the array has another dtype or shape, or a sample is not in
    [-1, 1].

    samples: float32 (N,), N >= 1, in [-1, 1].
    rate_hz: samples per second.
    start_seconds: the time of the first sample, in seconds after the clip's first frame.
    partial: True if the file is damaged and the rest of the span is missing.
    """

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
class NoSound:
    """There is no sound to read, and that is no error: no sound stream, or no sound inside the span."""

    reason: str


def read_wave(demuxer: Demuxer, start_seconds: float, seconds: float, *, rate_hz: int) -> Wave | NoSound:
    """The sound of [start, start + seconds), channels averaged, resampled to `rate_hz`.

    demuxer: the opened file, of whose sound nothing was read yet.
    start_seconds: in seconds after the clip's first frame.

    All spans of a clip are cut from one grid of samples, which begins with the first frame: a span begins at
        sample
    round(start * rate). A gap before or between sound is zeros. The wave ends where the sound ends, or,
    `partial`, where the file is damaged.

    Up to a minute into the clip the samples equal those of a longer read. Beyond that the reader seeks, and
    samples may differ by what the codec remembers of sound before.

    Raises ValueError for a span that cannot be, and DecodeError: those of opening; damaged if none of the
        span can be
    decoded; too_large; failed.
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
    path = demuxer.path
    timeline = Timeline(path, start_seconds, seconds)
    with demuxer.unmoved("sound") as opened:
        stream = opened.sounds
        if stream is None:
            return NoSound("no sound stream")
        if stream.codec_context is None:
            raise DecodeError("failed", f"{path}: its sound is in a coding that this libav cannot decode")
        error = timeline.fill(opened, stream)
    samples = timeline.resampled(
        rate_hz, first=round(start_seconds * rate_hz), count=max(1, round(seconds * rate_hz))
    )
    if not len(samples):
        if error is not None:
            raise error
        return NoSound("no sound inside the span")
    return Wave(samples, rate_hz, start_seconds, partial=error is not None)
