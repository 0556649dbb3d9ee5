"""Source-filter vocoders: pulses at the pitch and noise, through a filter that changes with time.

`whole voice = source * envelope`, as in Dudley's vocoder (1939), LPC-10 (1982) and WORLD (Morise, 2016). Each
public function is a `sound_scene.Change`: (rng, sound, scene) to as many samples.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, linalg, ndimage, signal

from telltale.demo.speech import RATE_HZ
from telltale.zoo import sound_spectra as spectra
from telltale.zoo.sound_scene import SoundScene

WINDOW, HOP = 1024, 256
LOWEST_HZ, HIGHEST_HZ = 65.0, 400.0
VOICED = 0.45  # periodicity above which a frame counts as voiced


@dataclass(frozen=True)
class Track:
    """The pitch of a recording, one value a frame of spectra.analyse(sound, WINDOW).

    hz: (frames,), interpolated over frames without a voice.
    periodicity: (frames,) in 0..1.
    """

    hz: np.ndarray
    periodicity: np.ndarray

    @property
    def voiced(self) -> np.ndarray:
        """(frames,) bool; the most periodic frame is always voiced."""
        return self.periodicity >= min(VOICED, float(self.periodicity.max()))


def track(spectrum: np.ndarray) -> Track:
    """The pitch by the highest peak of the autocorrelation, from the spectrum (WINDOW // 2 + 1, frames)."""
    window = signal.windows.hann(WINDOW, sym=False)
    own = fft.irfft(np.abs(fft.rfft(window)) ** 2)[: WINDOW // 2]
    power = np.abs(spectrum) ** 2
    # A low-pass filter at 2 kHz, because the hiss of s and sh is no pitch.
    power = power / (1 + (np.arange(len(power)) * RATE_HZ / WINDOW / 2000.0)[:, None] ** 8)
    correlation = fft.irfft(power, axis=0)[: WINDOW // 2]
    correlation = correlation / (np.maximum(correlation[:1], 1e-12) * (own / own[0])[:, None])
    first, last = round(RATE_HZ / HIGHEST_HZ), round(RATE_HZ / LOWEST_HZ)
    # Slightly in favour of short lags, because twice the period has a peak of the same height.
    weighted = correlation[first:last] * (1 - 0.0006 * np.arange(last - first))[:, None]
    lag = first + np.argmax(weighted, axis=0)
    columns = np.arange(len(lag))
    left, middle, right = (correlation[lag + step, columns] for step in (-1, 0, 1))
    bend = 2 * middle - left - right
    offset = np.where(bend > 1e-9, 0.5 * (right - left) / np.maximum(bend, 1e-9), 0.0)
    hz = ndimage.median_filter(RATE_HZ / (lag + np.clip(offset, -0.5, 0.5)), 5)
    found = Track(hz, ndimage.median_filter(np.clip(middle, 0, 1), 3))
    spoken = np.flatnonzero(found.voiced)
    return Track(np.interp(columns, spoken, hz[spoken]), found.periodicity)


def mixed_excitation(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """WORLD-type: a smoothed cepstral envelope; pulses below 2 to 6 kHz, noise above and in gaps."""
    spectrum = spectra.analyse(sound, WINDOW)
    pitch = track(spectrum)
    log_envelope = spectra.envelope(np.abs(spectrum), float(np.median(pitch.hz)), int(rng.integers(40, 90)))
    log_envelope = ndimage.uniform_filter1d(log_envelope, int(rng.integers(1, 4)), axis=1)
    cents = rng.uniform(0, 60)  # the pitch in steps, as of a coarse code
    hz = pitch.hz if cents < 15 else 2 ** (np.round(np.log2(pitch.hz) * 1200 / cents) * cents / 1200)
    harmonic = harmonic_share(pitch, rng.uniform(2000, 6000), len(log_envelope))
    return excited(rng, minimum_phase(log_envelope), hz, harmonic, len(sound))


def lpc(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """LPC-10-type: linear prediction of order 12 to 26; a frame's source is pulses, or it is noise."""
    spectrum = spectra.analyse(sound, WINDOW)
    pitch, order = track(spectrum), int(rng.integers(12, 27))
    lags = fft.irfft(np.abs(spectrum) ** 2, axis=0)[: order + 1].T.astype(np.float64)
    lags[:, 0] = lags[:, 0] * (1 + 1e-5) + 1e-9
    predictors = np.stack([linalg.solve_toeplitz(r[:-1], r[1:]) for r in lags])
    errors = np.maximum(lags[:, 0] - np.sum(predictors * lags[:, 1:], axis=1), 1e-12)
    inverse = np.concatenate([np.ones((len(lags), 1)), -predictors], axis=1)
    response = (np.sqrt(errors)[:, None] / fft.rfft(inverse, WINDOW, axis=1)).T
    harmonic = np.broadcast_to(pitch.voiced, response.shape).astype(np.float64)
    return excited(rng, response, pitch.hz, harmonic, len(sound))


def mel_excitation(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """The filter from 20 to 40 mel bands alone; pulses below 2.5 to 5 kHz, noise above and in gaps."""
    spectrum = spectra.analyse(sound, WINDOW)
    pitch = track(spectrum)
    filters = spectra.mel_filters(int(rng.integers(20, 41)), WINDOW)
    means = filters @ np.abs(spectrum) ** 2 / filters.sum(axis=1, keepdims=True)
    centres = filters @ np.arange(filters.shape[1]) / filters.sum(axis=1)
    at = np.interp(np.arange(filters.shape[1]), centres, np.arange(len(centres)))
    low, share = np.minimum(at.astype(int), len(centres) - 2), (at % 1)[:, None]
    logs = 0.5 * np.log(means + 1e-12)
    log_envelope = logs[low] * (1 - share) + logs[low + 1] * share
    # No band's centre lies beyond the outermost two: the spectrum's own envelope goes on there.
    outside = (np.arange(len(at)) < centres[0]) | (np.arange(len(at)) > centres[-1])
    log_envelope[outside] = spectra.envelope(np.abs(spectrum), 60.0, 90)[outside]
    harmonic = harmonic_share(pitch, rng.uniform(2500, 5000), len(log_envelope))
    return excited(rng, minimum_phase(log_envelope), pitch.hz, harmonic, len(sound))


def noise_excitation(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Whispered: the voice's envelope, or 12 to 24 mel bands, with noise as the only source."""
    spectrum = spectra.analyse(sound, WINDOW)
    if rng.random() < 0.5:
        log_envelope = spectra.envelope(np.abs(spectrum), 150.0, int(rng.integers(25, 60)))
    else:
        filters = spectra.mel_filters(int(rng.integers(12, 25)), WINDOW)
        sums = np.maximum(filters.T @ filters.sum(axis=1), 1e-9)[:, None]
        power = np.abs(spectrum) ** 2
        log_envelope = 0.5 * np.log(filters.T @ (filters @ power) / sums + 1e-12)
    hz, silent = np.full(len(spectrum.T), 100.0), np.zeros_like(log_envelope)
    return excited(rng, minimum_phase(log_envelope), hz, silent, len(sound))


def excited(
    rng: np.random.Generator, response: np.ndarray, hz: np.ndarray, harmonic: np.ndarray, count: int
) -> np.ndarray:
    """Pulses at the pitch and noise through a filter that changes with time: (count,).

    response: complex (bins, frames) of WINDOW, relative to a source of power 1 a sample.
    hz: the pitch (frames,).
    harmonic: share of the pulses in the source, (bins, frames) in 0..1; the remainder is noise.
    """
    at = np.arange(count) / HOP
    cycles = np.cumsum(np.interp(at, np.arange(len(hz)), hz)) / RATE_HZ + rng.random()
    begins = np.flatnonzero(np.diff(np.floor(cycles), prepend=0.0) > 0)
    pulses = np.zeros(count + 1)
    advance = np.maximum(np.diff(cycles, prepend=cycles[0] - 1e-3)[begins], 1e-6)
    late = np.clip((cycles[begins] % 1) / advance, 0, 1)  # a pulse between two samples is split among them
    height = np.sqrt(1 / advance)
    pulses[begins] += height * (1 - late)
    pulses[np.maximum(begins - 1, 0)] += height * late
    total = response * harmonic * spectra.analyse(pulses[:count], WINDOW)
    total += response * np.sqrt(1 - harmonic**2) * spectra.analyse(rng.standard_normal(count), WINDOW)
    return spectra.synthesise(total, count)


def minimum_phase(log_envelope: np.ndarray) -> np.ndarray:
    """The filter of minimum phase with this magnitude: complex (bins, frames)."""
    cepstrum = fft.irfft(log_envelope, axis=0)
    half = len(cepstrum) // 2
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    return np.exp(fft.rfft(cepstrum, axis=0))


def harmonic_share(pitch: Track, highest_hz: float, bins: int) -> np.ndarray:
    """(bins, frames): near 1 in voiced frames below `highest_hz`, 0 in others and far above it."""
    hz = np.arange(bins) * RATE_HZ / WINDOW
    falling = 1 / (1 + np.exp((hz - highest_hz) / 400.0))
    voiced = ndimage.uniform_filter1d(pitch.voiced.astype(np.float64), 3)
    return falling[:, None] * voiced * np.sqrt(np.clip(pitch.periodicity, 0, 1))
