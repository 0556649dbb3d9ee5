"""Small genuine spans to forge: smooth coloured shapes that move, with grain; a voice that buzzes."""

import numpy as np

from telltale.forge.face import prior
from telltale.forge.pseudo import Material

FRAMES, SIDE, RATE_HZ, SECONDS = 10, 64, 8_000, 1.6


def frames(seed: int = 1, side: int = SIDE, count: int = FRAMES) -> np.ndarray:
    """uint8 (count, side, side, 3), which nobody may write to."""
    rng = np.random.default_rng([seed, 1])
    y, x = np.mgrid[:side, :side] / side
    phase, speed = rng.uniform(0, 6, 3), rng.uniform(0.05, 0.2, 3)
    shapes = [
        np.stack(
            [
                np.sin(7 * x + phase[0] + speed[0] * k),
                np.cos(6 * y + phase[1] + speed[1] * k),
                np.sin(12 * (x - 0.5) * (y - 0.4) + phase[2] + speed[2] * k),
            ],
            -1,
        )
        for k in range(count)
    ]
    grain = rng.normal(0, rng.uniform(3, 8), (count, side, side, 3))
    pixels = (127 + 80 * np.stack(shapes) + grain).clip(0, 255).astype(np.uint8)
    pixels.setflags(write=False)
    return pixels


def wave(seed: int = 1, seconds: float = SECONDS, rate_hz: int = RATE_HZ) -> np.ndarray:
    """float32 (N,) in [-1, 1]: harmonics of a pitch that moves, louder and softer, and some noise."""
    rng = np.random.default_rng([seed, 2])
    # Cut out of a longer one, so that its ends are as any other moment.
    edge, seconds = round(0.3 * rate_hz), seconds + 0.6
    count = round(seconds * rate_hz)
    knots = round(8 * seconds)
    at = np.linspace(0, knots - 1, count)
    loudness = np.interp(at, np.arange(knots), rng.uniform(0.05, 1, knots))
    pitch = np.interp(at, np.arange(knots), rng.uniform(90, 220, knots))
    angle = 2 * np.pi * np.cumsum(pitch) / rate_hz
    voice = sum(np.sin(k * angle) / k for k in range(1, 14)) * loudness * 0.12
    samples = (voice + rng.normal(0, 0.003, count)).clip(-1, 1).astype(np.float32)[edge:-edge]
    samples.setflags(write=False)
    return samples


def material(seed: int = 1, points: bool = False, sound: bool = True, picture: bool = True) -> Material:
    """A span of SECONDS; points: with landmarks of a face that moves."""
    times = np.linspace(0, SECONDS, FRAMES)
    rng = np.random.default_rng([seed, 3])
    face = prior(rng) + np.linspace(0, 0.06, FRAMES)[:, None, None].astype(np.float32)
    return Material(
        frames(seed) if picture else None,
        times if picture else np.zeros(0),
        wave(seed) if sound else None,
        RATE_HZ,
        face if points and picture else None,
    )
