"""Draws a head at rest as a lit relief: skin, hair, ears, brows, glasses.

`paint_head(identity, scene, size)` does the slow work once for each clip. `features.py` then draws eyes and
mouth into the result for every frame, and `render.py` moves it. All is computed on a square canvas that spans
-1..1 in head units.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from telltale.demo.hair import brows, hair_mask, hair_texture
from telltale.demo.identity import Identity, Scene
from telltale.demo.texture import cloud, ramp


@dataclass(frozen=True)
class Head:
    """A head on a canvas of C x C pixels.

    layer: uint8 (C, C, 4), RGB premultiplied by alpha.
    shade: float32 (C, C), the light on the skin.
    relief: float32 (C, C, 3): depth in head units, and how far a pixel follows the jaw and the brows, 0 to 1.
    inner_face: float32 (C, C), soft mask of the area that a face swap replaces.
    glasses: float32 (C, C, 4), drawn over the eyes; None if the person has none.
    """

    layer: np.ndarray
    shade: np.ndarray
    relief: np.ndarray
    inner_face: np.ndarray
    glasses: np.ndarray | None


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixel centres of a canvas in head units, each float32 (size, size)."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    return np.broadcast_to(line, (size, size)), np.broadcast_to(line[:, None], (size, size))


def paint_head(identity: Identity, scene: Scene, size: int) -> Head:
    """The head of `identity` in the light of `scene` on a canvas of `size` pixels."""
    rng = np.random.default_rng([identity.texture_seed, 1])
    x, y = grid(size)
    outline = _outline(identity, x, y)
    face = ramp(outline * size / 2, -0.8, 0.8)
    ears = _ears(identity, x, y, size)
    depth = (
        _depth(identity, x, y)
        + 0.0030 * cloud(rng, size, 6) * identity.wrinkles
        + 0.0008 * cloud(rng, size, 1.6)
    )
    light, gloss = _light(depth, scene, size)
    cover = hair_mask(identity, x, y, size, rng)
    shadow = 1 - 0.35 * cv2.GaussianBlur(np.roll(cover, size // 40, axis=0), (0, 0), size / 45)
    shade = light * shadow
    skin = _skin(identity, x, y, size, rng)
    colour = skin * shade[..., None] + gloss[..., None] * shadow[..., None]
    brow_alpha, brow_colour = brows(identity, x, y, size, rng)
    colour += (brow_colour * shade[..., None] - colour) * brow_alpha[..., None]
    alpha = np.maximum(face, ears)
    hair = (
        hair_texture(identity, x, y, size, rng)
        * (0.45 + 0.75 * _light(depth * 0.5, scene, size)[0])[..., None]
    )
    colour += (hair - colour) * cover[..., None]
    alpha = np.maximum(alpha, cover)
    colour = np.clip(colour * np.asarray(scene.light_colour, np.float32), 0, 1)
    layer = np.concatenate([colour * alpha[..., None], alpha[..., None]], axis=2)
    jaw = ramp(y, identity.mouth_y - 0.02, identity.face_height) * ramp(-np.abs(x), -0.62, -0.2)
    brow = np.exp(-(((y - identity.eye_y + 0.13) / 0.10) ** 2)) * ramp(-np.abs(x), -0.45, -0.3)
    inner = (x / (0.80 * identity.face_width)) ** 2 + ((y - 0.11) / (0.78 * identity.face_height)) ** 2
    return Head(
        layer=np.rint(layer * 255).astype(np.uint8),
        shade=shade,
        relief=np.stack([cv2.GaussianBlur(depth, (0, 0), size / 60), jaw, brow], axis=2).astype(np.float32),
        inner_face=ramp(1 - inner, 0.0, 0.35),
        glasses=_glasses(identity, x, y, size) if identity.glasses else None,
    )


def _outline(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance to the outline of the face in head units, positive inside."""
    narrow = 1 - (0.20 + 0.12 * identity.jaw) * np.clip(y / identity.face_height, 0, None) ** 1.8
    inside = (
        1
        - (np.abs(x) / (identity.face_width * narrow)) ** 2.2
        - (np.abs(y) / identity.face_height) ** (2.4 + 0.8 * identity.jaw)
    )
    dy, dx = np.gradient(inside, 2 / len(x))
    return inside / np.sqrt(dx**2 + dy**2 + 1e-3)


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, wx: float, wy: float) -> np.ndarray:
    return np.exp(-(((x - cx) / wx) ** 2) - ((y - cy) / wy) ** 2)


def _depth(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the face above the picture plane in head units: skull, nose, eyes, cheeks, lips, chin."""
    ax, nose_y, w = np.abs(x), identity.nose_length, identity.nose_width
    z = 0.42 * np.sqrt(
        np.clip(
            1.05 - (x / (identity.face_width + 0.05)) ** 2 - (y / (identity.face_height + 0.06)) ** 2,
            0.004,
            None,
        )
    )
    ridge = ramp(y, identity.eye_y - 0.08, nose_y) * ramp(-y, -nose_y - 0.05, -nose_y + 0.01)
    z += 0.13 * ridge * np.exp(-((x / (w * (0.75 + 0.5 * ramp(y, 0, nose_y)))) ** 2))
    z += 0.045 * _bump(ax, y, 1.05 * w, nose_y, 0.028, 0.032)
    z -= 0.060 * _bump(ax, y, identity.eye_x, identity.eye_y, 0.10, 0.055)
    z += 0.022 * _bump(ax, y, identity.eye_x, identity.eye_y + 0.005, 0.075, 0.045)
    z += 0.028 * _bump(ax, y, identity.eye_x - 0.01, identity.eye_y - 0.11, 0.13, 0.035)
    z += 0.045 * _bump(ax, y, 0.27, 0.10, 0.10, 0.09)
    z += 0.035 * _bump(x, y, 0, identity.mouth_y, 0.17, 0.09)
    z -= 0.012 * _bump(x, y, 0, identity.mouth_y - 0.095, 0.018, 0.04)
    z -= 0.020 * _bump(x, y, 0, identity.mouth_y + 0.105, 0.10, 0.025)
    z += 0.045 * _bump(x, y, 0, identity.face_height - 0.10, 0.12, 0.08)
    fold = ax - (w + 0.05 + 0.55 * (y - nose_y + 0.03))
    return z - 0.016 * identity.wrinkles * np.exp(-((fold / 0.016) ** 2)) * ramp(
        y, nose_y - 0.05, nose_y + 0.04
    ) * ramp(-y, -0.36, -0.26)


def _light(depth: np.ndarray, scene: Scene, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lambert's shade, and the gloss, of a relief under the light of the scene: each float32 (C, C)."""
    dy, dx = np.gradient(depth, 2 / size)
    norm = 1 / np.sqrt(dx**2 + dy**2 + 1)
    lx, ly, lz = scene.light
    lambert = np.clip((-dx * lx - dy * ly + lz) * norm, 0, None)
    half = np.asarray([lx, ly, lz + 1]) / np.sqrt(lx**2 + ly**2 + (lz + 1) ** 2)
    gloss = np.clip((-dx * half[0] - dy * half[1] + half[2]) * norm, 0, 1) ** 28
    shade = scene.ambient * (0.55 + 0.45 * norm) + 0.78 * lambert
    return shade.astype(np.float32), (0.10 * gloss).astype(np.float32)


def _skin(
    identity: Identity, x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Colour of the skin before light, (C, C, 3), with blush, nostrils, freckles, moles and stubble."""
    ax = np.abs(x)
    tone = 1 + 0.035 * cloud(rng, size, 14) + 0.03 * cloud(rng, size, 4) + 0.035 * cloud(rng, size, 1.3)
    skin = np.asarray(identity.skin, np.float32) * tone[..., None]
    blush = _bump(ax, y, 0.26, 0.13, 0.12, 0.10) + 0.8 * _bump(x, y, 0, identity.nose_length, 0.07, 0.05)
    skin *= (
        1 - np.asarray([0.02, 0.13, 0.11], np.float32) * (blush * (1 + 0.3 * cloud(rng, size, 3)))[..., None]
    )
    tired = _bump(ax, y, identity.eye_x - 0.02, identity.eye_y + 0.07, 0.09, 0.03) * identity.wrinkles
    dark = 0.18 * tired + 0.75 * _bump(
        ax, y, 0.55 * identity.nose_width, identity.nose_length + 0.025, 0.017, 0.010
    )
    spots = (
        np.clip(cloud(rng, size, 2.2) - 1.3, 0, 1) * (_bump(ax, y, 0.2, 0.08, 0.25, 0.14)) * identity.freckles
    )
    for _ in range(int(rng.integers(1, 5))):
        dark += 0.5 * _bump(x, y, rng.uniform(-0.35, 0.35), rng.uniform(-0.35, 0.5), 0.011, 0.011)
    skin *= (1 - np.clip(dark, 0, 0.9) - 0.35 * spots)[..., None]
    if identity.beard:
        zone = ramp(y, 0.12, 0.30) * ramp(np.abs(x) + 0.9 * y, 0.42, 0.56) + 0.9 * _bump(
            x, y, 0, identity.mouth_y - 0.085, 0.16, 0.035
        )
        bristle = ramp(cloud(rng, size, 1.1), -0.7, 0.9) * np.clip(zone, 0, 1) * identity.beard
        skin += (0.8 * np.asarray(identity.hair, np.float32) - skin) * (0.85 * bristle)[..., None]
    return skin


def _ears(identity: Identity, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    inside = 1 - ((np.abs(x) - identity.face_width - 0.005) / 0.055) ** 2 - ((y - 0.03) / 0.125) ** 2
    return ramp(inside * size * 0.025, -0.8, 0.8)


def _glasses(identity: Identity, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """A dark frame with faint reflections in the lenses: float32 (C, C, 4), alpha not premultiplied."""
    ax = np.abs(x)
    lens = ((ax - identity.eye_x - 0.01) / 0.145) ** 4 + ((y - identity.eye_y - 0.015) / 0.105) ** 4
    rim = np.exp(-(((lens**0.25 - 1) / 0.07) ** 2))
    bridge = np.exp(-(((y - identity.eye_y + 0.02) / 0.012) ** 2)) * (ax < identity.eye_x - 0.12)
    arms = (
        np.exp(-(((y - identity.eye_y + 0.03) / 0.013) ** 2))
        * (ax > identity.eye_x + 0.14)
        * (ax < identity.face_width + 0.01)
    )
    frame = np.clip(rim + bridge + arms, 0, 1) * 0.92
    glare = 0.16 * (lens < 1) * np.exp(-((((x * 0.8 + y - 0.02) % 0.4 - 0.2) / 0.03) ** 2))
    shine = np.repeat((glare / np.maximum(frame + glare, 1e-6))[..., None], 3, axis=2) + 0.08
    return np.concatenate([shine, np.clip(frame + glare, 0, 1)[..., None]], axis=2).astype(np.float32)
