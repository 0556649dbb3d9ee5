"""Short spectra of sound and back, and changes of sound by its spectra.

A spectrum is complex64 (columns, bins): Hann windows of a power of two of samples, every quarter of a window.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Spectrum = NDArray[np.complex64]
Samples = NDArray[np.float32]


def window_length(rate_hz: int, seconds: float) -> int:
    """The power of two of samples that is nearest to `seconds`, at least 64."""
    return int(max(64, 2 ** round(np.log2(seconds * rate_hz))))


def analyse(samples: Samples, window: int) -> Spectrum:
    """Samples (N,) → (columns, window / 2 + 1)."""
    from scipy import (
        fft,
    )  # not at the top: the import takes a second, and detectors of pictures do not need it

    hop = window // 4
    # One window of silence in front, and enough behind, so that four windows lie over each sample.
    padded = np.zeros(window + (-(-len(samples) // hop) + 4) * hop, np.float32)
    padded[window : window + len(samples)] = samples
    columns = sliding_window_view(padded, window)[::hop]
    return np.asarray(fft.rfft(columns * _hann(window), axis=1))


def synthesise(spectrum: Spectrum, count: int) -> Samples:
    """The inverse of `analyse`: float32 (count,)."""
    from scipy import fft

    window = 2 * (spectrum.shape[1] - 1)
    hop = window // 4
    parts = fft.irfft(spectrum, window, axis=1) * (_hann(window) / np.float32(1.5))
    added = np.zeros((len(parts) + 3, hop), np.float32)
    for quarter in range(4):
        added[quarter : quarter + len(parts)] += parts[:, quarter * hop : (quarter + 1) * hop]
    return np.ascontiguousarray(added.reshape(-1)[window : window + count])


def griffin_lim(magnitude: np.ndarray, phases: Spectrum, rounds: int, count: int) -> Samples:
    """Sound with about these magnitudes (columns, bins), float32 (count,).

    phases: complex numbers of any size whose angles are the first guess.
    rounds: of Griffin and Lim (1984); each makes sound of the guess and takes that sound's phases.
    """
    window = 2 * (magnitude.shape[1] - 1)
    guess = _with_phases(magnitude, phases)
    for _ in range(rounds):
        guess = _with_phases(magnitude, analyse(synthesise(guess, count), window))
    return synthesise(guess, count)


def random_phases(shape: tuple[int, ...], rng: np.random.Generator) -> Spectrum:
    """Unit complex numbers, complex64."""
    return np.exp(np.complex64(2j * np.pi) * rng.random(shape, np.float32))


def stretched(samples: Samples, rate: float, window: int, keep: float = 1.0) -> Samples:
    """Sound `rate` times as fast at the same pitch, by a phase vocoder (Flanagan and Golden, 1966).

    keep: the share of the band that is kept, from below.
    """
    spectrum = analyse(samples, window)
    spectrum[:, int(keep * (spectrum.shape[1] - 1)) + 1 :] = 0
    magnitude = np.abs(spectrum)
    # From one column to the next each bin turns as it did in the sound, whatever the speed.
    turns = np.angle(spectrum[1:] * spectrum[:-1].conj())
    places = np.arange(0, len(spectrum) - 1, rate)
    first = places.astype(int)
    share = (places - first).astype(np.float32)[:, None]
    size = (1 - share) * magnitude[first] + share * magnitude[first + 1]
    angles = np.zeros(size.shape)
    np.cumsum(turns[first[:-1]], axis=0, out=angles[1:])
    # The phases are right at the loudest column. Those of silence say nothing.
    loudest = int(size.sum(axis=1).argmax())
    angles += np.angle(spectrum[first[loudest]]) - angles[loudest]
    # The silence in front is stretched, too: sample 0 of the sound was at one window.
    window_in_front = round(window / rate)
    count = round(len(samples) / rate)
    made = synthesise((size * np.exp(1j * angles)).astype(np.complex64), count + window_in_front)
    return _delayed(made, window_in_front - window, count)


def read_at(samples: Samples, places: np.ndarray) -> Samples:
    """Samples between samples, by cubic interpolation; 0 outside of the sound."""
    padded = np.concatenate([np.zeros(2, np.float32), samples, np.zeros(3, np.float32)])
    places = np.clip(places, -1, len(samples)) + 2
    low = places.astype(int)
    share = (places - low).astype(np.float32)
    before, here, after, later = (padded[low + step] for step in (-1, 0, 1, 2))
    return here + np.float32(0.5) * share * (
        after
        - before
        + share * (2 * before - 5 * here + 4 * after - later + share * (3 * (here - after) + later - before))
    )


def pitch_shifted(samples: Samples, ratio: float, window: int) -> Samples:
    """Sound whose frequencies are `ratio` times as high, and as long as before: a phase vocoder, then
    resampling."""
    slow = stretched(samples, 1 / ratio, window, keep=min(1.0, 1 / ratio))
    return read_at(slow, np.arange(len(samples)) * ratio)


@cache
def mel_bands(bands: int, bins: int, rate_hz: int) -> NDArray[np.float32]:
    """Triangular filters of equal width on the mel scale over the whole band, (bands, bins), each of which
    sums to 1."""
    top = 2595 * np.log10(1 + rate_hz / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    hz = np.linspace(0, rate_hz / 2, bins)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.maximum(np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)), 0)
    # The lowest filters may lie between two bins.
    narrow = filters.sum(1) == 0
    filters[narrow, np.abs(hz - middle[narrow]).argmin(1)] = 1
    return np.asarray(filters / filters.sum(1, keepdims=True), np.float32)


def through_mel(magnitude: np.ndarray, bands: int, rate_hz: int) -> np.ndarray:
    """Magnitudes (columns, bins) again from their powers in mel bands, by six multiplicative updates (Lee and
    Seung, 2001)."""
    filters = mel_bands(bands, magnitude.shape[1], rate_hz)
    wanted = np.square(magnitude) @ filters.T
    power = wanted @ filters / np.maximum(filters.sum(0), 1e-6)
    reached = wanted @ filters
    for _ in range(6):
        power *= reached / np.maximum((power @ filters.T) @ filters, 1e-12)
    return np.sqrt(power)


def envelope(magnitude: np.ndarray, rate_hz: int) -> np.ndarray:
    """Natural logarithm of the magnitudes (columns, bins), smoothed over about 400 Hz, so that harmonics
    vanish and formants stay."""
    from scipy.ndimage import uniform_filter1d

    width = max(round(400 / (rate_hz / 2) * (magnitude.shape[1] - 1)), 3)
    log = np.log(magnitude + 1e-6)
    return uniform_filter1d(uniform_filter1d(log, width, axis=1), width // 2 + 1, axis=1)


def filtered(samples: Samples, rate_hz: int, gain: Callable[[np.ndarray], np.ndarray]) -> Samples:
    """Samples (N,) → the same shape through a filter without delay. gain: frequencies in Hz (K,) → factors
    (K,)."""
    from scipy import fft

    # The ends are mirrored, so that they do not meet.
    edge = min(len(samples) - 1, rate_hz // 8)
    padded = np.pad(samples, edge, mode="reflect")
    size = fft.next_fast_len(len(padded), real=True)
    spectrum = fft.rfft(padded, size)
    spectrum *= gain(fft.rfftfreq(size, 1 / rate_hz)).astype(np.float32)
    return np.ascontiguousarray(fft.irfft(spectrum, size)[edge : edge + len(samples)], np.float32)


def decibels_apart(one: Samples, other: Samples, rate_hz: int) -> float:
    """The mean distance of the spectra of two sounds of the same length, in dB. What is 60 dB below the
    loudest is as good as silence."""
    window = window_length(rate_hz, 0.032)
    powers = [np.square(np.abs(analyse(each, window)[::2])) for each in (one, other)]
    floor = max(float(powers[0].max()) * 1e-6, 1e-12)
    return float(np.abs(10 * np.log10((powers[0] + floor) / (powers[1] + floor))).mean())


def _with_phases(magnitude: np.ndarray, phases: Spectrum) -> Spectrum:
    size = np.abs(phases)
    return np.asarray(magnitude * phases / np.maximum(size, np.float32(1e-9)), np.complex64)


def _delayed(samples: Samples, lead: int, count: int) -> Samples:
    """`count` samples from sample `lead` on; zeros before the first."""
    whole = np.pad(samples, (max(-lead, 0), 0))[max(lead, 0) :]
    return np.pad(whole, (0, max(count - len(whole), 0)))[:count]


@cache
def _hann(window: int) -> NDArray[np.float32]:
    return np.hanning(window + 1)[:-1].astype(np.float32)
