"""Pictures filmed again from a screen: a grid of pixels that beats with the camera's, perspective, gamma."""

import cv2
import numpy as np

from telltale.zoo.take import Take

FINE = 3  # screen dots per pixel of the clip


def from_display(rng: np.random.Generator, take: Take) -> np.ndarray:
    """Filmed from a display whose red, green and blue dots stand side by side."""
    dots = np.zeros((FINE, FINE, 3), np.float32)
    dark = rng.uniform(0.35, 0.7)
    for column in range(3):
        dots[:, column] = dark
        dots[:, column, column] = 1.0
    dots[-1] *= rng.uniform(0.55, 0.9)
    return _refilm(rng, take, dots, rolling=0.0)


def from_projector(rng: np.random.Generator, take: Take) -> np.ndarray:
    """Filmed from a projection with scan lines, and with bars that roll through the picture."""
    dots = np.ones((FINE, 1, 3), np.float32)
    dots[-1] = rng.uniform(0.3, 0.6)
    return _refilm(rng, take, dots, rolling=rng.uniform(0.04, 0.12))


def _refilm(rng: np.random.Generator, take: Take, dots: np.ndarray, rolling: float) -> np.ndarray:
    """dots: brightness of the dots of one pixel. rolling: depth of the bars of the exposure."""
    size = take.size
    large = size * FINE
    pattern = np.tile(dots, (size, large // dots.shape[1], 1))
    pattern /= pattern.mean()
    inset = rng.uniform(0.02, 0.09, (4, 2)) * large
    corners = np.asarray([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    source = corners * large + inset * (1 - 2 * corners)
    gamma, lift = rng.uniform(0.8, 1.3), rng.uniform(0.0, 0.06)
    shake, blur = rng.uniform(0.1, 0.8), rng.uniform(0.5, 0.9)
    speed, bars = rng.uniform(2.0, 9.0), rng.uniform(1.0, 2.5)
    tint = 1 + rng.normal(0, 0.05, 3)
    curve = (lift + (1 - lift) * (np.arange(256) / 255) ** gamma) * 255
    table = np.clip(np.rint(curve[:, None] * tint), 0, 255).astype(np.uint8)[None]
    out = np.empty_like(take.shot.pixels)
    line = np.linspace(0, 2 * np.pi * bars, size, dtype=np.float32)[:, None, None]
    for t, frame in enumerate(take.shot.pixels):
        screen = cv2.resize(frame, (large, large), interpolation=cv2.INTER_NEAREST) * pattern
        screen = cv2.GaussianBlur(screen, (0, 0), blur)
        moved = (source + rng.normal(0, shake, 2)).astype(np.float32)
        view = cv2.getPerspectiveTransform(moved, corners * size)
        seen = cv2.warpPerspective(screen, view, (size, size), flags=cv2.INTER_LINEAR)
        seen = seen * (1 + rolling * np.sin(line + speed * take.times[t] * 2 * np.pi))
        out[t] = cv2.LUT(np.clip(seen, 0, 255).astype(np.uint8), table)
    return out
