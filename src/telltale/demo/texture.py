"""Random textures and soft steps that all the drawing is made of."""

import cv2
import numpy as np


def ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step: 0 below `low`, 1 above `high`; float32 of the shape of `value`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def cloud(rng: np.random.Generator, size: int, cell_pixels: float, width: int | None = None) -> np.ndarray:
    """Smooth noise of unit variance, (size, width or size) float32, with blobs of about `cell_pixels`."""
    width = width or size
    shape = (max(2, round(size / cell_pixels) + 2), max(2, round(width / cell_pixels) + 2))
    noise = cv2.resize(
        rng.standard_normal(shape, dtype=np.float32), (width, size), interpolation=cv2.INTER_CUBIC
    )
    return noise / (noise.std() + 1e-6)
