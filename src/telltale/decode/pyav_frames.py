"""Pictures by PyAV, which reads everything that can be read; `showing` finds the frames, here they become
upright RGB.

Single-threaded: the worker processes are the parallelism, and with frame threads libav's report of damage is
not the same from run to run.
"""

import threading
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
from telltale.decode.cursor import FrameCursor
from telltale.decode.demux import Demuxer
from telltale.decode.pictures import Pictures, scaled

Sampling = Literal["reference", "exact", "keyframes"]
# What libav's decoders leave out. Most encoders refer to every other frame at most, and a decoder told so
# skips the rest: the frames that come are the same to the bit.
_SKIPPED: dict[Sampling, Literal["NONREF", "DEFAULT", "NONKEY"]] = {
    "reference": "NONREF",
    "exact": "DEFAULT",
    "keyframes": "NONKEY",
}

_OWN = threading.local()


def read(
    demuxer: Demuxer, times: NDArray[np.float64], short_side: int | None, sampling: Sampling
) -> Pictures:
    """See `frames.read_frames`. Holds the wanted frames at the scaled size, and of the others what the
    decoder itself holds."""
    path, limits = demuxer.path, demuxer.limits
    stream = open_picture(demuxer, sampling)
    unit, start = tick(stream), zero(demuxer.container)
    show = FrameCursor(demuxer, stream)
    find = show.at if sampling == "exact" else show.nearest
    convert = _reformatter()
    pixels: NDArray[np.uint8] | None = None
    came: list[int] = []
    try:
        for target in _ticks(times, start, unit):
            frame, pts = find(target)
            if pixels is None:
                size = scaled(path, frame.width, frame.height, short_side, limits)
                wide, high = size if round(frame.rotation / 90) % 2 == 0 else size[::-1]
                pixels = np.empty((len(times), high, wide, 3), np.uint8)
            if came and pts == came[-1]:
                pixels[len(came)] = pixels[len(came) - 1]
            else:
                _convert(path, convert, frame, size, pixels[len(came)])
            came.append(pts)
    except DecodeError:
        if not came:
            raise
    assert pixels is not None  # times holds one at least
    seconds = np.array([float(pts * unit - start) for pts in came])
    return Pictures(pixels[: len(came)], seconds, partial=len(came) < len(times))


def _reformatter() -> VideoReformatter:
    """This thread's converter: it keeps the scaler's filters from frame to frame, and from clip to clip of
    the same size."""
    if not hasattr(_OWN, "reformatter"):
        _OWN.reformatter = VideoReformatter()
    return _OWN.reformatter


def open_picture(demuxer: Demuxer, sampling: Sampling) -> VideoStream:
    """The picture stream, its decoder set up, its size by the metadata checked. DecodeError: no_stream,
    failed, too_large."""
    stream, path, limits = demuxer.pictures, demuxer.path, demuxer.limits
    if stream is None:
        raise DecodeError("no_stream", f"{path}: has no picture")
    codec = stream.codec_context
    if codec is None:
        raise DecodeError("failed", f"{path}: its picture is in a coding that this libav cannot decode")
    check_pixels(path, codec, limits)
    codec.thread_count = 1
    # See `showing.Show`: in AVI a frame's time is its place in the order of all frames.
    codec.skip_frame = "DEFAULT" if demuxer.container.format.name == "avi" else _SKIPPED[sampling]
    codec.options = {
        "max_pixels": str(limits.max_frame_pixels)
    }  # the size in the stream itself may be another
    return stream


def _ticks(times: NDArray[np.float64], start: Fraction, unit: Fraction) -> list[int]:
    """For each time the last tick that is not after it, half a tick allowed; within what libav can hold."""
    ticks = np.floor((times + float(start)) / float(unit) + 0.5)
    return np.clip(ticks, -(2.0**62), 2.0**62).astype(np.int64).tolist()


def _convert(
    path: Path, convert: VideoReformatter, frame: VideoFrame, size: tuple[int, int], into: NDArray[np.uint8]
) -> None:
    """Write a frame, scaled and upright, uint8 (H, W, 3) RGB. The converter takes the frame's own colour
    matrix and range; bilinear, as decord does. Raises DecodeError where the frame is turned otherwise than
    `into` is shaped.

    A frame that is scaled comes out in planes: libav does that twice as fast as packed RGB, and gives every
    pixel a colour of its own, where packed RGB shares one between two.
    """
    planar = size != (frame.width, frame.height)
    turns = round(frame.rotation / 90) % 4
    if into.shape[:2] != (size if turns % 2 else size[::-1]):
        raise DecodeError("failed", f"{path}: the picture is turned within the clip")
    try:
        made = convert.reformat(
            frame, *size, format="gbrp" if planar else "rgb24", interpolation="BILINEAR", threads=1
        )
        if not planar:
            into[...] = np.rot90(made.to_ndarray(), turns)  # both count anticlockwise
            return
        green, blue, red = (
            np.asarray(memoryview(plane)).reshape(-1, plane.line_size)[: size[1], : size[0]]
            for plane in made.planes
        )
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError("failed", f"{path}: a frame cannot be converted to RGB ({reason(error)})") from None
    if turns:
        into[...] = np.rot90(cv2.merge((red, green, blue)), turns)
    else:
        cv2.merge((red, green, blue), into)
