"""What files go through on their way, and what both a genuine clip and its forgery have to go through alike.

    degrade = draw_frame_degradation(settings.augment, rng)     # one draw
    genuine, forged = degrade(genuine), degrade(forged)         # the same gamma, scale and quantiser

If only forged clips were coded once more, a detector would learn that and nothing else. A draw is a value: it
may be applied to as many clips as wanted, each of which is coded by itself.
"""

import importlib
from dataclasses import dataclass

import cv2
import numpy as np

from telltale import config
from telltale.decode import recode
from telltale.forge.spectra import filtered

QUANTISERS = (18, 32)  # x264's constant rate factor
RESCALES = (0.4, 0.9)
GAMMAS = (0.7, 1.4)
SOUND_BITS = (24_000, 96_000)
LOWEST_CUT_HZ, HIGHEST_CUT = 3_000.0, 0.9  # Hz, and a share of the band
DOWN = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
UP = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def prepare(settings: config.AugmentSettings, rate_hz: int) -> None:
    """Import what the sound's degradations need, before workers are forked. Raises InputError if a codec is
    asked for and none takes `rate_hz`."""
    if settings.sound_codec_p:
        recode.check_rate(rate_hz)
    if settings.band_limit_p:
        importlib.import_module("scipy.fft")


@dataclass(frozen=True)
class FrameDegradation:
    """A draw of `gamma_p`, `rescale_p` and `h264_p`, done in this order; None: not done.

    gamma: exponent of the levels. share, down, up: of the side to which pictures are scaled, and OpenCV's
    numbers of the filters there and back. quantiser: of H.264.
    """

    gamma: float | None = None
    share: float | None = None
    down: int = cv2.INTER_AREA
    up: int = cv2.INTER_LINEAR
    quantiser: int | None = None

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames uint8 (T, H, W, 3) of one clip → the same shape."""
        return self.code(self.tone(frames))

    def tone(self, frames: np.ndarray) -> np.ndarray:
        """The gamma alone."""
        if self.gamma is None:
            return frames
        table = np.rint(255 * (np.arange(256) / 255) ** self.gamma).astype(np.uint8)
        flat = np.ascontiguousarray(frames).reshape(len(frames), -1)
        return np.asarray(cv2.LUT(flat, table)).reshape(frames.shape)

    def code(self, frames: np.ndarray, clips: int = 1) -> np.ndarray:
        """The scaling and the codec alone. clips: of how many clips the frames are, one after another; each
        is coded by itself."""
        if self.share is not None:
            height, width = frames.shape[1:3]
            small = max(round(self.share * width), 1), max(round(self.share * height), 1)
            frames = np.stack(
                [
                    cv2.resize(
                        cv2.resize(frame, small, interpolation=self.down),
                        (width, height),
                        interpolation=self.up,
                    )
                    for frame in frames
                ]
            )
        if self.quantiser is None:
            return frames
        # A frame that is coded from one of the clip before it would be better than those of that clip.
        return np.concatenate([recode.through_h264(each, self.quantiser) for each in np.split(frames, clips)])


@dataclass(frozen=True)
class WaveDegradation:
    """A draw of `band_limit_p` and `sound_codec_p`, done in this order; None: not done.

    cut: where the band ends, from 0, its lowest place, to 1. codec, bit_rate: of the codec.
    """

    cut: float | None = None
    codec: recode.SoundCodec | None = None
    bit_rate: int = 0

    def __call__(self, samples: np.ndarray, rate_hz: int) -> np.ndarray:
        """Samples float32 (N,) → the same shape, in step with them. Raises InputError for a rate that the
        codec does not take."""
        if self.cut is not None and len(samples) > 1:
            highest = HIGHEST_CUT * rate_hz / 2
            lowest = min(LOWEST_CUT_HZ, highest)
            cut_hz = lowest + self.cut * (highest - lowest)
            # Butterworth's response of order 16, without delay.
            samples = filtered(samples, rate_hz, lambda hz: 1 / np.sqrt(1 + (hz / cut_hz) ** 32))
        if self.codec is not None:
            samples = recode.through_sound_codec(samples, rate_hz, self.codec, self.bit_rate)
        return samples


def draw_frame_degradation(settings: config.AugmentSettings, rng: np.random.Generator) -> FrameDegradation:
    """What a clip's frames get. A change whose probability is 0 draws nothing."""
    gamma = share = quantiser = None
    down, up = DOWN[0], UP[0]
    if settings.gamma_p and rng.random() < settings.gamma_p:
        gamma = float(np.exp(rng.uniform(*np.log(GAMMAS))))
    if settings.rescale_p and rng.random() < settings.rescale_p:
        share = float(rng.uniform(*RESCALES))
        down, up = DOWN[int(rng.integers(len(DOWN)))], UP[int(rng.integers(len(UP)))]
    if settings.h264_p and rng.random() < settings.h264_p:
        quantiser = int(rng.integers(*QUANTISERS, endpoint=True))
    return FrameDegradation(gamma, share, down, up, quantiser)


def draw_wave_degradation(settings: config.AugmentSettings, rng: np.random.Generator) -> WaveDegradation:
    """What a clip's sound gets. A change whose probability is 0 draws nothing."""
    cut = codec = None
    bit_rate = 0
    if settings.band_limit_p and rng.random() < settings.band_limit_p:
        cut = float(rng.random())
    if settings.sound_codec_p and rng.random() < settings.sound_codec_p:
        codec = recode.SOUND_CODECS[int(rng.integers(len(recode.SOUND_CODECS)))]
        bit_rate = round(float(np.exp(rng.uniform(*np.log(SOUND_BITS)))))
    return WaveDegradation(cut, codec, bit_rate)
