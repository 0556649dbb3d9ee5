"""Reenactment (one still of the face warped to each frame) and animation of a still picture."""

from dataclasses import replace

import cv2
import numpy as np

from telltale.demo.forge_picture import field_between, on_picture
from telltale.demo.render import Shot
from telltale.zoo.blend import merge
from telltale.zoo.picture_time import optical_flow, pulled
from telltale.zoo.take import Take, head, mouth, softer


def _still(rng: np.random.Generator, shot: Shot) -> int:
    """The frame that the forgery starts from: one with the mouth half open."""
    order = np.argsort(shot.motion.lips[:, 0])
    return int(order[int(len(order) * rng.uniform(0.3, 0.7))])


def _over_head(take: Take, t: int, face: np.ndarray, cover: np.ndarray) -> np.ndarray:
    return merge("feathered", take.shot.pixels[t], face, on_picture(take.shot, t, cover))


def by_grid(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The head warped by a coarse, jittering grid of motion vectors, with flicker."""
    shot, size = take.shot, take.size
    still, cover = _still(rng, shot), head(shot)
    knots, shake = max(4, size // int(rng.integers(7, 15))), rng.uniform(0.2, 0.6)
    blur, flicker = rng.uniform(0.5, 1.1), rng.uniform(0.005, 0.03)
    out = np.empty_like(shot.pixels)
    for t in range(len(out)):
        coarse = cv2.resize(field_between(shot, t, still), (knots, knots), interpolation=cv2.INTER_AREA)
        coarse = coarse + shake * rng.standard_normal((knots, knots, 2), dtype=np.float32)
        field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        face = cv2.GaussianBlur(pulled(shot.pixels[still], field), (0, 0), blur)
        gain = 1 + flicker * rng.standard_normal()
        out[t] = _over_head(take, t, cv2.convertScaleAbs(face, alpha=gain), cover)
    return out


def by_keypoints(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The head warped by the motion of a few points; pixels near a point move with it."""
    shot, size = take.shot, take.size
    still, cover = _still(rng, shot), head(shot)
    count, reach = int(rng.integers(8, 20)), rng.uniform(0.10, 0.2) * size
    points = rng.uniform(0.2, 0.8, (count, 2)) * (size - 1)
    line = np.arange(size)
    squared = (line[None, :, None] - points[:, 0]) ** 2 + (line[:, None, None] - points[:, 1]) ** 2
    weights = np.exp(-squared / (2 * reach**2)) + 1e-9
    weights = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    blur = rng.uniform(0.5, 1.0)
    out = np.empty_like(shot.pixels)
    for t in range(len(out)):
        exact = field_between(shot, t, still)
        at = np.rint(points).astype(int)
        motion = exact[at[:, 1], at[:, 0]] + rng.normal(0, 0.25, (count, 2)).astype(np.float32)
        field = np.stack([(weights * motion[:, axis]).sum(axis=2) for axis in range(2)], axis=2)
        out[t] = _over_head(take, t, cv2.GaussianBlur(pulled(shot.pixels[still], field), (0, 0), blur), cover)
    return out


def by_flow(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The head warped by the optical flow from each frame to the still, which is wrong where it is hidden."""
    shot = take.shot
    still, cover = _still(rng, shot), head(shot)
    blur = rng.uniform(0.4, 0.8)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        field = optical_flow(frame, shot.pixels[still])
        face = cv2.GaussianBlur(pulled(shot.pixels[still], field), (0, 0), blur)
        out[t] = _over_head(take, t, face, cover)
    return out


def talking_photo(rng: np.random.Generator, take: Take) -> np.ndarray:
    """One frame, in which only the mouth moves."""
    return _animated(rng, take, sway=0.0)


def swaying_photo(rng: np.random.Generator, take: Take) -> np.ndarray:
    """One frame that sways and zooms slowly as a whole, in which the mouth moves."""
    return _animated(rng, take, sway=rng.uniform(0.008, 0.025))


def _animated(rng: np.random.Generator, take: Take, sway: float) -> np.ndarray:
    shot, size, count = take.shot, take.size, len(take.times)
    still, motion = _still(rng, shot), take.shot.motion
    frozen = {
        name: np.repeat(getattr(motion, name)[still : still + 1], count, axis=0)
        for name in ("shift", "roll", "zoom", "turn", "blink", "gaze", "brow")
    }
    drawn = take.render(shot.identity, take.scene, replace(motion, **frozen, lips=motion.lips))
    area, scale = mouth(shot, rng.uniform(0.9, 1.15)), rng.uniform(0.35, 0.9)
    hertz, phase = rng.uniform(0.1, 0.5, 3), rng.uniform(0, 2 * np.pi, 3)
    out = np.empty_like(shot.pixels)
    for t, second in enumerate(take.times):
        frame = merge(
            "feathered", shot.pixels[still], softer(drawn.pixels[t], scale), on_picture(drawn, t, area)
        )
        dx, dy, zoom = sway * np.sin(2 * np.pi * hertz * second + phase)
        if sway:
            middle = (size - 1) / 2
            scaled = 1.03 + zoom
            move = [
                [scaled, 0, middle * (1 - scaled) + dx * size],
                [0, scaled, middle * (1 - scaled) + dy * size],
            ]
            frame = cv2.warpAffine(
                frame, np.asarray(move), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
        out[t] = frame
    return out
