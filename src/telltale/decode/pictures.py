"""What both picture backends hand over, and the size they scale to."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, Limits


class Pictures(NamedTuple):
    """pixels uint8 (T, H, W, 3), seconds float64 (T,) from the first frame, partial."""

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    partial: bool


def scaled(path: Path, width: int, height: int, short_side: int | None, limits: Limits) -> tuple[int, int]:
    """(width, height) with the shorter side scaled to `short_side`. Raises DecodeError too_large: 8192x16
    scaled up is that."""
    if short_side is None:
        return width, height
    scale = short_side / min(width, height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    if wide * high > limits.max_frame_pixels:
        raise DecodeError(
            "too_large",
            f"{path}: {width}x{height} pixels scaled to {wide}x{high} is more than {limits.max_frame_pixels}",
        )
    return wide, high
