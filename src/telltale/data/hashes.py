"""Perceptual hashes of a clip's pictures and sound: bits that a copy of the clip has too.

bits = of_pictures(frames.pixels)       # uint8 (V, B): the whole frame and V - 1 crops of it
bits = of_sound(wave.samples)           # uint8 (C,)

A picture's bits are the signs of the low frequencies of its cosine transform, as of pHash (Zauner, 2010), but
of what moves: of each frame less the mean frame. Two clips of one person in one room have nearly the same
mean frame, and the same movement only if they are copies. The sound's bits are the signs of differences of
mel energies along frequency and time (Haitsma and Kalker, ISMIR 2002).
"""

import functools

import numpy as np
from numpy.typing import NDArray

FRAMES = 12
# Frequencies along each axis, without the constant one.
SIZE = 6
SIDE = 32
# Windows (left, top, width, height), shares of the frame, of which a crop may have kept one: sides down to
# 0.85, at nine places each.
KEPT = (0.925, 0.85)
WINDOWS = (
    (0.0, 0.0, 1.0, 1.0),
    *(
        (x * (1 - side), y * (1 - side), side, side)
        for side in KEPT
        for y in (0, 0.5, 1)
        for x in (0, 0.5, 1)
    ),
)
PICTURE_BITS = (FRAMES + 1) * (SIZE * SIZE - 1)
# Mean change between frames, in grey levels of 255, below which there is nothing but noise.
STILL = 0.4
# Bands and columns of the sound's hash.
BANDS, COLUMNS = 17, 33
SOUND_BITS = (BANDS - 1) * (COLUMNS - 1)
# Root mean square below which sound is silence.
SILENT = 1e-3


def _mirror() -> NDArray[np.uint8]:
    """The bits that a mirror image has inverted: those of odd frequencies from left to right."""
    odd = np.tile(np.arange(SIZE) % 2 == 1, (SIZE, 1)).ravel()[1:]
    return np.packbits(np.tile(odd, FRAMES + 1))


MIRROR = _mirror()


def of_pictures(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Packed bits of each of WINDOWS, uint8 (V, B); None if nothing moves, or if frames are missing.

    pixels: uint8 (FRAMES, H, W, 3) RGB.
    """
    import cv2
    from scipy.fft import dctn

    if len(pixels) != FRAMES:
        return None
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in pixels]
    high, wide = grey[0].shape
    bits: list[NDArray[np.uint8]] = []
    for left, top, width, height in WINDOWS:
        y, x = round(top * high), round(left * wide)
        below, right = y + round(height * high), x + round(width * wide)
        small = np.stack(
            [
                cv2.resize(frame[y:below, x:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
                for frame in grey
            ]
        ).astype(np.float32)
        mean = small.mean(0)
        if not bits and np.abs(small - mean).mean() < STILL:
            return None
        waves = dctn(np.concatenate([small - mean, mean[None]]), axes=(1, 2), norm="ortho")
        low = waves[:, :SIZE, :SIZE].reshape(FRAMES + 1, -1)[:, 1:]
        bits.append(np.packbits(low > 0))
    return np.stack(bits)


def of_sound(samples: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Packed bits, uint8 (C,); None for silence. samples: float32 (N,), mono at 8 kHz."""
    import scipy.signal

    if len(samples) < 8 * COLUMNS or np.sqrt(np.mean(samples**2)) < SILENT:
        return None
    # A window covers an eighth of the sound: a copy may come some hundredths of a second late.
    window = len(samples) // 8
    hop = (len(samples) - window) / (COLUMNS - 1)
    starts = np.round(np.arange(COLUMNS) * hop).astype(int)
    parts = np.stack([samples[at : at + window] for at in starts]) * scipy.signal.windows.hann(window)
    power = np.abs(np.fft.rfft(parts, axis=1)) ** 2
    energy = np.log(power @ _bands(power.shape[1]) + 1e-9)
    # Slowly varying parts cancel: loudness along frequency, the room's colour along time.
    slope = np.diff(energy, axis=1)
    return np.packbits(np.diff(slope, axis=0) > 0)


@functools.lru_cache(maxsize=8)
def _bands(count: int) -> NDArray[np.float64]:
    """Sums of `count` frequencies up to 4 kHz in bands, equally wide in mel from 200 to 3500 Hz,
    (F, BANDS)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (200.0, 3500.0))
    mel = np.linspace(low, high, BANDS + 1)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hz = np.linspace(0, 4000, count)
    return ((hz[:, None] >= edges[:-1]) & (hz[:, None] < edges[1:])).astype(float)
