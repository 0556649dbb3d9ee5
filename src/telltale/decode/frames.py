"""Pictures of a clip at wanted times, in seconds from its first frame.

    frames = read_frames(path, np.linspace(0, 4, 8), short_side=224, limits=limits)

Two backends stand behind one function: `pyav_frames` reads everything; `decord_frames` reads what decord can.
Asked for the frames on show they choose the same. At the stored size the pixels of 8-bit clips are equal.
Scaled, PyAV's are 0.25 of 255 from exact arithmetic on average on real clips (rounding), decord's older
converter 1.5 to 2: it rounds down and lets two pixels share a colour. The pixels are the stored ones: a
picture whose pixels are not square stays squeezed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from telltale.decode import decord_frames, pyav_frames
from telltale.decode.container import DecodeError, Limits
from telltale.decode.demux import Demuxer


@dataclass(frozen=True)
class Frames:
    """`pixels` uint8 (T, H, W, 3) RGB; `seconds` float64 (T,) when each came on show; `partial`: the rest is
    damaged."""

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    partial: bool

    def __post_init__(self) -> None:
        if (
            self.pixels.dtype != np.uint8
            or self.pixels.ndim != 4
            or self.pixels.shape[3] != 3
            or 0 in self.pixels.shape
        ):
            raise ValueError(
                f"pixels: wanted uint8 (T, H, W, 3), got {self.pixels.dtype} {self.pixels.shape}"
            )
        if self.seconds.dtype != np.float64 or self.seconds.shape != self.pixels.shape[:1]:
            raise ValueError(
                f"seconds: wanted float64 ({len(self.pixels)},), got {self.seconds.dtype} "
                f"{self.seconds.shape}"
            )
        if not np.isfinite(self.seconds).all() or (np.diff(self.seconds) < 0).any():
            raise ValueError(f"seconds: wanted finite and never falling, got {self.seconds}")


def read_frames(
    path: Path,
    times: NDArray[np.float64],
    *,
    short_side: int | None,
    limits: Limits,
    backend: Literal["pyav", "decord"] = "pyav",
    sampling: pyav_frames.Sampling = "exact",
    demuxer: Demuxer | None = None,
) -> Frames:
    """The frame for each wanted time, upright and scaled so that its shorter side is `short_side` (None: as
    stored).

    sampling "exact": the frame on show, the last that came at or before the time (half a tick of the stream's
    clock allowed); the first frame for earlier times, the last for later ones. "reference": of the frames
    that others are predicted from, the one that came nearest to the time, and `seconds` says when; the others
    are not decoded. A coding without such frames loses none. "keyframes": the nearest keyframe. decord knows
    "exact" only.

    Of a damaged file, the frames before the damage, `partial`; the same when `limits.max_decoded_frames` is
    used up. `times` is float64 (T,), T >= 1, finite and never falling: else ValueError. `walk`: the opened
    file, where nothing was read of it yet. Raises DecodeError, and InputError where decord is asked for and
    not installed.
    """
    if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise ValueError(f"times: wanted at least one, finite and never falling, got {times}")
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side: wanted at least 1, got {short_side}")
    if backend == "decord" and sampling != "exact":
        raise ValueError(f"sampling: decord knows 'exact' only, got {sampling!r}")
    found = None
    if backend == "decord":
        # The one place where decord is stood in for: None is "decord cannot", and PyAV then reads it or says
        # what is wrong.
        found = decord_frames.read(path, times, short_side, limits)
    if found is None:
        found = _by_pyav(path, times, short_side, limits, sampling, demuxer)
    return Frames(found.pixels, found.seconds, found.partial)


def _by_pyav(
    path: Path,
    times: NDArray[np.float64],
    short_side: int | None,
    limits: Limits,
    sampling: pyav_frames.Sampling,
    demuxer: Demuxer | None,
) -> pyav_frames.Pictures:
    try:
        if demuxer is not None and not demuxer.torn:
            return pyav_frames.read(demuxer, times, short_side, sampling)
        with Demuxer(path, limits, ("picture",)) as alone:
            return pyav_frames.read(alone, times, short_side, sampling)
    except DecodeError as error:
        if sampling == "exact" or error.status != "damaged":
            raise
    # A stream may mark none of its frames as one that others need, or none as a keyframe.
    with Demuxer(path, limits, ("picture",)) as alone:
        return pyav_frames.read(alone, times, short_side, "exact")
