"""Pictures of a clip at wanted times, in seconds from its first frame.

    frames = read_frames(path, np.linspace(0, 4, 8), short_side=224, limits=limits)

Two backends stand behind one function, `read(path, times, short_side, limits) -> Pictures`: `pyav_frames` reads everything;
`decord_frames` reads what decord can. They choose the same frames. At the stored size the pixels of 8-bit clips are equal;
scaled they differ by up to 0.5 of 255 on average on real clips, nearly all of it chroma: decord's older converter ignores
where the chroma samples sit. 10-bit clips differ by 1.5 on average, for the same reason. The pixels are the stored ones: a
picture whose pixels are not square stays squeezed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from telltale.decode import decord_frames, pyav_frames
from telltale.decode.container import Limits


@dataclass(frozen=True)
class Frames:
    """`pixels` uint8 (T, H, W, 3) RGB; `seconds` float64 (T,) when each came on show; `partial`: the rest is damaged."""

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    partial: bool

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or 0 in self.pixels.shape:
            raise ValueError(f"pixels: wanted uint8 (T, H, W, 3), got {self.pixels.dtype} {self.pixels.shape}")
        if self.seconds.dtype != np.float64 or self.seconds.shape != self.pixels.shape[:1]:
            raise ValueError(f"seconds: wanted float64 ({len(self.pixels)},), got {self.seconds.dtype} {self.seconds.shape}")
        if not np.isfinite(self.seconds).all() or (np.diff(self.seconds) < 0).any():
            raise ValueError(f"seconds: wanted finite and never falling, got {self.seconds}")


def read_frames(
    path: Path,
    times: NDArray[np.float64],
    *,
    short_side: int | None,
    limits: Limits,
    backend: Literal["pyav", "decord"] = "pyav",
) -> Frames:
    """The frame on show at each wanted time, upright and scaled so that its shorter side is `short_side` (None: as stored).

    On show: the last frame that came at or before the time (half a tick of the stream's clock allowed); the first frame for
    earlier times, the last for later ones. Of a damaged file, the frames before the damage, `partial`; the same when
    `limits.max_decoded_frames` is used up. `times` is float64 (T,), T >= 1, finite and never falling: else ValueError.
    Raises DecodeError, and InputError where decord is asked for and not installed.
    """
    if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise ValueError(f"times: wanted at least one, finite and never falling, got {times}")
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side: wanted at least 1, got {short_side}")
    found = None
    if backend == "decord":
        # The one place where decord is stood in for: None is "decord cannot", and PyAV then reads it or says what is wrong.
        found = decord_frames.read(path, times, short_side, limits)
    if found is None:
        found = pyav_frames.read(path, times, short_side, limits)
    return Frames(found.pixels, found.seconds, found.partial)
