"""Forgeries of the sound. `clip.py` replaces and shifts sound itself, which needs no signal processing.

    voice_resynthesised  as by a vocoder: the spectrum reduced to bands, the phases estimated again
    voice_converted      pitch and formants moved together, by a phase vocoder and resampling

Samples are float32 (N,) in -1..1 at RATE_HZ.
"""

import numpy as np
from scipy import signal

from telltale.demo.speech import RATE_HZ

WINDOW, HOP = 512, 128


def resynthesise(
    rng: np.random.Generator, samples: np.ndarray, bands: int = 40, rounds: int = 2
) -> np.ndarray:
    """Reconstruct the sound from its energies in mel bands, with phases by Griffin and Lim's algorithm.

    bands: number of mel bands.
    rounds: iterations of the algorithm.
    """
    pool = _bands(bands)
    magnitude = np.abs(_analyse(samples))
    energies = pool @ magnitude**2
    magnitude = np.sqrt(pool.T @ (energies / pool.sum(axis=1, keepdims=True)))
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(rounds):
        again = _analyse(_synthesise(magnitude * phase, len(samples)))
        phase = again / np.maximum(np.abs(again), 1e-9)
    return _as_loud_as(samples, _synthesise(magnitude * phase, len(samples)))


def convert_voice(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """The same speech at the same times in another voice: higher or lower by a factor of 1.18 to 1.4."""
    factor = rng.uniform(1.18, 1.4) ** (1 if rng.random() < 0.5 else -1)
    spectrum = _analyse(samples)
    at = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    low, share = at.astype(int), at % 1
    magnitude = np.abs(spectrum[:, low]) * (1 - share) + np.abs(spectrum[:, low + 1]) * share
    expected = 2 * np.pi * HOP * np.arange(WINDOW // 2 + 1)[:, None] / WINDOW
    advance = np.angle(spectrum[:, low + 1]) - np.angle(spectrum[:, low]) - expected
    advance = expected + (advance + np.pi) % (2 * np.pi) - np.pi
    phase = np.angle(spectrum[:, :1]) + np.concatenate(
        [np.zeros_like(advance[:, :1]), np.cumsum(advance[:, :-1], axis=1)], axis=1
    )
    stretched = _synthesise(magnitude * np.exp(1j * phase), round(len(samples) * factor))
    read_at = np.arange(len(samples)) * factor
    if factor > 1:  # a low-pass filter against aliasing
        low_pass = signal.butter(8, 0.95 / factor, output="sos")
        stretched = signal.sosfiltfilt(low_pass, stretched)
    return _as_loud_as(samples, np.interp(read_at, np.arange(len(stretched)), stretched))


def _analyse(samples: np.ndarray) -> np.ndarray:
    """Complex spectra (WINDOW // 2 + 1, frames) of windows whose centres are HOP samples apart."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW // 2 + HOP), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.fft.rfft(frames * _window(), axis=1).T


def _synthesise(spectrum: np.ndarray, count: int) -> np.ndarray:
    """The inverse of `_analyse` by overlap-add: (count,) samples."""
    frames = np.fft.irfft(spectrum.T, WINDOW, axis=1) * _window()
    out = np.zeros((len(frames) - 1) * HOP + WINDOW)
    weight = np.zeros_like(out)
    for step in range(WINDOW // HOP):  # each pass adds windows that do not overlap
        for total, part in (
            (out, frames[step :: WINDOW // HOP]),
            (weight, np.broadcast_to(_window() ** 2, frames.shape)[step :: WINDOW // HOP]),
        ):
            total[step * HOP : step * HOP + part.size] += part.reshape(-1)
    out = (out / np.maximum(weight, 1e-3))[WINDOW // 2 :]
    return np.pad(out, (0, max(0, count - len(out))))[:count]


def _window() -> np.ndarray:
    return signal.windows.hann(WINDOW, sym=False)


def _bands(count: int) -> np.ndarray:
    """(count, WINDOW // 2 + 1) triangles spaced evenly in mel over the whole spectrum."""
    hz = np.linspace(0, RATE_HZ / 2, WINDOW // 2 + 1)
    edges = 700 * (10 ** (np.linspace(0, np.log10(1 + RATE_HZ / 2 / 700), count + 2)) - 1)
    # A triangle narrower than a bin could contain no bin, so each reaches at least one bin to either side.
    width = np.maximum(np.diff(edges), hz[1])
    rising = (hz - edges[1:-1, None]) / width[:-1, None] + 1
    falling = (edges[1:-1, None] - hz) / width[1:, None] + 1
    return np.clip(np.minimum(rising, falling), 0, None)


def _as_loud_as(reference: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """`samples` with the level of `reference`, so that the level does not reveal a forgery."""
    gain = np.sqrt(np.mean(reference**2) / (np.mean(samples**2) + 1e-12))
    return np.clip(samples * gain, -0.98, 0.98).astype(np.float32)
