"""Questions to a figure's PNG file, and the inputs of figures."""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread


def shows(path: Path, colour: str) -> bool:
    """Whether the picture has pixels of just this colour."""
    pixels = imread(path)[..., :3]
    return bool((np.abs(pixels - np.array(to_rgb(colour))).max(axis=-1) < 0.004).sum() > 3)


def scored_sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Targets and fake probabilities of detectors from the worst to the best."""
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 1500)
    normal = 1 / (1 + np.exp(-rng.normal(3.0 * targets - 1.5)))
    tiny = np.array([0, 1])
    return {
        "usual": (targets, normal),
        "reversed": (targets, 1 - normal),
        "perfect": (targets, targets * 1.0),
        "nothing flagged": (targets, normal / 3),
        "no flag is true": (targets, np.where(targets == 0, normal, 0.1)),
        "constant": (targets, targets * 0 + 0.5),
        "two clips": (tiny, tiny * 0.5),
    }
