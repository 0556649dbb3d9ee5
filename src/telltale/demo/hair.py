"""Draws hair and brows: the area that hair covers, and strands that run away from the crown."""

import cv2
import numpy as np

from telltale.demo.identity import Identity
from telltale.demo.texture import cloud, ramp


def hair_mask(
    identity: Identity, x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """The share of each pixel of the canvas that hair covers, float32 (C, C), with an irregular edge."""
    style, ax = identity.hair_style, np.abs(x)
    volume = {"short": 0.045, "parted": 0.09, "long": 0.10, "receding": 0.02, "curly": 0.15}[style]
    fray = 0.012 * cloud(rng, size, 2.0) + (0.03 * cloud(rng, size, 9) if style == "curly" else 0.0)
    skull = (
        1
        - (ax / (identity.face_width + volume)) ** 2.3
        - (np.clip(-y, 0, None) / (identity.face_height + volume)) ** 2.2
    )
    inside = ramp((skull * 0.25 + fray) * size / 2, -1.5, 1.5)
    side = 0.30 if style == "parted" else 0.0
    rise = 0.16 if style == "receding" else 0.0
    line = identity.hairline - rise * np.exp(-(((ax - 0.24) / 0.12) ** 2)) + side * (x - 0.1) * (0.4 - x)
    line = line + 1.9 * np.clip(ax - 0.75 * identity.face_width, 0, None) ** 1.3
    above = ramp((line - y + 2.5 * fray) * size / 2, -2.5, 2.5)
    lower = {"short": 0.02, "parted": 0.08, "long": 0.95, "receding": 0.0, "curly": 0.25}[style]
    curtain = ramp((ax - 0.93 * identity.face_width - 0.03 * np.sin(9 * y) + fray) * size / 2, -1.5, 2.0)
    curtain = curtain * ramp((lower - y + 2 * fray) * size / 2, -4, 4)
    if style == "long":
        inside = np.maximum(
            inside, ramp((identity.face_width + 0.13 - ax + fray) * size / 2, -1.5, 1.5) * (y > 0)
        )
    return inside * np.clip(np.maximum(above, curtain), 0, 1)


def hair_texture(
    identity: Identity, x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Colour of the hair before light, (C, C, 3): noise stretched along rays from the crown."""
    crown_x = 0.12 if identity.hair_style == "parted" else 0.0
    dx, dy = x - crown_x, y + 0.75
    angle, radius = np.arctan2(dx, dy + 0.25), np.sqrt(dx**2 + dy**2)
    curl = 0.16 if identity.hair_style == "curly" else 0.025
    angle = angle + curl * np.sin(radius * (26 if curl > 0.1 else 9) + 2 * cloud(rng, size, 25)) * 0.6
    strands = cloud(rng, 512, 1.0, 64) * 0.6 + cloud(rng, 512, 3.0, 64) * 0.6
    across, along = (angle / np.pi * 0.5 + 0.5) * 511, np.clip(radius * 24, 0, 63)
    grain = cv2.remap(
        strands,
        along.astype(np.float32),
        across.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    sheen = np.exp(-(((radius - 0.38) / 0.12) ** 2))
    tone = 0.85 + 0.30 * grain + 0.25 * sheen * (1 + 0.4 * grain)
    return np.asarray(identity.hair, np.float32) * np.clip(tone, 0.25, 2.2)[..., None] + 0.02


def brows(
    identity: Identity, x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(cover, colour) of the brows, (C, C) and (3,): an arch over each eye, thicker towards the nose."""
    u = (np.abs(x) - identity.eye_x + 0.01) / 0.125
    arch = identity.eye_y - 0.125 - identity.brow_arch * (1 - (u - 0.25) ** 2) + 0.02 * u
    thick = 0.026 * identity.brow_weight * np.clip(1.1 - 0.35 * u, 0.2, None)
    body = ramp(1 - np.abs((y - arch) / thick), 0.0, 0.7) * ramp(1 - np.abs(u), 0.0, 0.25)
    hairs = 0.75 + 0.25 * cloud(rng, size, 1.2)
    return np.clip(body * hairs, 0, 1).astype(np.float32) * 0.85, np.asarray(identity.hair, np.float32) * 0.7
