"""Forgeries along time: frames made from their neighbours, and a part of the clip rendered again."""

from collections.abc import Callable

import cv2
import numpy as np

from telltale.demo.forge_picture import on_picture
from telltale.zoo.blend import merge
from telltale.zoo.take import Forger, Take, eyes, head, inner_face, mouth, softer

Between = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def interpolate(between: Between, shortest: int, longest: int) -> Forger:
    """Keep every n-th frame and make the others of the head by `between(before, after, share of after)`.

    shortest, longest: the range of n.
    """

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot, count = take.shot, len(take.times)
        gap = int(rng.integers(shortest, longest + 1))
        whole = rng.random() < 0.3
        cover = head(shot)
        out = shot.pixels.copy()
        for t in range(count):
            before = t // gap * gap
            after = min(before + gap, count - 1)
            if t in (before, after):
                continue
            made = between(shot.pixels[before], shot.pixels[after], (t - before) / (after - before))
            out[t] = made if whole else merge("feathered", out[t], made, on_picture(shot, t, cover))
        return out

    return forge


def mixed(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """The average of two frames."""
    return cv2.addWeighted(before, 1 - share, after, share, 0)


def held(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """The nearer of two frames."""
    return before if share < 0.5 else after


def flowed(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Both frames warped half way by the optical flow between them, and averaged.

    The flow at a pixel between them is taken from the ends at the same pixel, as fast interpolators do.
    """
    forth, back = optical_flow(before, after), optical_flow(after, before)
    return mixed(pulled(before, -share * forth), pulled(after, (share - 1) * back), share)


def optical_flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where each pixel of `before` has gone in `after`: float32 (S, S, 2), x then y, by DIS."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    start = np.zeros((*before.shape[:2], 2), np.float32)
    return np.asarray(flow.calc(grey[0], grey[1], start))


def pulled(picture: np.ndarray, field: np.ndarray) -> np.ndarray:
    """picture[p + field[p]] for every pixel p. field: float32 (S, S, 2) in pixels, x then y."""
    line = np.arange(len(picture), dtype=np.float32)
    x, y = line[None] + field[..., 0], line[:, None] + field[..., 1]
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def segment(name: str) -> Forger:
    """Render one part of the face again in a quarter to two thirds of the clip. name: face, mouth or eyes."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot, count = take.shot, len(take.times)
        length = max(2, round(count * rng.uniform(0.25, 0.65)))
        start = int(rng.integers(0, count - length + 1))
        reach = rng.uniform(0.9, 1.15)
        area = {"face": inner_face, "mouth": mouth, "eyes": eyes}[name](shot, reach)
        again = take.render(shot.identity, take.scene, shot.motion).pixels
        scale, tint = rng.uniform(0.28, 0.6), rng.normal(0, 4, 3)
        out = shot.pixels.copy()
        for t in range(start, start + length):
            face = np.clip(softer(again[t], scale) + tint, 0, 255).astype(np.uint8)
            fade = min(1.0, (t - start + 1) / 3, (start + length - t) / 3)
            out[t] = merge("feathered", out[t], face, on_picture(shot, t, area) * np.float32(fade))
        return out

    return forge


def freeze(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The face stands still for a part of the clip, while the head moves on."""
    shot, count = take.shot, len(take.times)
    length = max(2, round(count * rng.uniform(0.25, 0.6)))
    start = int(rng.integers(0, count - length + 1))
    area = inner_face(shot, rng.uniform(0.9, 1.1))
    out = shot.pixels.copy()
    for t in range(start + 1, start + length):
        between = cv2.invertAffineTransform(shot.poses[start])
        move = shot.poses[t] @ np.concatenate([between, [[0, 0, 1]]])
        face = cv2.warpAffine(shot.pixels[start], move, (take.size, take.size), borderMode=cv2.BORDER_REFLECT)
        out[t] = merge("feathered", out[t], face, on_picture(shot, t, area))
    return out
