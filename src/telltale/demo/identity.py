"""The parameters of an invented person, and of the room and camera of a clip.

A person (`Identity`) is the same in every clip, a room (`Scene`) is drawn anew for each clip. Lengths are in
head units: the drawing canvas spans -1..1 in both directions, (0, 0) is the middle of the face, x points to
the right and y down. Colours are RGB in 0..1.
"""

from dataclasses import dataclass

import numpy as np

SKINS = (
    (0.93, 0.76, 0.66),
    (0.89, 0.70, 0.57),
    (0.80, 0.60, 0.46),
    (0.68, 0.48, 0.35),
    (0.52, 0.35, 0.25),
    (0.38, 0.25, 0.18),
)
HAIRS = (
    (0.07, 0.06, 0.06),
    (0.20, 0.13, 0.09),
    (0.36, 0.22, 0.12),
    (0.62, 0.46, 0.26),
    (0.45, 0.19, 0.09),
    (0.60, 0.60, 0.60),
)
EYES = ((0.26, 0.16, 0.09), (0.36, 0.27, 0.14), (0.33, 0.44, 0.30), (0.35, 0.48, 0.60), (0.40, 0.44, 0.46))
HAIR_STYLES = ("short", "parted", "long", "receding", "curly")


@dataclass(frozen=True)
class Voice:
    """A voice.

    pitch_hz: mean pitch.
    tract: factor on all formants, 0.9 for a long vocal tract to 1.2 for a short one.
    breath: level of the breath noise, relative to the voice.
    pace: factor on the speed of speech.
    liveliness: factor on the changes of pitch.
    """

    pitch_hz: float
    tract: float
    breath: float
    pace: float
    liveliness: float


@dataclass(frozen=True)
class Identity:
    """One invented person. Moles, pores and strands follow from `texture_seed`, so they never change."""

    texture_seed: int
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    lips: tuple[float, float, float]
    face_width: float
    face_height: float
    jaw: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_slant: float
    brow_weight: float
    brow_arch: float
    nose_width: float
    nose_length: float
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    hair_style: str
    hairline: float
    beard: float
    freckles: float
    wrinkles: float
    glasses: bool
    voice: Voice


@dataclass(frozen=True)
class Scene:
    """Room, light, camera and clothes of one clip.

    light: unit vector towards the lamp.
    ambient: share of light from all directions.
    zoom: factor on the size of the head.
    noise_levels: deviation of the sensor noise in 8-bit levels.
    blur_pixels: deviation of the lens blur.
    room_seconds: decay time of the room's echo.
    noise_db: level of the background noise, relative to full scale.
    loudness: factor on the speech.
    """

    texture_seed: int
    light: tuple[float, float, float]
    light_colour: tuple[float, float, float]
    ambient: float
    wall: tuple[float, float, float]
    clothes: tuple[float, float, float]
    zoom: float
    noise_levels: float
    blur_pixels: float
    room_seconds: float
    noise_db: float
    loudness: float


def _colour(rng: np.random.Generator, base: tuple[float, ...], spread: float) -> tuple[float, float, float]:
    r, g, b = np.clip(
        np.asarray(base) * rng.uniform(1 - spread, 1 + spread) + rng.normal(0, spread / 8, 3), 0.02, 0.97
    )
    return float(r), float(g), float(b)


def _muted(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    """A colour of a wall or of cloth: a grey with a slight hue."""
    return _colour(rng, tuple(rng.uniform(low, high) + rng.normal(0, 0.06, 3)), 0.05)


def draw_identity(rng: np.random.Generator) -> Identity:
    """A random person."""
    skin = _colour(rng, SKINS[rng.integers(len(SKINS))], 0.08)
    low_voice = bool(rng.random() < 0.5)
    pitch_hz, tract = (
        (rng.uniform(88, 150), rng.uniform(0.92, 1.06))
        if low_voice
        else (rng.uniform(165, 245), rng.uniform(1.06, 1.2))
    )
    redness = np.asarray([0.80, 0.50, 0.50]) + rng.normal(0, 0.04, 3)
    return Identity(
        texture_seed=int(rng.integers(2**31)),
        skin=skin,
        hair=_colour(rng, HAIRS[rng.integers(len(HAIRS))], 0.2),
        iris=_colour(rng, EYES[rng.integers(len(EYES))], 0.15),
        lips=_colour(rng, tuple(np.asarray(skin) * redness + np.asarray([0.06, 0.0, 0.01])), 0.08),
        face_width=rng.uniform(0.42, 0.50),
        face_height=rng.uniform(0.60, 0.67),
        jaw=rng.uniform(0.0, 1.0),
        eye_x=rng.uniform(0.175, 0.215),
        eye_y=rng.uniform(-0.09, -0.04),
        eye_width=rng.uniform(0.085, 0.108),
        eye_height=rng.uniform(0.040, 0.056),
        eye_slant=rng.uniform(-0.10, 0.16),
        brow_weight=rng.uniform(0.5, 1.0),
        brow_arch=rng.uniform(0.0, 0.05),
        nose_width=rng.uniform(0.040, 0.062),
        nose_length=rng.uniform(0.13, 0.18),
        mouth_y=rng.uniform(0.31, 0.36),
        mouth_width=rng.uniform(0.15, 0.19),
        lip_upper=rng.uniform(0.026, 0.045),
        lip_lower=rng.uniform(0.035, 0.060),
        hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
        hairline=rng.uniform(-0.44, -0.34),
        beard=float(rng.uniform(0.3, 1.0)) if low_voice and rng.random() < 0.45 else 0.0,
        freckles=float(rng.uniform(0, 1) ** 3),
        wrinkles=rng.uniform(0.1, 1.0),
        glasses=bool(rng.random() < 0.25),
        voice=Voice(pitch_hz, tract, rng.uniform(0.02, 0.10), rng.uniform(0.9, 1.15), rng.uniform(0.6, 1.4)),
    )


def draw_scene(rng: np.random.Generator) -> Scene:
    """A random room, camera and clothes, from the same distribution for genuine and forged clips."""
    light = np.asarray([rng.uniform(-0.9, 0.9), rng.uniform(-0.9, -0.1), rng.uniform(0.7, 1.2)])
    light /= np.sqrt((light**2).sum())
    warm = rng.uniform(-0.08, 0.08)
    return Scene(
        texture_seed=int(rng.integers(2**31)),
        light=(float(light[0]), float(light[1]), float(light[2])),
        light_colour=(1 + warm, 1.0, 1 - warm),
        ambient=rng.uniform(0.34, 0.52),
        wall=_muted(rng, 0.25, 0.75),
        clothes=_muted(rng, 0.08, 0.75),
        zoom=rng.uniform(0.94, 1.08),
        noise_levels=rng.uniform(3.0, 5.5),
        blur_pixels=rng.uniform(0.35, 0.6),
        room_seconds=rng.uniform(0.03, 0.12),
        noise_db=rng.uniform(-58, -46),
        loudness=rng.uniform(0.06, 0.12),
    )
