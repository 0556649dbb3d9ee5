"""Spectra: there and back, and what each change of sound is said to do."""

import numpy as np
import pytest
from materials import wave

from telltale.forge import spectra

RATE_HZ = 16_000


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """The loudest frequency in Hz."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(power.argmax() * RATE_HZ / 8 / len(samples))


def loudness(samples: np.ndarray) -> np.ndarray:
    """RMS of 20 ms each."""
    return np.sqrt(np.square(samples[: len(samples) // 320 * 320].reshape(-1, 320)).mean(1))


@pytest.mark.parametrize("count", [1, 100, 5000, 16_001])
@pytest.mark.parametrize("window", [128, 512, 1024])
def test_there_and_back(count: int, window: int) -> None:
    given = wave(1, 1.1, RATE_HZ)[:count]
    spectrum = spectra.analyse(given, window)
    assert spectrum.dtype == np.complex64 and spectrum.shape[1] == window // 2 + 1
    back = spectra.synthesise(spectrum, len(given))
    assert back.dtype == np.float32 and np.abs(back - given).max() < 1e-6


def test_windows_are_powers_of_two() -> None:
    assert [spectra.window_length(rate, 0.032) for rate in (8_000, 16_000, 44_100)] == [256, 512, 1024]
    assert spectra.window_length(100, 0.03) == 64


def test_griffin_and_lim_keep_the_spectrum_and_lose_the_wave() -> None:
    given = wave(2, 1.0, RATE_HZ)
    magnitude = np.abs(spectra.analyse(given, 512))
    phases = spectra.random_phases(magnitude.shape, rng())
    errors = []
    for rounds in (0, 2, 8):
        made = spectra.griffin_lim(magnitude, phases, rounds, len(given))
        again = np.abs(spectra.analyse(made, 512))
        errors.append(float(np.square(again - magnitude).sum() / np.square(magnitude).sum()))
        assert np.corrcoef(made, given)[0, 1] < 0.5
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.2


def test_stretching_keeps_the_pitch_and_moves_in_time() -> None:
    swelling = tone(400) * np.linspace(0.05, 1, RATE_HZ, dtype=np.float32)
    for rate in (0.7, 1.0, 1.4):
        made = spectra.stretched(swelling, rate, 512)
        assert len(made) == round(RATE_HZ / rate) and made.dtype == np.float32
        assert abs(pitch(made) - 400) < 3
        wanted = np.interp(np.linspace(0, 1, len(loudness(made))), [0, 1], [0.05, 1]) * 0.3 / np.sqrt(2)
        assert np.abs(loudness(made) - wanted)[2:-3].max() < 0.03
    assert np.abs(spectra.stretched(swelling, 1.0, 512) - swelling).max() < 1e-4


def test_pitch_moves_and_time_does_not() -> None:
    given = tone(500) * np.linspace(0.2, 1, RATE_HZ, dtype=np.float32)
    for ratio in (0.8, 1.25):
        made = spectra.pitch_shifted(given, ratio, 512)
        assert len(made) == len(given) and abs(pitch(made) - 500 * ratio) < 4
        assert np.abs(loudness(made) - loudness(given))[3:-3].max() < 0.03
    # What would fold over the end of the band is left out.
    high = spectra.pitch_shifted(tone(7_000), 1.4, 512)
    assert np.abs(high).max() < 0.05


def test_reading_between_samples() -> None:
    given = tone(300)
    assert np.array_equal(spectra.read_at(given, np.arange(len(given))), given)
    between = spectra.read_at(given, np.arange(10, 5000) + 0.5)
    wanted = 0.3 * np.sin(2 * np.pi * 300 * (np.arange(10, 5000) + 0.5) / RATE_HZ)
    assert np.abs(between - wanted).max() < 1e-4
    assert not spectra.read_at(given, np.array([-50.0, 1e6])).any()


@pytest.mark.parametrize("bands", [8, 40, 80])
def test_mel_bands_cover_everything_and_their_powers_are_kept(bands: int) -> None:
    filters = spectra.mel_bands(bands, 257, RATE_HZ)
    assert filters.shape == (bands, 257) and np.allclose(filters.sum(1), 1, atol=1e-5)
    assert (filters.sum(0)[1:-1] > 0).mean() > 0.8
    magnitude = np.abs(spectra.analyse(wave(3, 0.5, RATE_HZ), 512)) + 1e-4
    made = spectra.through_mel(magnitude, bands, RATE_HZ)
    assert made.shape == magnitude.shape and np.isfinite(made).all() and made.min() >= 0
    before, after = (np.square(each) @ filters.T for each in (magnitude, made))
    assert np.abs(np.log(after.sum(0) / before.sum(0))).max() < 0.7
    # Harmonics are lost as bands grow wide.
    assert np.abs(made - magnitude).mean() > 0.05 * magnitude.mean()


def test_an_envelope_is_without_harmonics() -> None:
    comb = np.where(np.arange(257) % 6 == 0, 1.0, 0.01)[None].astype(np.float32)
    log = spectra.envelope(np.repeat(comb, 4, 0), RATE_HZ)
    assert np.ptp(log[:, 20:-20]) < 0.35 * np.ptp(np.log(comb))


def test_a_filter_is_without_delay_and_without_edges() -> None:
    mixed = tone(200) + tone(6_000)
    made = spectra.filtered(mixed, RATE_HZ, lambda hz: (hz < 2_000).astype(float))
    assert made.shape == mixed.shape and np.abs(made - tone(200))[800:-800].max() < 0.02
    flat = np.full(2000, 0.5, np.float32)
    assert np.abs(spectra.filtered(flat, RATE_HZ, lambda hz: 1 / (1 + hz / 1000)) - 0.5).max() < 1e-3


def test_decibels_between_sounds() -> None:
    given = wave(5, 0.5, RATE_HZ)
    assert spectra.decibels_apart(given, given, RATE_HZ) == 0
    louder = spectra.decibels_apart(given, 2 * given, RATE_HZ)
    assert 3 < louder < 6.1
