"""`Frames`: pictures of a clip with their times, from the decoder to the batch. And frames as JPEGs, which a
store may keep and `clip.jpeg_quality` asks for.

The pixels are the stored ones: a picture whose pixels are not square stays squeezed.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, Limits


@dataclass(frozen=True)
class Frames:
    """T frames of a clip and when each is shown. Raises ValueError if an array has another dtype or shape.

    pixels: uint8 (T, H, W, 3) RGB, T >= 1.
    seconds: float64 (T,), finite and never falling: when each frame came on show, in seconds after the clip's
        first frame.
    partial: True if the file is damaged and frames that were asked for are missing at the end.
    """

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    partial: bool

    def __post_init__(self) -> None:
        pixels, seconds = self.pixels, self.seconds
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels: wanted uint8 (T, H, W, 3), got {pixels.dtype} {pixels.shape}")
        if seconds.dtype != np.float64 or seconds.shape != pixels.shape[:1]:
            raise ValueError(f"seconds: wanted float64 ({len(pixels)},), got {seconds.dtype} {seconds.shape}")
        if not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
            raise ValueError(f"seconds: wanted finite and never falling, got {seconds}")


def scaled_size(
    path: Path, width: int, height: int, short_side: int | None, limits: Limits
) -> tuple[int, int]:
    """(width, height) scaled so that the shorter side is `short_side`; unchanged if that is None.

    Raises DecodeError too_large if the result has too many pixels: 8192x16 scaled up may have.
    """
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


def encode_jpegs(pixels: NDArray[np.uint8], quality: int) -> list[bytes]:
    """Frames uint8 (T, H, W, 3) RGB → T JPEG files. quality: 1 to 100.

    The chroma is kept whole (4:4:4). At half resolution it would smear the colour of lips and eyes, where
    forgeries show.
    """
    parameters = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    jpegs = []
    for frame in pixels:
        encoded, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), parameters)
        if not encoded:
            raise ValueError(f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels cannot be encoded as JPEG")
        jpegs.append(data.tobytes())
    return jpegs


def decode_jpegs(jpegs: list[bytes]) -> NDArray[np.uint8]:
    """T JPEG files of one size → uint8 (T, H, W, 3) RGB. Raises ValueError if one is no JPEG."""
    frames = []
    for data in jpegs:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if frame is None:
            raise ValueError("a stored picture is no JPEG")
        frames.append(np.asarray(frame, np.uint8))
    return np.stack(frames)
