"""Spectra of sound and back: mel bands, phases for a magnitude spectrum, envelopes, and room noise.

A spectrum is complex64 (bins, frames) as of `librosa.stft`, with a window of `2 * (bins - 1)` samples and a
hop of a quarter of it.
"""

from functools import cache

import numpy as np
from scipy import fft, ndimage

from telltale.demo.speech import RATE_HZ


def analyse(sound: np.ndarray, window: int) -> np.ndarray:
    """The spectrum, complex64 (window // 2 + 1, frames)."""
    import librosa

    return librosa.stft(np.asarray(sound, np.float32), n_fft=window, hop_length=window // 4)


def synthesise(spectrum: np.ndarray, count: int) -> np.ndarray:
    """The inverse of `analyse`: float32 (count,)."""
    import librosa

    hop = (spectrum.shape[0] - 1) // 2
    return librosa.istft(spectrum.astype(np.complex64), hop_length=hop, length=count)


@cache
def mel_filters(bands: int, window: int) -> np.ndarray:
    """librosa's mel filters over the whole band, float32 (bands, bins)."""
    from librosa.filters import mel

    return mel(sr=RATE_HZ, n_fft=window, n_mels=bands)


@cache
def mel_inverse(bands: int, window: int) -> np.ndarray:
    """The pseudo-inverse of `mel_filters`, (bins, bands)."""
    return np.linalg.pinv(mel_filters(bands, window))


def through_mel(power: np.ndarray, bands: int) -> np.ndarray:
    """Magnitudes (bins, frames) again from the energies in mel bands of `power`, (bins, frames).

    The pseudo-inverse gives some negative powers. They become 2 % of the mean over the bands around them.
    """
    window = 2 * (power.shape[0] - 1)
    filters = mel_filters(bands, window)
    energies = filters @ power
    smooth = filters.T @ energies / np.maximum(filters.T @ filters.sum(axis=1), 1e-9)[:, None]
    return np.sqrt(np.maximum(mel_inverse(bands, window) @ energies, 0.02 * smooth))


def griffin_lim(magnitude: np.ndarray, phase: np.ndarray, rounds: int, count: int) -> np.ndarray:
    """Sound with about this magnitude spectrum, float32 (count,).

    phase: unit complex numbers to start from, (bins, frames).
    rounds: iterations; 0 takes the phases as they are.
    Griffin and Lim (1984), with the momentum of Perraudin, Balazs and Soendergaard (2013).
    """
    window, before = 2 * (magnitude.shape[0] - 1), np.zeros_like(phase)
    for _ in range(rounds):
        again = analyse(synthesise(magnitude * phase, count), window)
        phase = again + np.float32(0.9) * (again - before)
        phase /= np.maximum(np.abs(phase), 1e-9)
        before = again
    return synthesise(magnitude * phase, count)


def random_phase(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Unit complex numbers, complex64."""
    return np.exp(2j * np.pi * rng.random(shape, dtype=np.float32)).astype(np.complex64)


def running_phase(magnitude: np.ndarray) -> np.ndarray:
    """Phases in one pass: each peak of a frame is a sinusoid that goes on from the frame before it.

    magnitude: (bins, frames).
    After Beauregard, Harish and Wyse, "Single pass spectrogram inversion" (2015).
    """
    bins, frames = magnitude.shape
    turn = np.pi / 2  # phase advance of one bin's frequency in a hop of a quarter of the window
    k = np.arange(bins)
    angles = np.zeros((bins, frames))
    angle = np.zeros(bins)
    inner = (magnitude[1:-1] >= magnitude[:-2]) & (magnitude[1:-1] > magnitude[2:])
    for t in range(frames):
        peaks = np.flatnonzero(inner[:, t]) + 1
        if len(peaks):
            left, middle, right = (magnitude[peaks + step, t] for step in (-1, 0, 1))
            offset = 0.5 * (left - right) / np.maximum(2 * middle - left - right, 1e-9)
            owner = np.searchsorted((peaks[1:] + peaks[:-1]) / 2, k)
            peak_angle = angle[peaks] + turn * (peaks + np.clip(offset, -0.5, 0.5))
            # Neighbouring bins of a sinusoid differ by pi, because time 0 is the beginning of the window.
            angle = peak_angle[owner] + np.pi * (k - peaks[owner])
        angles[:, t] = angle = angle % (2 * np.pi)
    return np.exp(1j * angles).astype(np.complex64)


def envelope(magnitude: np.ndarray, pitch_hz: float, detail: int) -> np.ndarray:
    """Natural logarithm of the spectral envelope, (bins, frames).

    The power is averaged over the width of the pitch, so that single harmonics vanish, and the logarithm is
    smoothed by keeping the first `detail` coefficients of its cepstrum (cf. Morise, "CheapTrick", 2015).
    """
    bin_hz = RATE_HZ / 2 / (magnitude.shape[0] - 1)
    power = ndimage.uniform_filter1d(magnitude**2, max(1, round(pitch_hz / bin_hz)), axis=0)
    cepstrum = fft.dct(0.5 * np.log(power + 1e-12), type=1, axis=0)
    cepstrum[detail:] = 0
    return fft.idct(cepstrum, type=1, axis=0)


def room_noise(rng: np.random.Generator, power: np.ndarray, count: int) -> np.ndarray:
    """Noise with the spectrum that `noise_floor` gives: float32 (count,)."""
    shape = (len(power), 1 + count // 128)
    noise = rng.standard_normal((2, *shape), dtype=np.float32)
    spectrum = np.sqrt(power / 2)[:, None] * (noise[0] + 1j * noise[1])
    # Overlap-add of independent frames averages them: with Hann windows and a hop of a quarter, it keeps a
    # quarter of the power.
    return synthesise(2 * spectrum, count)


def noise_floor(sound: np.ndarray) -> np.ndarray:
    """Mean power in each bin of a window of 512, (257,), over the quietest 4 % of the frames."""
    power = np.abs(analyse(sound, 512)) ** 2
    # Logarithms over several frames, because a minimum of the power itself favours frames by chance.
    loudness = ndimage.uniform_filter1d(np.log(power + 1e-12).mean(axis=0), 5)
    quiet = np.argsort(loudness, kind="stable")[: max(4, len(loudness) // 25)]
    return ndimage.uniform_filter1d(power[:, quiet].mean(axis=1), 5)
