"""What a clip's pictures tell by simple measures: borders, blur, noise, blocks of compression, mean look.

    numbers = picture_facts(frames)
    thumbnail, look = first_look(frames[0]), mean_look(frames)

Blur, noise and blocks are measured in the outer part of the picture: forgeries change the face, and a probe
that sees it would take the forgery for a shortcut. Blockiness compares steps across the borders of the 8x8
blocks with those inside them. The noise measure is that of Immerkaer, Computer Vision and Image Understanding
1996.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 12
FIRST = THUMBNAIL * THUMBNAIL + 6
LOOK = 64 * 2 + 6 + 63
RING = 6  # the outer part is as wide as this share of the shorter side
_EDGE = 16  # rows and columns that are looked at for a border
_FLAT = 3.0  # deviation of grey levels up to which a row is flat
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
Pixels = NDArray[np.uint8]
Grey = NDArray[np.float32]


def picture_facts(frames: Pixels) -> dict[str, float]:
    """Numbers of frames uint8 (T, H, W, 3) RGB at their stored size: the median over the frames of each."""
    found = [_frame_facts(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)) for frame in frames]
    return {name: float(np.median([facts[name] for facts in found])) for name in found[0]}


def first_look(frame: Pixels) -> NDArray[np.float32]:
    """The first frame as a small grey picture, and mean and deviation of its colours: float32 (FIRST,)."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    colours = frame.reshape(-1, 3)
    return np.concatenate([small.ravel(), colours.mean(axis=0), colours.std(axis=0)]).astype(np.float32)


def mean_look(frames: Pixels) -> NDArray[np.float32]:
    """Mean and deviation over time of the frames at 8x8, of the colours, and the log power of the 63
    alternating coefficients of the 8x8 cosine transform: float32 (LOOK,)."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    small = np.stack([cv2.resize(each, (8, 8), interpolation=cv2.INTER_AREA) for each in grey])
    small = small.reshape(len(frames), 64).astype(np.float32)
    colours = frames.reshape(len(frames), -1, 3).mean(axis=1)
    power = np.mean([_cosine_power(each.astype(np.float32)) for each in grey], axis=0)
    parts = [small.mean(axis=0), small.std(axis=0), colours.mean(axis=0), colours.std(axis=0), power[1:]]
    return np.concatenate(parts).astype(np.float32)


def _frame_facts(grey: Grey) -> dict[str, float]:
    ring = _ring(grey.shape)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)[ring]
    noise = np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE)[ring])
    facts = {
        "blur.laplacian": float(np.log(laplacian.var() + 1e-3)),
        "blur.median": float(np.log(np.median(np.abs(laplacian)) + 0.1)),
        "noise.mean": float(noise.mean()),
        "noise.median": float(np.median(noise)),
        "compression.columns": _blockiness(grey, ring),
        "compression.rows": _blockiness(grey.T, ring.T),
    }
    for side, turned in (("top", grey), ("bottom", grey[::-1]), ("left", grey.T), ("right", grey.T[::-1])):
        facts |= {f"borders.{side}_{name}": value for name, value in _border(turned).items()}
    return facts


def _ring(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The outer part of a picture, (H, W), without its outermost two rows and columns, which borders are
    looked for in: forgeries change the face, recordings and encoders the whole picture."""
    wide = max(min(shape) // RING, 3)
    ring = np.zeros(shape, bool)
    ring[2:-2, 2:-2] = True
    ring[2 + wide : -2 - wide, 2 + wide : -2 - wide] = False
    return ring if ring.any() else np.ones(shape, bool)


def _blockiness(grey: Grey, ring: NDArray[np.bool_]) -> float:
    """Mean step between columns across the borders of 8x8 blocks, over that inside the blocks, as a log."""
    inside = ring[:, 1:] & ring[:, :-1]
    steps = np.abs(np.diff(grey, axis=1))
    across = np.broadcast_to(np.arange(steps.shape[1]) % 8 == 7, steps.shape)
    if not ((inside & across).any() and (inside & ~across).any()):
        return 0.0
    return float(np.log((steps[inside & across].mean() + 0.1) / (steps[inside & ~across].mean() + 0.1)))


def _border(grey: Grey) -> dict[str, float]:
    """Of the upper edge, (H, W): how many rows are flat, and how the first rows differ from those below.

    rows: flat rows, up to 16. step: the mean change from the first row to the second, over those that follow.
    contrast: mean difference of the first row from the fourth, signed.
    """
    rows = grey[:_EDGE]
    flat = rows.std(axis=1) <= _FLAT
    steps = np.abs(np.diff(rows, axis=0)).mean(axis=1)
    following = steps[1:6].mean() if len(steps) > 1 else 0.0
    fourth = rows[min(3, len(rows) - 1)]
    return {
        "rows": float(len(flat) if flat.all() else int(np.argmin(flat))),
        "step": float(np.log((steps[0] + 0.5) / (following + 0.5))) if len(steps) else 0.0,
        "contrast": float((rows[0] - fourth).mean()),
    }


def _cosine_power(grey: Grey) -> NDArray[np.float32]:
    """Log mean power of each coefficient of the cosine transform of 8x8 blocks, float32 (64,)."""
    from scipy.fft import dctn

    high, wide = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    if not (high and wide):
        return np.zeros(64, np.float32)
    blocks = grey[:high, :wide].reshape(high // 8, 8, wide // 8, 8).transpose(0, 2, 1, 3)
    return np.log(np.square(dctn(blocks, axes=(2, 3), norm="ortho")).mean(axis=(0, 1)) + 1e-2).ravel()
