"""Ways to fit another face into a frame: transfer of its colours, and blending along its edge.

Colour transfers by Reinhard and others (2001) in RGB and in Lab, and by matching histograms. Blending by
feathering, by Poisson's equation (Perez and others, 2003), by Laplacian pyramids (Burt and Adelson, 1983).
"""

from collections.abc import Callable

import cv2
import numpy as np

COLOURS = ("none", "mean_std", "lab", "histogram")
BLENDS = ("feathered", "poisson", "hard", "pyramid")


def colour_transfer(name: str, source: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The function that gives pictures the colours of `target`.

    name: of COLOURS.
    source, target: uint8 (N, 3), pixels of the face to paste and of the face below it.

    The result takes and gives uint8 (H, W, 3).
    """
    if name == "none":
        return lambda picture: picture
    if name == "lab":
        tables = _tables(_moments, _in_lab(source), _in_lab(target))

        def through_lab(picture: np.ndarray) -> np.ndarray:
            lab = cv2.LUT(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), tables)
            return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)

        return through_lab
    direct = _tables(_moments if name == "mean_std" else _quantiles, source, target)
    return lambda picture: cv2.LUT(picture, direct)


def _in_lab(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0]


def _tables(
    match: Callable[[np.ndarray, np.ndarray], np.ndarray], source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Look-up tables (1, 256, 3) for cv2.LUT."""
    planes = zip(source.T.astype(np.float64), target.T.astype(np.float64), strict=True)
    columns = [match(ours, theirs) for ours, theirs in planes]
    return np.rint(np.clip(np.stack(columns, axis=1), 0, 255)).astype(np.uint8)[None]


def _moments(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    gain = np.clip(target.std() / (source.std() + 1), 0.5, 1.6)
    return (np.arange(256) - source.mean()) * gain + target.mean()


def _quantiles(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    shares = np.linspace(0, 1, 65)
    levels = np.quantile(source, shares) + 1e-6 * np.arange(65)  # np.interp wants rising positions
    return np.interp(np.arange(256), levels, np.quantile(target, shares))


def merge(name: str, frame: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`frame` with `face` where `mask` is 1. name: of BLENDS; all uint8 (H, W, 3), mask float32 (H, W)."""
    if np.count_nonzero(mask > 0.5) < 16:  # the face is out of the picture
        return frame
    if name == "hard":
        return np.where((mask > 0.5)[..., None], face, frame)
    if name == "pyramid":
        return _by_pyramid(frame, face, mask)
    if name == "poisson":
        return _by_poisson(frame, face, mask)
    return cv2.blendLinear(frame, face, 1 - mask, mask)


def _by_poisson(frame: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Keep the gradients of `face` and the colours at the edge of `frame`."""
    inside = (mask > 0.3).astype(np.uint8) * 255
    inside[[0, 1, -2, -1]] = 0  # the equation needs known pixels all around
    inside[:, [0, 1, -2, -1]] = 0
    left, top, width, height = cv2.boundingRect(inside)
    centre = (left + width // 2, top + height // 2)
    return cv2.seamlessClone(face, frame, inside, centre, cv2.NORMAL_CLONE)


def _by_pyramid(frame: np.ndarray, face: np.ndarray, mask: np.ndarray, levels: int = 4) -> np.ndarray:
    share = (mask > 0.5).astype(np.float32)
    under, over = frame.astype(np.float32), face.astype(np.float32)
    details = []
    for _ in range(levels):
        shape = (under.shape[1], under.shape[0])
        below = [np.asarray(cv2.pyrDown(picture), np.float32) for picture in (under, over, share)]
        rest = [
            picture - cv2.pyrUp(small, dstsize=shape)
            for picture, small in zip((under, over), below, strict=False)
        ]
        details.append(rest[0] + (rest[1] - rest[0]) * share[..., None])
        under, over, share = below
    out = under + (over - under) * share[..., None]
    for detail in reversed(details):
        shape = (detail.shape[1], detail.shape[0])
        out = np.asarray(cv2.pyrUp(out, dstsize=shape), np.float32) + detail
    return np.rint(np.clip(out, 0, 255)).astype(np.uint8)
