"""Pictures by PyAV, which reads everything that can be read; `showing` finds the frames, here they become upright RGB.

Single-threaded: the workers of the data loader are the parallelism, and with frame threads libav's report of damage is not
the same from run to run.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, Limits, check_pixels, open_container, picture, reason, tick, zero
from telltale.decode.pictures import Pictures, scaled
from telltale.decode.showing import Show


def read(path: Path, times: NDArray[np.float64], short_side: int | None, limits: Limits) -> Pictures:
    """See `frames.read_frames`. Holds the wanted frames at the scaled size, and of the others what the decoder itself holds."""
    with open_container(path, limits) as container:
        stream = open_picture(path, container, limits)
        unit, start = tick(stream), zero(container)
        show = Show(path, container, stream, limits)
        pixels: NDArray[np.uint8] | None = None
        came: list[int] = []
        try:
            for time in times:
                frame, pts = show.at(_ticks(time, start, unit))
                if pixels is None:
                    size = scaled(path, frame.width, frame.height, short_side, limits)
                    first = _rgb(path, frame, size)
                    pixels = np.empty((len(times), *first.shape), np.uint8)
                    pixels[0] = first
                elif pts == came[-1]:
                    pixels[len(came)] = pixels[len(came) - 1]
                else:
                    upright = _rgb(path, frame, size)
                    if upright.shape != pixels.shape[1:]:
                        raise DecodeError("failed", f"{path}: the picture is turned within the clip")
                    pixels[len(came)] = upright
                came.append(pts)
        except DecodeError:
            if pixels is None:
                raise
        assert pixels is not None  # times holds one at least
        seconds = np.array([float(pts * unit - start) for pts in came])
        return Pictures(pixels[: len(came)], seconds, partial=len(came) < len(times))


def open_picture(path: Path, container: InputContainer, limits: Limits) -> VideoStream:
    """The picture stream, its decoder set up, its size by the metadata checked. DecodeError: no_stream, failed, too_large."""
    stream = picture(container)
    if stream is None:
        raise DecodeError("no_stream", f"{path}: has no picture")
    codec = stream.codec_context
    if codec is None:
        raise DecodeError("failed", f"{path}: its picture is in a coding that this libav cannot decode")
    check_pixels(path, codec, limits)
    codec.thread_count = 1
    codec.options = {"max_pixels": str(limits.max_frame_pixels)}  # the size in the stream itself may be another
    return stream


def _ticks(time: float, start: Fraction, unit: Fraction) -> int:
    """The last tick that is not after a time, half a tick allowed; within what libav can hold."""
    ticks = np.floor((time + float(start)) / float(unit) + 0.5)
    return int(np.clip(ticks, -(2.0**62), 2.0**62))


def _rgb(path: Path, frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), upright. The converter takes the frame's own colour matrix and range; bilinear, as decord does."""
    try:
        rgb = frame.reformat(*size, format="rgb24", interpolation="BILINEAR", threads=1).to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError("failed", f"{path}: a frame cannot be converted to RGB ({reason(error)})") from None
    return np.rot90(rgb, round(frame.rotation / 90))  # both count anticlockwise
