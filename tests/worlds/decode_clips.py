"""Tiny clips that the decode tests make: frame k shows the number k as black and white squares; any sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from telltale.decode.container import Contents, Limits
from telltale.decode.demux import Demuxer
from telltale.decode.frames import Frames, read_frames
from telltale.decode.sound import NoSound, Wave, read_wave

LIMITS = Limits(max_frame_pixels=7680 * 4320, max_decoded_frames=100_000)
SIZE = 64


def drawn(number: int, size: int = SIZE) -> np.ndarray:
    """uint8 (size, size, 3): twelve binary digits in a grid of 4 x 4 squares, the lowest first, row by
    row."""
    pixels = np.zeros((size, size, 3), np.uint8)
    side = size // 4
    for digit in range(12):
        if number >> digit & 1:
            row, column = divmod(digit, 4)
            pixels[row * side : (row + 1) * side, column * side : (column + 1) * side] = 255
    return pixels


def number(pixels: np.ndarray) -> int:
    """The number that a frame (or counting.mp4's) shows."""
    side = pixels.shape[0] // 4
    squares = pixels[side // 2 :: side, side // 2 :: side].mean(axis=2) > 128
    return sum(1 << digit for digit, on in enumerate(squares.ravel()[:12]) if on)


def write_video(
    path: Path,
    frames: int = 50,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    times: list[int] | None = None,
    size: int = SIZE,
    pix_fmt: str = "yuv420p",
    colour: tuple[int, int, int] | None = None,
    matrix: int = 2,
) -> Path:
    """`frames` counting frames at 25 per second, or at `times` in 1/25 s; or frames of one colour, with a
    colour matrix."""
    with av.open(str(path), "w", options=container_options or {}) as out:
        stream = out.add_stream(codec, rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.options = options or {}
        stream.codec_context.colorspace = matrix
        stream.codec_context.thread_count = 1
        for index in range(frames):
            pixels = drawn(index, size) if colour is None else np.full((size, size, 3), colour, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if matrix == 1:
                frame = frame.reformat(format=pix_fmt, dst_colorspace="ITU709")
            frame.pts = times[index] if times else index
            frame.time_base = Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def write_sound(
    path: Path,
    samples: np.ndarray,
    rate_hz: int,
    *,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    first_pts: int = 0,
    pause_after: int | None = None,
    pause: int = 0,
    video_frames: int = 0,
) -> Path:
    """`samples` float (C, N); a pause of `pause` samples after `pause_after` of them; `video_frames` of
    picture beside it."""
    with av.open(str(path), "w") as out:
        pictures = None
        if video_frames:
            pictures = out.add_stream("libx264", rate=25)
            pictures.width = pictures.height = SIZE
            pictures.pix_fmt = "yuv420p"
        stream = out.add_stream(codec, rate=rate_hz, layout=layout)
        for index in range(video_frames):
            frame = av.VideoFrame.from_ndarray(drawn(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(pictures.encode(frame))
        if pictures is not None:
            out.mux(pictures.encode(None))
        for at in range(0, samples.shape[1], 1000):
            block = (samples[:, at : at + 1000] * 32767).round().astype(np.int16)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block.T).reshape(1, -1), format="s16", layout=layout
            )
            frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
            frame.pts = first_pts + at + (pause if pause_after is not None and at >= pause_after else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def remuxed(source: Path, target: Path) -> Path:
    """The packets of an .mp4 of H.264 in the container that the name of `target` calls for, none of them
    coded anew."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        pictures = given.streams.video[0]
        # AVI wants start codes between the units of H.264, where the others have lengths.
        avi = target.suffix == ".avi"
        coded = BitStreamFilterContext("h264_mp4toannexb", pictures, streams[pictures.index]) if avi else None
        for packet in given.demux():
            if packet.dts is None:
                continue
            for each in coded.filter(packet) if coded is not None and packet.stream is pictures else [packet]:
                each.stream = streams[packet.stream.index]
                out.mux(each)
    return target


def frames_of(
    path: Path, times: Sequence[float] | np.ndarray, *, limits: Limits = LIMITS, **options: Any
) -> Frames:
    """`read_frames` of a file of its own; `options` as there."""
    with Demuxer(path, limits, ("picture",)) as demuxer:
        return read_frames(demuxer, np.asarray(times, np.float64), **options)


def wave_of(
    path: Path, start: float, seconds: float, *, rate_hz: int, limits: Limits = LIMITS
) -> Wave | NoSound:
    """`read_wave` of a file of its own."""
    with Demuxer(path, limits, ("sound",)) as demuxer:
        return read_wave(demuxer, start, seconds, rate_hz=rate_hz)


def contents_of(path: Path, limits: Limits = LIMITS) -> Contents:
    """What a file says that it holds."""
    with Demuxer(path, limits) as demuxer:
        return demuxer.contents()
