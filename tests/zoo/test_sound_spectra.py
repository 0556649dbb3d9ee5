"""Spectra and the pitch: known signals come back as known numbers."""

import numpy as np
import pytest

from telltale.demo.speech import RATE_HZ
from telltale.zoo import sound_spectra as spectra
from telltale.zoo.sound_conversion import formants_alone, pitch_alone, pitch_and_formants
from telltale.zoo.sound_source_filter import WINDOW, excited, minimum_phase, track
from telltale.zoo.sound_vocoders import transposed
from tests.worlds.sound_scenes import sound_scene


def buzz(hz: float, count: int = 22_050) -> np.ndarray:
    """A pulse train, low-passed gently, with faint noise."""
    at = np.arange(count) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * k * at) / k for k in range(1, int(9000 / hz)))
    return (0.1 * tones + np.random.default_rng(1).normal(0, 1e-3, count)).astype(np.float32)


@pytest.mark.parametrize("hz", [85.0, 140.0, 233.0, 310.0])
def test_the_pitch_of_a_buzz_is_found(hz: float) -> None:
    found = track(spectra.analyse(buzz(hz), WINDOW))
    assert np.median(found.hz) == pytest.approx(hz, rel=0.01)
    assert found.voiced.mean() > 0.9
    noise = np.random.default_rng(2).normal(0, 0.1, 22_050)
    assert track(spectra.analyse(noise, WINDOW)).voiced.mean() < 0.2


def test_pulses_have_the_pitch_and_the_filter_that_they_are_given() -> None:
    hz = np.full(87, 150.0)
    hill = -(((np.arange(513) * RATE_HZ / WINDOW - 1500) / 900) ** 2)
    response = minimum_phase(np.repeat(hill[:, None], 87, axis=1))
    assert np.abs(response[:, 0]) == pytest.approx(np.exp(hill), rel=1e-3)
    for share, voiced in ((1.0, True), (0.0, False)):
        sound = excited(np.random.default_rng(1), response, hz, np.full(response.shape, share), 22_050)
        spectrum = spectra.analyse(sound, WINDOW)
        assert (track(spectrum).voiced.mean() > 0.9) == voiced
        mean = (np.abs(spectrum) ** 2).mean(axis=1)
        centre_hz = np.sum(np.arange(513) * mean) / mean.sum() * RATE_HZ / WINDOW
        assert centre_hz == pytest.approx(1500, rel=0.05)
    sound = excited(np.random.default_rng(1), response, hz, np.ones(response.shape), 22_050)
    assert np.median(track(spectra.analyse(sound, WINDOW)).hz) == pytest.approx(150, rel=0.01)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_transposing_multiplies_the_pitch_and_keeps_the_length(factor: float) -> None:
    sound = transposed(buzz(160.0), factor, 1024)
    assert len(sound) == 22_050
    assert np.median(track(spectra.analyse(sound, WINDOW)).hz) == pytest.approx(160 * factor, rel=0.01)


def test_what_a_conversion_moves_and_what_it_keeps() -> None:
    """Pitch and formants of a buzz with one formant at 1,500 Hz, over all draws of the factor."""
    hz = np.full(87, 150.0)
    hill = -(((np.arange(513) * RATE_HZ / WINDOW - 1500) / 700) ** 2)
    response = minimum_phase(np.repeat(hill[:, None], 87, axis=1))
    sound = excited(np.random.default_rng(1), response, hz, np.full(response.shape, 0.999), 22_050)

    def measure(changed: np.ndarray) -> tuple[float, float]:
        spectrum = spectra.analyse(changed, WINDOW)[:, 8:-8]
        log_envelope = spectra.envelope(np.abs(spectrum), 150.0, 40).mean(axis=1)
        return float(np.median(track(spectrum).hz)) / 150.0, float(np.argmax(log_envelope)) * 21.5 / 1500

    for seed in range(4):
        results = [
            measure(change(np.random.default_rng(seed), sound, sound_scene(1)))
            for change in (pitch_alone, formants_alone, pitch_and_formants)
        ]
        (pitch, kept), (same, moved), (both, too) = results
        assert abs(np.log(pitch)) > 0.07 and abs(np.log(kept)) < 0.05
        assert abs(np.log(same)) < 0.02 and abs(np.log(moved)) > 0.05
        assert both == pytest.approx(too, rel=0.07) and abs(np.log(both)) > 0.07


def test_phases_in_one_pass_are_better_than_random_ones() -> None:
    sound = sound_scene(1).recorded
    magnitude = np.abs(spectra.analyse(sound, 1024))

    def error(phase: np.ndarray) -> float:
        again = np.abs(spectra.analyse(spectra.griffin_lim(magnitude, phase, 0, len(sound)), 1024))
        return float(np.linalg.norm(again - magnitude) / np.linalg.norm(magnitude))

    random = spectra.random_phase(np.random.default_rng(1), magnitude.shape)
    assert error(spectra.running_phase(magnitude)) < 0.7 * error(random)


def test_griffin_and_lims_rounds_lower_the_error() -> None:
    sound = sound_scene(1).recorded
    magnitude = np.abs(spectra.analyse(sound, 512))
    phase = spectra.random_phase(np.random.default_rng(1), magnitude.shape)
    errors = []
    for rounds in (0, 2, 12):
        again = np.abs(spectra.analyse(spectra.griffin_lim(magnitude, phase, rounds, len(sound)), 512))
        errors.append(np.linalg.norm(again - magnitude))
    assert errors[0] > errors[1] > errors[2]


def test_room_noise_has_the_level_of_the_noise_it_is_taken_from() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 60_000).astype(np.float32)
    again = spectra.room_noise(np.random.default_rng(2), spectra.noise_floor(noise), 30_000)
    assert again.shape == (30_000,)
    assert 20 * np.log10(again.std() / 0.01) == pytest.approx(0, abs=1.0)
