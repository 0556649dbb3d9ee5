"""Pictures by PyAV, which reads everything that can be read; `showing` finds the frames, here they become upright RGB.

Single-threaded: the worker processes are the parallelism, and with frame threads libav's report of damage is not the same from
run to run.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, check_pixels, reason, tick, zero
from telltale.decode.pictures import Pictures, scaled
from telltale.decode.showing import Show
from telltale.decode.walk import Walk

Sampling = Literal["reference", "exact", "keyframes"]
# What libav's decoders leave out. Most encoders refer to every other frame at most, and a decoder told so skips the rest: the
# frames that come are the same to the bit.
_SKIPPED: dict[Sampling, Literal["NONREF", "DEFAULT", "NONKEY"]] = {
    "reference": "NONREF",
    "exact": "DEFAULT",
    "keyframes": "NONKEY",
}


def read(walk: Walk, times: NDArray[np.float64], short_side: int | None, sampling: Sampling) -> Pictures:
    """See `frames.read_frames`. Holds the wanted frames at the scaled size, and of the others what the decoder itself holds."""
    path, limits = walk.path, walk.limits
    stream = open_picture(walk, sampling)
    unit, start = tick(stream), zero(walk.container)
    show = Show(walk, stream)
    find = show.at if sampling == "exact" else show.nearest
    convert = VideoReformatter()  # one for all frames: it keeps the scaler's filters
    pixels: NDArray[np.uint8] | None = None
    came: list[int] = []
    try:
        for target in _ticks(times, start, unit):
            frame, pts = find(target)
            if pixels is None:
                size = scaled(path, frame.width, frame.height, short_side, limits)
                first = _rgb(path, convert, frame, size)
                pixels = np.empty((len(times), *first.shape), np.uint8)
                pixels[0] = first
            elif pts == came[-1]:
                pixels[len(came)] = pixels[len(came) - 1]
            else:
                upright = _rgb(path, convert, frame, size)
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


def open_picture(walk: Walk, sampling: Sampling) -> VideoStream:
    """The picture stream, its decoder set up, its size by the metadata checked. DecodeError: no_stream, failed, too_large."""
    stream, path, limits = walk.pictures, walk.path, walk.limits
    if stream is None:
        raise DecodeError("no_stream", f"{path}: has no picture")
    codec = stream.codec_context
    if codec is None:
        raise DecodeError("failed", f"{path}: its picture is in a coding that this libav cannot decode")
    check_pixels(path, codec, limits)
    codec.thread_count = 1
    codec.skip_frame = _SKIPPED[sampling]
    codec.options = {"max_pixels": str(limits.max_frame_pixels)}  # the size in the stream itself may be another
    return stream


def _ticks(times: NDArray[np.float64], start: Fraction, unit: Fraction) -> list[int]:
    """For each time the last tick that is not after it, half a tick allowed; within what libav can hold."""
    ticks = np.floor((times + float(start)) / float(unit) + 0.5)
    return np.clip(ticks, -(2.0**62), 2.0**62).astype(np.int64).tolist()


def _rgb(path: Path, convert: VideoReformatter, frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), upright. The converter takes the frame's own colour matrix and range; bilinear, as decord does.

    A frame that is scaled comes out in planes: libav does that twice as fast as packed RGB, and gives every pixel a colour of
    its own, where packed RGB shares one between two.
    """
    planar = size != (frame.width, frame.height)
    try:
        made = convert.reformat(frame, *size, format="gbrp" if planar else "rgb24", interpolation="BILINEAR", threads=1)
        rgb = _packed(made) if planar else made.to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError("failed", f"{path}: a frame cannot be converted to RGB ({reason(error)})") from None
    return np.rot90(rgb, round(frame.rotation / 90))  # both count anticlockwise


def _packed(frame: VideoFrame) -> NDArray[np.uint8]:
    """Planes of green, blue and red → uint8 (H, W, 3) RGB."""
    green, blue, red = (
        np.asarray(memoryview(plane)).reshape(-1, plane.line_size)[: frame.height, : frame.width] for plane in frame.planes
    )
    return np.asarray(cv2.merge((red, green, blue)), np.uint8)
