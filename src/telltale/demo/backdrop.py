"""Draws what is behind and below the head: a wall with objects, shoulders in patterned cloth, a neck."""

import cv2
import numpy as np

from telltale.demo.face import grid
from telltale.demo.identity import Identity, Scene
from telltale.demo.texture import cloud, ramp


def paint_backdrop(identity: Identity, scene: Scene, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(room, body): uint8 (S, S, 3) and uint8 (S, S, 4) with premultiplied alpha. size: S in pixels."""
    rng = np.random.default_rng([scene.texture_seed, 3])
    return _room(rng, scene, size), _body(rng, identity, scene, size)


def _room(rng: np.random.Generator, scene: Scene, size: int) -> np.ndarray:
    x, y = grid(size)
    tone = (
        0.9
        - 0.25 * x * scene.light[0] * -1
        - 0.15 * y
        + 0.05 * cloud(rng, size, 40)
        + 0.02 * cloud(rng, size, 1.5)
    )
    wall = np.asarray(scene.wall, np.float32) * tone[..., None].astype(np.float32)
    for _ in range(int(rng.integers(2, 7))):  # picture frames, bookcases, lamps
        cx, cy, half_x, half_y = (
            rng.uniform(-1, 1),
            rng.uniform(-1, 0.6),
            rng.uniform(0.08, 0.4),
            rng.uniform(0.05, 0.5),
        )
        power = 8 if rng.random() < 0.7 else 2
        inside = ramp(
            1.05 - (np.abs((x - cx) / half_x) ** power + np.abs((y - cy) / half_y) ** power), 0.0, 0.25
        )
        surface = (rng.uniform(0.1, 0.85) + rng.normal(0, 0.08, 3)).astype(np.float32) * (
            0.85 + 0.2 * cloud(rng, size, rng.uniform(3, 20))
        )[..., None]
        wall += (np.clip(surface, 0, 1) - wall) * inside[..., None]
    soft = cv2.GaussianBlur(
        np.clip(wall * np.asarray(scene.light_colour, np.float32), 0, 1),
        (0, 0),
        size / 160 * rng.uniform(0.6, 2.2),
    )
    return np.rint(soft * 255).astype(np.uint8)


def _body(rng: np.random.Generator, identity: Identity, scene: Scene, size: int) -> np.ndarray:
    x, y = grid(size)
    ax = np.abs(x)
    side = 1 + 0.35 * x * scene.light[0]
    slope = 0.60 + 0.30 * np.clip(ax - 0.2, 0, None) ** 1.5
    cloth_cover = ramp((y - slope - 0.18 * ramp(-ax, -0.30, 0.0)) * size / 2, -1, 1) * ramp(
        (0.95 - ax + 0.2 * (y - 0.8)) * size / 2, -1, 1
    )
    period = rng.uniform(0.05, 0.2)
    stripes = 0.10 * np.sign(np.sin(2 * np.pi * (x + rng.uniform(-1, 1) * y) / period)) * (rng.random() < 0.5)
    weave = 0.04 * np.sin(x * size * 1.6) * np.sin(y * size * 1.6)
    folds = 0.12 * cloud(rng, size, size / 9)
    cloth = (
        np.asarray(scene.clothes, np.float32)
        * np.clip((0.85 + stripes + weave + folds) * side, 0.1, 2)[..., None]
    )
    neck_cover = ramp((0.24 - 0.03 * np.cos(4 * y) - ax) * size / 2, -1, 1) * (y > 0.1)
    shadow = 0.45 + 0.40 * ramp(y, 0.45, 0.85)
    neck = (
        np.asarray(identity.skin, np.float32)
        * ((shadow * side * (1 - 0.4 * (ax / 0.26) ** 2)) + 0.02 * cloud(rng, size, 2))[..., None]
    )
    colour = neck + (cloth - neck) * cloth_cover[..., None]
    alpha = np.maximum(cloth_cover, neck_cover)[..., None]
    colour = np.clip(colour * np.asarray(scene.light_colour, np.float32), 0, 1)
    return np.rint(np.concatenate([colour * alpha, alpha], axis=2) * 255).astype(np.uint8)
