"""Write small video files for the tests: drawn pictures that count, and sound, in any coding that PyAV has.

    write(path, [Picture(frames=50)], Sound(seconds=2.0))

Every frame shows its own number, as `decode_clips.number` reads it, beside a disc that moves.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from decode_clips import drawn
from numpy.typing import NDArray

# Fast, with the B-frames of x264's default, and without keyframes where the drawing changes much.
X264 = {"preset": "superfast", "x264-params": "scenecut=0"}
FAST = {"aac": {"aac_coder": "fast"}}

# SVT-AV1 writes its settings to stderr otherwise, whatever libav's level is.
os.environ.setdefault("SVT_LOG", "0")


@dataclass(frozen=True)
class Picture:
    """A picture stream of `frames` frames.

    wide, high: pixels. The number is drawn into the square of side `high` at the left.
    times: when each frame is shown, in units of 1 / fps seconds; None: one after the other.
    """

    frames: int = 100
    fps: int = 25
    wide: int = 192
    high: int = 108
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=lambda: X264)
    times: Sequence[int] | None = None


@dataclass(frozen=True)
class Sound:
    """A sound stream of `seconds`: noise of many pitches, or exact silence."""

    seconds: float = 4.0
    rate_hz: int = 44_100
    codec: str = "aac"
    layout: str = "mono"
    silent: bool = False


def picture(number: int, wide: int, high: int) -> NDArray[np.uint8]:
    """uint8 (high, wide, 3), wide >= high: the number at the left, and a disc that moves over a gradient."""
    down, across = np.mgrid[:high, :wide]
    pixels = np.stack(
        [40 + 60 * across / wide, 40 + 60 * down / high, np.full((high, wide), 90.0)], -1
    ).astype(np.uint8)
    angle = number / 7
    centre = high * (0.5 + 0.3 * np.sin(angle)), wide - 0.3 * high + 0.1 * high * np.cos(angle)
    pixels[(down - centre[0]) ** 2 + (across - centre[1]) ** 2 < (0.15 * high) ** 2] = (220, 180, 60)
    pixels[:, :high] = drawn(number, high)
    return pixels


def samples(sound: Sound) -> NDArray[np.int16]:
    """int16 (N, channels): the same in all channels."""
    count, channels = round(sound.seconds * sound.rate_hz), av.AudioLayout(sound.layout).nb_channels
    rng = np.random.default_rng(5)
    mono = (
        np.zeros(count) if sound.silent else np.convolve(rng.normal(0, 4000, count), np.ones(3) / 3, "same")
    )
    return np.repeat(mono.clip(-32_000, 32_000).astype(np.int16)[:, None], channels, 1)


def _picture_stream(out: OutputContainer, wanted: Picture) -> VideoStream:
    stream = out.add_stream(wanted.codec, rate=wanted.fps, options=dict(wanted.options))
    stream.width, stream.height, stream.pix_fmt = wanted.wide, wanted.high, wanted.pix_fmt
    stream.codec_context.thread_count = 1
    return stream


def _sound_stream(out: OutputContainer, wanted: Sound) -> AudioStream:
    return out.add_stream(
        wanted.codec, rate=wanted.rate_hz, layout=wanted.layout, options=FAST.get(wanted.codec)
    )


def write(
    path: Path,
    pictures: Sequence[Picture],
    sound: Sound | None = None,
    *,
    best: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """One stream for each of `pictures`, of which number `best` is the file's default, and the sound."""
    with av.open(str(path), "w", options=options or {}) as out:
        streams = [_picture_stream(out, each) for each in pictures]
        for index, stream in enumerate(streams):
            stream.disposition = Disposition.default if index == best else Disposition(0)
        heard = _sound_stream(out, sound) if sound is not None else None
        for stream, each in zip(streams, pictures, strict=True):
            for index in range(each.frames):
                frame = av.VideoFrame.from_ndarray(picture(index, each.wide, each.high), format="rgb24")
                frame.pts, frame.time_base = each.times[index] if each.times else index, Fraction(1, each.fps)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        if heard is not None and sound is not None:
            content = samples(sound)
            for at in range(0, len(content), 4096):
                block = np.ascontiguousarray(content[at : at + 4096]).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout=sound.layout)
                frame.sample_rate, frame.time_base, frame.pts = sound.rate_hz, Fraction(1, sound.rate_hz), at
                out.mux(heard.encode(frame))
            out.mux(heard.encode(None))
    return path
