"""Writes a clip as H.264 and MP3 in an MP4 file with PyAV, in the same way for genuine and forged clips.

The encoder uses one thread and fixed settings, so the same pictures and samples give the same bytes. There is
one keyframe; the competition's clips have one to three.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from scipy import signal

from telltale.demo.speech import RATE_HZ

FRAME_RATE = 25
SOUND_RATE_HZ = 44_100
SOUND_BIT_RATE = 128_000


@dataclass(frozen=True)
class Coding:
    """How a clip is encoded. The defaults are the demo's.

    bit_rate, sound_bit_rate: of the picture and of the sound, in bits a second.
    frame_rate: frames a second.
    preset: x264's name of a compromise between speed and size.
    keyframe_every: number of frames, at most.
    sound_codec: "libmp3lame" or "aac".
    """

    bit_rate: int
    frame_rate: Fraction = Fraction(FRAME_RATE)
    preset: str = "veryfast"
    keyframe_every: int = 1000
    sound_codec: str = "libmp3lame"
    sound_bit_rate: int = SOUND_BIT_RATE


def write_clip(path: Path, pixels: np.ndarray, stereo: np.ndarray, coding: Coding) -> None:
    """Encode a clip into the file `path`.

    pixels: uint8 (T, S, S, 3) RGB, S even.
    stereo: float32 (2, N) in -1..1 at SOUND_RATE_HZ.
    """
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=coding.frame_rate)
        video.width, video.height, video.pix_fmt = pixels.shape[2], pixels.shape[1], "yuv420p"
        video.bit_rate = coding.bit_rate
        video.codec_context.thread_count = 1
        # With x264's macroblock tree, the same pictures sometimes give other bytes.
        every = str(coding.keyframe_every)
        fixed = {"sc_threshold": "0", "x264-params": "mbtree=0"}
        video.options = {"preset": coding.preset, "g": every, **fixed}
        if coding.sound_codec == "aac":
            sound = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="stereo")
        else:
            sound = container.add_stream("libmp3lame", rate=SOUND_RATE_HZ, layout="stereo")
            sound.options = {"compression_level": "9"}  # LAME's fastest: a third of the time
        sound.bit_rate = coding.sound_bit_rate
        for picture in pixels:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            container.mux(video.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(stereo, np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate = SOUND_RATE_HZ
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def to_stereo(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """Mono samples at RATE_HZ as two microphones would record them: float32 (2, N) at SOUND_RATE_HZ.

    The right channel is later and quieter by a random amount, and each channel has faint noise of its own.
    """
    wide = signal.resample_poly(samples, SOUND_RATE_HZ // RATE_HZ, 1)
    late, gain = int(rng.integers(0, 20)), rng.uniform(0.85, 1.0)
    right = gain * np.concatenate([wide[:1].repeat(late), wide[: len(wide) - late]])
    hiss = rng.normal(0, 10 ** (-66 / 20), (2, len(wide)))
    return np.clip(np.stack([wide, right]) + hiss, -1, 1).astype(np.float32)
