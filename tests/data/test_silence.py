"""Silence at the ends of a sound: found, filled, and left alone if nothing asks for it."""

import numpy as np

from telltale import config
from telltale.data.silence import fill_silence, silent_ends
from telltale.data.transforms import augment_wave

RATE = 16_000
OFF = {"gain_p": 0.0, "sound_noise_p": 0.0}


def sound(before: float, after: float) -> np.ndarray:
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32) * 0.5
    hiss = np.random.default_rng(1).normal(size=2 * RATE).astype(np.float32) * 1e-5
    return np.concatenate([hiss[: round(before * RATE)], tone, hiss[: round(after * RATE)]])


def test_silent_ends_are_found():
    assert silent_ends(sound(0.3, 0.2), RATE) == (4800, 3200)
    assert silent_ends(sound(0.0, 0.0), RATE) == (0, 0)
    assert silent_ends(np.zeros(100, np.float32), RATE) == (100, 0)
    assert silent_ends(np.zeros(0, np.float32), RATE) == (0, 0)


def test_filling_keeps_the_sound_in_its_place():
    given = sound(0.3, 1.7)  # the silence behind is longer than the sound
    filled = fill_silence(given, RATE)
    assert len(filled) == len(given) and filled.dtype == np.float32
    assert np.array_equal(filled[4800 : 4800 + RATE], given[4800 : 4800 + RATE])
    assert silent_ends(filled, RATE) == (0, 0)
    assert np.array_equal(filled[4799:4790:-1], given[4801:4810])
    for nothing in (sound(0.0, 0.0), np.zeros(50, np.float32)):
        assert np.array_equal(fill_silence(nothing, RATE), nothing)


def test_each_is_done_with_its_probability_and_off_draws_nothing():
    given = sound(0.3, 0.0)
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    assert np.array_equal(augment_wave(given, RATE, config.AugmentSettings(**OFF), one), given)
    other.random(2)  # of gain and noise, as before there were these changes
    assert one.bit_generator.state == other.bit_generator.state
    filled = augment_wave(given, RATE, config.AugmentSettings(**OFF, fill_silence_p=1.0), one)
    assert np.array_equal(filled, fill_silence(given, RATE))
    drawn = [
        augment_wave(given, RATE, config.AugmentSettings(**OFF, fill_silence_p=0.5), one) for _ in range(40)
    ]
    assert 8 < sum(np.array_equal(each, given) for each in drawn) < 32


def test_the_loudness_is_drawn_whatever_it_was():
    settings = config.AugmentSettings(**OFF, level_p=1.0)
    loud, soft = sound(0.0, 0.0), sound(0.0, 0.0) * np.float32(1e-3)
    levels = []
    for seed in range(20):
        one = augment_wave(loud, RATE, settings, np.random.default_rng(seed))
        assert np.allclose(one, augment_wave(soft, RATE, settings, np.random.default_rng(seed)), rtol=1e-4)
        levels.append(10 * np.log10(np.mean(np.square(one, dtype=np.float64))))
    assert -45.1 < min(levels) < -38 and -22 < max(levels) < -14.9
    silent = np.zeros(80, np.float32)
    assert np.array_equal(augment_wave(silent, RATE, settings, np.random.default_rng(1)), silent)
