"""`Frames`: pictures of a clip with their times, from the decoder to the batch. `read_frames` reads them.

    with Demuxer(path, limits) as demuxer:
        frames = read_frames(demuxer, np.linspace(0, 4, 8), short_side=224)

Two backends do the same: PyAV, here, reads everything that can be read; `decord_frames` reads what decord
    can. Both
choose the same frames. At the stored size the pixels of 8-bit clips are equal. Scaled, PyAV's are on average
0.25 of 255 from exact arithmetic on real clips, which is rounding, and decord's older converter 1.5 to 2: it
rounds down and lets two pixels share a colour. The pixels are the stored ones: a picture whose pixels are not
square stays squeezed.
"""

import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from telltale.decode import decord_frames
from telltale.decode.container import DecodeError, error_text, tick_seconds, zero_seconds
from telltale.decode.cursor import FrameCursor
from telltale.decode.demux import Demuxer, Sampling

_THREAD = threading.local()


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


def read_frames(
    demuxer: Demuxer,
    times: NDArray[np.float64],
    *,
    short_side: int | None = None,
    enlarge: bool = True,
    backend: Literal["pyav", "decord"] = "pyav",
    sampling: Sampling = "exact",
) -> Frames:
    """The frame for each of `times`, upright and scaled.

    demuxer: the opened file, of whose picture nothing was read yet.
    times: float64 (T,), T >= 1, finite and never falling, in seconds after the clip's first frame.
    short_side: pixels of the shorter side; None: as stored.
    enlarge: whether frames with a shorter side below that are scaled up, or stay as they are stored.
    backend: "decord" reads with PyAV what decord cannot.
    sampling: which frame is the one for a time.
        "exact": the frame on show, that is the last one that came at or before the time, half a tick of the
        stream's clock allowed; the first frame for earlier times, the last for later ones.
        "reference": the nearest in time of the frames from which others are predicted. The rest are not
            decoded.
        A coding without such frames loses none.
        "keyframes": the nearest keyframe.

    If the file is damaged the frames before the damage come, `partial`; so they do if
    `limits.max_decoded_frames` is used up. Raises ValueError for times as above do not allow, DecodeError if
    not one frame can be had, and InputError if decord is asked for and not installed.
    """
    if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise ValueError(f"times: wanted at least one, finite and never falling, got {times}")
    if short_side is not None and short_side < 1:
        raise ValueError(f"short_side: wanted at least 1, got {short_side}")
    if backend == "decord" and sampling != "exact":
        raise ValueError(f"sampling: decord knows 'exact' only, got {sampling!r}")
    if backend == "decord":
        # None means that decord cannot. PyAV then reads the frames or says what is wrong.
        found = decord_frames.read(demuxer.path, demuxer.limits, times, short_side, enlarge)
        if found is not None:
            return Frames(*found, partial=False)
    try:
        with demuxer.unmoved("picture") as opened:
            return _read(opened, times, sampling, short_side, enlarge)
    except DecodeError as error:
        if sampling == "exact" or error.status != "damaged":
            raise
    # The stream may mark none of its frames as a reference or as a keyframe: then nothing came, though all
    # can be decoded.
    with Demuxer(demuxer.path, demuxer.limits, ("picture",)) as opened:
        return _read(opened, times, "exact", short_side, enlarge)


def _read(
    demuxer: Demuxer, times: NDArray[np.float64], sampling: Sampling, short_side: int | None, enlarge: bool
) -> Frames:
    """`read_frames` by PyAV. Memory: T frames at the scaled size, and what the decoder itself holds."""
    path = demuxer.path
    stream = demuxer.open_pictures(sampling)
    tick, zero = tick_seconds(stream), zero_seconds(demuxer.container)
    cursor = FrameCursor(demuxer, stream)
    find = cursor.at if sampling == "exact" else cursor.nearest
    reformatter = _reformatter()
    pixels: NDArray[np.uint8] | None = None
    came: list[int] = []  # ticks at which the frames came on show
    try:
        for target in _ticks(times, zero, tick):
            frame, pts = find(target)
            if pixels is None:
                size = demuxer.scaled_size(frame, short_side, enlarge)
                wide, high = size if round(frame.rotation / 90) % 2 == 0 else size[::-1]
                pixels = np.empty((len(times), high, wide, 3), np.uint8)
            if came and pts == came[-1]:
                pixels[len(came)] = pixels[len(came) - 1]
            else:
                _convert(path, reformatter, frame, size, pixels[len(came)])
            came.append(pts)
    except DecodeError:
        if not came:
            raise
    assert pixels is not None  # there is at least one time
    seconds = np.array([float(pts * tick - zero) for pts in came])
    return Frames(pixels[: len(came)], seconds, partial=len(came) < len(times))


def _reformatter() -> VideoReformatter:
    """The converter of this thread. It keeps the scaler's filters from frame to frame, and from clip to clip
    of the same size."""
    if not hasattr(_THREAD, "reformatter"):
        _THREAD.reformatter = VideoReformatter()
    return _THREAD.reformatter


def _ticks(times: NDArray[np.float64], zero: Fraction, tick: Fraction) -> list[int]:
    """For each time the last tick that is not after it, half a tick allowed, clipped to what libav can
    hold."""
    ticks = np.floor((times + float(zero)) / float(tick) + 0.5)
    return np.clip(ticks, -(2.0**62), 2.0**62).astype(np.int64).tolist()


def _convert(
    path: Path,
    reformatter: VideoReformatter,
    frame: VideoFrame,
    size: tuple[int, int],
    out: NDArray[np.uint8],
) -> None:
    """Write a frame to `out`, uint8 (H, W, 3) RGB, scaled to `size`, (width, height), and then turned
    upright.

    The converter uses the colour matrix and range of the frame, and bilinear interpolation as decord does.
    Raises DecodeError if the frame is turned otherwise than `out` is shaped, which the first frame decided.

    A scaled frame is converted to planes (gbrp). libav does that twice as fast as packed RGB and gives every
    pixel a colour of its own; in packed RGB two pixels share one.
    """
    planar = size != (frame.width, frame.height)
    turns = round(frame.rotation / 90) % 4
    if out.shape[:2] != (size if turns % 2 else size[::-1]):
        raise DecodeError("failed", f"{path}: the picture is turned within the clip")
    try:
        converted = reformatter.reformat(
            frame, *size, format="gbrp" if planar else "rgb24", interpolation="BILINEAR", threads=1
        )
        if not planar:
            out[...] = np.rot90(converted.to_ndarray(), turns)  # both count anticlockwise
            return
        green, blue, red = (
            np.asarray(memoryview(plane)).reshape(-1, plane.line_size)[: size[1], : size[0]]
            for plane in converted.planes
        )
    except (av.FFmpegError, ValueError) as error:
        text = error_text(error)
        raise DecodeError("failed", f"{path}: a frame cannot be converted to RGB ({text})") from None
    if turns:
        out[...] = np.rot90(cv2.merge((red, green, blue)), turns)
    else:
        cv2.merge((red, green, blue), out)


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
