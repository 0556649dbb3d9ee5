"""What differs between clips and says nothing about forgery: camera, history, sound level, codec, length.

All of it is drawn from the clip's seed, not from its kind, so it is distributed alike in both classes.
"""

import io
from dataclasses import dataclass, fields
from fractions import Fraction

import av
import cv2
import numpy as np
from scipy import signal

from telltale.demo.encode import Coding
from telltale.demo.speech import RATE_HZ
from telltale.zoo.picture_face import FILTERS, jpeg
from telltale.zoo.take import pick

FRAME_RATES = {"24": Fraction(24), "25": Fraction(25), "29.97": Fraction(30000, 1001), "30": Fraction(30)}
HISTORIES = ("none", "none", "jpeg", "h264", "jpeg+h264", "h264+h264")
SCALINGS = ("none", "none", "smaller", "larger")
OVERLAYS = ("none", "none", "none", "none", "caption", "bars")
BANDS_HZ = (0, 0, 0, 4000, 5500, 7000, 8000)  # 0: no limit


@dataclass(frozen=True)
class Nuisance:
    """The drawn properties of a clip, each a column of meta.csv.

    frame_rate: name in FRAME_RATES.
    lead, trail: seconds without speech at both ends.
    noise: deviation of the sensor noise in levels, before any forgery.
    blur: deviation of the lens blur in pixels.
    gamma, warmth: exponent of the tone curve; factor on red, and its inverse on blue.
    scaling: resampled to a smaller or larger size and back, by the filter named `filter`.
    sharpening: share of an unsharp mask that is added.
    history: encodings before the last one, in order.
    quality: of these encodings, 0 to 1.
    overlay: a caption or black bars.
    loudness_db: level of the sound relative to full scale.
    band_hz: upper limit of an earlier recording's band, or 0.
    bit_rate: of the picture at 160 x 160 pixels.
    """

    frame_rate: str
    lead: float
    trail: float
    noise: float
    blur: float
    gamma: float
    warmth: float
    scaling: str
    filter: str
    sharpening: float
    history: str
    quality: float
    overlay: str
    loudness_db: float
    band_hz: int
    bit_rate: int
    preset: str
    keyframe_every: int
    sound_codec: str
    sound_bit_rate: int

    def columns(self) -> dict[str, object]:
        """The values by name, floats rounded."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()
        }

    @property
    def rate(self) -> Fraction:
        return FRAME_RATES[self.frame_rate]

    def coding(self, size: int) -> Coding:
        """The last encoding of a clip of `size` pixels."""
        return Coding(
            bit_rate=round(self.bit_rate * (size / 160) ** 2),
            frame_rate=self.rate,
            preset=self.preset,
            keyframe_every=self.keyframe_every,
            sound_codec=self.sound_codec,
            sound_bit_rate=self.sound_bit_rate,
        )


def draw_nuisance(rng: np.random.Generator) -> Nuisance:
    """Random properties of one clip."""
    return Nuisance(
        frame_rate=pick(rng, tuple(FRAME_RATES)),
        lead=float(rng.uniform(0.15, 0.45)) if rng.random() < 0.25 else 0.0,
        trail=float(rng.uniform(0.15, 0.45)) if rng.random() < 0.25 else 0.0,
        noise=float(rng.uniform(1.0, 5.0)),
        blur=float(rng.uniform(0.3, 0.7)),
        gamma=float(rng.uniform(0.85, 1.18)),
        warmth=float(rng.uniform(0.93, 1.07)),
        scaling=pick(rng, SCALINGS),
        filter=pick(rng, tuple(FILTERS)[1:]),
        sharpening=float(rng.uniform(0.2, 0.8)) if rng.random() < 0.4 else 0.0,
        history=pick(rng, HISTORIES),
        quality=float(rng.uniform(0, 1)),
        overlay=pick(rng, OVERLAYS),
        loudness_db=float(rng.uniform(-30, -18)),
        band_hz=BANDS_HZ[int(rng.integers(len(BANDS_HZ)))],
        bit_rate=round(float(np.exp(rng.uniform(np.log(250_000), np.log(700_000))))),
        preset=pick(rng, ("veryfast", "superfast")),
        keyframe_every=(12, 50, 250, 1000)[int(rng.integers(4))],
        sound_codec=pick(rng, ("libmp3lame", "aac")),
        sound_bit_rate=(64_000, 96_000, 128_000)[int(rng.integers(3))],
    )


def toned(nuisance: Nuisance, pixels: np.ndarray) -> np.ndarray:
    """The camera's tone curve and white balance on pictures, uint8 (T, S, S, 3)."""
    curve = (np.arange(256) / 255) ** nuisance.gamma * 255
    gains = np.asarray([nuisance.warmth, 1.0, 1 / nuisance.warmth])
    table = np.clip(np.rint(curve[:, None] * gains), 0, 255).astype(np.uint8)[None]
    return np.stack([cv2.LUT(frame, table) for frame in pixels])


def processed(rng: np.random.Generator, nuisance: Nuisance, pixels: np.ndarray) -> np.ndarray:
    """Pictures, uint8 (T, S, S, 3), after scaling, sharpening, earlier encodings and overlay."""
    size = pixels.shape[1]
    if nuisance.scaling != "none":
        factor = rng.uniform(0.6, 0.9) if nuisance.scaling == "smaller" else rng.uniform(1.15, 1.6)
        side = round(size * factor / 2) * 2
        there = cv2.INTER_AREA if factor < 1 else FILTERS[nuisance.filter]
        pixels = _each(pixels, lambda frame: _scaled(frame, side, there, FILTERS[nuisance.filter]))
    if nuisance.sharpening:
        share = nuisance.sharpening
        pixels = _each(
            pixels,
            lambda frame: cv2.addWeighted(frame, 1 + share, cv2.GaussianBlur(frame, (0, 0), 1.0), -share, 0),
        )
    for step in nuisance.history.split("+"):
        if step == "jpeg":
            pixels = _each(pixels, lambda frame: jpeg(frame, round(55 + 40 * nuisance.quality)))
        elif step == "h264":
            pixels = _through_h264(pixels, nuisance.rate, round(32 - 10 * nuisance.quality))
    return _overlaid(rng, nuisance.overlay, pixels)


def _each(pixels: np.ndarray, change) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.stack([change(frame) for frame in pixels])


def _scaled(frame: np.ndarray, side: int, there: int, back: int) -> np.ndarray:
    size = len(frame)
    return cv2.resize(cv2.resize(frame, (side, side), interpolation=there), (size, size), interpolation=back)


def _through_h264(pixels: np.ndarray, rate: Fraction, quantiser: int) -> np.ndarray:
    """The pictures after an encoding of their own, with x264's constant rate factor `quantiser`."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = pixels.shape[2], pixels.shape[1], "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"preset": "ultrafast", "crf": str(quantiser), "x264-params": "mbtree=0"}
        for picture in pixels:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            container.mux(video.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(video.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        container.streams.video[0].thread_type = "NONE"
        planes = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    return np.stack([cv2.cvtColor(each, cv2.COLOR_YUV2RGB_I420) for each in planes])


def _overlaid(rng: np.random.Generator, overlay: str, pixels: np.ndarray) -> np.ndarray:
    size = pixels.shape[1]
    if overlay == "bars":
        pixels = pixels.copy()
        deep = round(size * rng.uniform(0.03, 0.08))
        pixels[:, :deep] = pixels[:, size - deep :] = rng.integers(0, 18)
    elif overlay == "caption":
        pixels = pixels.copy()
        text = "".join(chr(97 + int(code)) for code in rng.integers(0, 26, int(rng.integers(8, 16))))
        at = (round(size * 0.08), round(size * rng.uniform(0.9, 0.97)))
        colour = tuple(int(value) for value in rng.integers(170, 256, 3))
        for frame in pixels:
            for shade, thick in (((0, 0, 0), 3), (colour, 1)):
                cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, size / 380, shade, thick, cv2.LINE_AA)
    return pixels


def levelled(nuisance: Nuisance, samples: np.ndarray) -> np.ndarray:
    """Samples, float32 (N,) at RATE_HZ, with the drawn band limit and loudness."""
    if nuisance.band_hz:
        low_pass = signal.butter(8, nuisance.band_hz, fs=RATE_HZ, output="sos")
        samples = signal.sosfiltfilt(low_pass, samples)
    samples = samples - np.mean(samples)
    gain = 10 ** (nuisance.loudness_db / 20) / (np.sqrt(np.mean(samples**2)) + 1e-9)
    loud = samples * gain
    return (0.97 * np.tanh(loud / 0.97)).astype(np.float32)
