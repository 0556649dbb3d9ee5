"""Random textures and smooth steps, used by all of the drawing."""

import cv2
import numpy as np


def ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 below `low` to 1 above `high`: float32 of the shape of `value`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def cloud(rng: np.random.Generator, size: int, cell_pixels: float, width: int | None = None) -> np.ndarray:
    """Smooth noise of unit variance, float32 (size, width or size), with spots of about `cell_pixels`."""
    width = width or size
    shape = (max(2, round(size / cell_pixels) + 2), max(2, round(width / cell_pixels) + 2))
    noise = cv2.resize(
        rng.standard_normal(shape, dtype=np.float32), (width, size), interpolation=cv2.INTER_CUBIC
    )
    return noise / (noise.std() + 1e-6)
