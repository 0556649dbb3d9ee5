"""Joints of sound: no click, no gap, in step again, and as loud as wanted."""

import numpy as np
from materials import RATE_HZ, wave

from telltale.forge.joints import (
    SILENT,
    Piece,
    audible_window,
    fade_samples,
    faded_in,
    joined,
    level,
    levelled,
    looped,
)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(seconds: float, hz: float = 150.0, phase: float = 0.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ + phase)).astype(
        np.float32
    )


def sharpest(samples: np.ndarray) -> float:
    """The largest second difference: that of a click."""
    return float(np.abs(np.diff(samples, 2)).max())


def test_a_free_joint_finds_the_phase() -> None:
    """Two tones of opposite phase: joined anywhere else they would cancel in the cross-fade."""
    one, other = tone(1.0), tone(1.0, phase=np.pi)
    made = joined([Piece(one, 0), Piece(other, 0)], (4000,), RATE_HZ, 8000)
    assert made.shape == (8000,) and sharpest(made) < 1.1 * sharpest(one)
    parts = made[3800:4400].reshape(-1, 60)
    assert np.sqrt(np.square(parts).mean(1)).min() > 0.9 * level(one)
    stiff = joined([Piece(one, 0), Piece(other, 0, free=False)], (4000,), RATE_HZ, 8000)
    assert np.abs(stiff[4070:4090]).max() < 0.1
    assert np.array_equal(stiff[4000 + fade_samples(RATE_HZ) :], other[4000 + fade_samples(RATE_HZ) :])
    assert np.array_equal(made[:4000], one[:4000])


def test_pieces_come_from_where_they_should() -> None:
    given = wave(1)
    made = joined(
        [Piece(given, 0), Piece(given, -2000), Piece(given, 0, free=False)], (4000, 8000), RATE_HZ, 12_000
    )
    fade = fade_samples(RATE_HZ)
    assert np.array_equal(made[:4000], given[:4000])
    assert np.array_equal(made[8000 + fade :], given[8000 + fade : 12_000])
    moved = made[4000 + fade : 8000]
    lags = range(1850, 2151)
    distances = [np.abs(moved - given[4000 + fade - lag : 8000 - lag]).max() for lag in lags]
    assert min(distances) == 0 and abs(lags[int(np.argmin(distances))] - 2000) <= 0.012 * RATE_HZ + 1
    # A source that ends is silence behind its end.
    ended = joined([Piece(given[:100], 0)], (), RATE_HZ, 300)
    assert np.array_equal(ended[:100], given[:100]) and not ended[100:].any()


def test_looped_sound_goes_on() -> None:
    given = tone(0.5)
    assert looped(given, 3000, RATE_HZ) is given
    for count in (4001, 9000, 30_000):
        made = looped(given, count, RATE_HZ)
        assert len(made) >= count and sharpest(made) < 1.2 * sharpest(given)
        levels = np.sqrt(np.square(made[: len(made) // 400 * 400].reshape(-1, 400)).mean(1))
        assert levels.min() > 0.85 * level(given)


def test_level_and_limits() -> None:
    given = wave(2)
    assert abs(level(levelled(given, 0.05)) - 0.05) < 1e-4
    assert np.abs(levelled(given, 5.0)).max() <= 1
    assert level(np.zeros(0, np.float32)) == 0 and not levelled(np.zeros(9, np.float32), 0.1).any()


def test_a_part_fades_in_inside_of_its_bounds() -> None:
    given, fade = wave(3), 80
    other = -given
    made = faded_in(given, other[2000:5000], (2000, 5000), fade)
    assert np.array_equal(made[:2000], given[:2000]) and np.array_equal(made[5000:], given[5000:])
    assert np.allclose(made[2000 + fade : 5000 - fade], other[2000 + fade : 5000 - fade], atol=1e-6)
    assert sharpest(made) < 1.5 * sharpest(given)
    # Nothing fades at the sound's own ends.
    whole = faded_in(given, other, (0, len(given)), fade)
    assert np.allclose(whole, other, atol=1e-6)


def test_a_window_has_something_to_hear() -> None:
    given = wave(4).copy()
    given[:6000] = 0
    for seed in range(20):
        found = audible_window(given, (0.2, 0.4), rng(seed))
        assert found is not None and 0.19 < (found[1] - found[0]) / len(given) < 0.41
        assert level(given[found[0] : found[1]]) > max(0.2 * level(given), SILENT)
    assert audible_window(np.zeros(1000, np.float32), (0.2, 0.4), rng()) is None
