"""Mouths fitted to `take.said`: drawn again, or taken from other frames of the clip."""

from dataclasses import replace

import cv2
import numpy as np

from telltale.demo.forge_picture import on_picture
from telltale.zoo.blend import merge
from telltale.zoo.take import Take, mouth, pick, softer, tracked


def drawn(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The lower face drawn again for `take.said`, less sharp and with a slight tint."""
    shot = take.shot
    spoken = replace(shot.motion, lips=take.said.mouth_at(take.times))
    again = take.render(shot.identity, take.scene, spoken)
    area, scale = mouth(shot, rng.uniform(0.9, 1.1)), rng.uniform(0.28, 0.8)
    blend, tint = pick(rng, ("feathered", "poisson", "pyramid")), rng.normal(0, 3, 3)
    error = rng.uniform(0.2, 0.7)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        face = np.clip(softer(again.pixels[t], scale) + tint, 0, 255).astype(np.uint8)
        out[t] = merge(blend, frame, face, tracked(rng, again, t, area, error))
    return out


def retrieved(rng: np.random.Generator, take: Take) -> np.ndarray:
    """For each frame, the mouth of the frame of this clip whose lips fit `take.said` best, moved into place.

    As in Video Rewrite (Bregler and others, 1997).
    """
    shot, wanted = take.shot, take.said.mouth_at(take.times)
    area, blend = mouth(shot, rng.uniform(0.9, 1.1)), pick(rng, ("feathered", "poisson", "pyramid"))
    out = np.empty_like(shot.pixels)
    before = 0
    for t, frame in enumerate(shot.pixels):
        costs = np.abs(shot.motion.lips - wanted[t]) @ np.asarray([1.0, 0.5, 0.3])
        costs += 2.0 * np.abs(shot.motion.turn - shot.motion.turn[t]).sum(axis=1)
        costs[t] += 0.3  # else a quiet passage would stay as it is
        costs[before] -= 0.05
        before = int(np.argmin(costs))
        back = cv2.invertAffineTransform(shot.poses[before])
        move = shot.poses[t] @ np.concatenate([back, [[0, 0, 1]]])
        face = cv2.warpAffine(
            shot.pixels[before], move, (take.size, take.size), borderMode=cv2.BORDER_REFLECT
        )
        out[t] = merge(blend, frame, face, on_picture(shot, t, area))
    return out
