"""Pictures and sound through a lossy codec and back, in memory.

    frames = through_h264(frames, quantiser=26)
    samples = through_sound_codec(samples, 16_000, "aac", 48_000)

What comes back has the same shape and is in step with what went in. Encoders run on one thread with fixed
settings: the same input gives the same bytes.
"""

from fractions import Fraction
from functools import cache
from typing import Literal

import av
import cv2
import numpy as np

from telltale.errors import InputError

SoundCodec = Literal["aac", "mp3"]
SOUND_CODECS: tuple[SoundCodec, ...] = ("aac", "mp3")
# Samples a second that both codecs take.
RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# Encoder, its options for speed, and decoder.
CODECS = {
    "aac": ("aac", {"aac_coder": "fast"}, "aac"),
    "mp3": ("libmp3lame", {"compression_level": "9"}, "mp3float"),
}


def through_h264(frames: np.ndarray, quantiser: int) -> np.ndarray:
    """Frames uint8 (D, H, W, 3) RGB of one clip → the same shape, after H.264 with chroma at half resolution.

    quantiser: x264's constant rate factor, 0 to 51. The first frame is coded alone, each other one from those
    before it.
    """
    height, width = frames.shape[1:3]
    # The codec takes even sizes.
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *padded.shape[1:3], "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    # With more threads, or x264's macroblock tree, the same pictures sometimes give other bytes.
    fixed = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "mbtree=0"}
    encoder.options = {**fixed, "crf": str(quantiser)}
    decoder = av.CodecContext.create("h264", "r")
    encoder.thread_count = decoder.thread_count = 1
    pictures: list[av.VideoFrame] = []
    for number, frame in enumerate(padded):
        planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = number
        for packet in encoder.encode(picture):
            pictures += decoder.decode(packet)
    for packet in encoder.encode(None):
        pictures += decoder.decode(packet)
    pictures += decoder.decode(None)
    if len(pictures) != len(frames):
        raise RuntimeError(f"H.264: {len(pictures)} of {len(frames)} frames came back")
    planes = [picture.to_ndarray(format="yuv420p") for picture in pictures]
    return np.stack([cv2.cvtColor(each, cv2.COLOR_YUV2RGB_I420)[:height, :width] for each in planes])


def through_sound_codec(samples: np.ndarray, rate_hz: int, codec: SoundCodec, bit_rate: int) -> np.ndarray:
    """Samples float32 (N,), one channel → the same shape, after AAC or MP3 of `bit_rate` bits a second.

    The delays of encoder and decoder are taken out. Raises InputError if `rate_hz` is none of RATES_HZ.
    """
    check_rate(rate_hz)
    if not len(samples):
        return samples.copy()
    late = _delay(codec, rate_hz)
    return _coded(samples, rate_hz, codec, bit_rate)[late : late + len(samples)]


@cache
def _delay(codec: SoundCodec, rate_hz: int) -> int:
    """Samples by which sound comes late out of encoder and decoder. Some releases of libav take the delay out
    themselves, so it is measured, on noise."""
    noise = np.random.default_rng(1).uniform(-0.2, 0.2, 8192).astype(np.float32)
    decoded = _coded(noise, rate_hz, codec, 64_000)
    return int(np.correlate(decoded, noise, mode="valid").argmax())


def _coded(samples: np.ndarray, rate_hz: int, codec: SoundCodec, bit_rate: int) -> np.ndarray:
    """Samples float32 (N,) → float32, more than N, later by the codec's delay."""
    encoder_name, options, decoder_name = CODECS[codec]
    encoder = av.CodecContext.create(encoder_name, "w")
    decoder = av.CodecContext.create(decoder_name, "r")
    assert isinstance(encoder, av.AudioCodecContext) and isinstance(decoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, "mono", "fltp"
    encoder.bit_rate, encoder.time_base, encoder.thread_count = bit_rate, Fraction(1, rate_hz), 1
    encoder.options = options
    encoder.open()
    decoder.sample_rate, decoder.layout, decoder.thread_count = rate_hz, "mono", 1
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    size = encoder.frame_size
    # Silence behind the sound brings its end out of the codec.
    whole = np.concatenate([samples, np.zeros(3 * size + -len(samples) % size, np.float32)])
    decoded = []
    for first in [*range(0, len(whole), size), None]:
        frame = None
        if first is not None:
            part = np.ascontiguousarray(whole[None, first : first + size])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, first
        for packet in encoder.encode(frame):
            decoded += [each.to_ndarray()[0] for each in decoder.decode(packet)]
    decoded += [each.to_ndarray()[0] for each in decoder.decode(None)]
    return np.concatenate(decoded)


def check_rate(rate_hz: int) -> None:
    """Raise InputError if the codecs do not take sound of `rate_hz` samples a second."""
    if rate_hz not in RATES_HZ:
        raise InputError(
            f"sound of {rate_hz} Hz cannot be compressed; wanted a mel.rate_hz of "
            f"{', '.join(map(str, RATES_HZ))}, or augment.sound_codec_p=0"
        )
