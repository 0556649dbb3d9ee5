"""Face swaps and head swaps: the donor's face, rendered with the clip's own movements."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from telltale.demo.forge_picture import on_picture
from telltale.demo.identity import draw_scene
from telltale.zoo.blend import COLOURS, colour_transfer, merge
from telltale.zoo.take import Forger, Take, head, inner_face, pick, softer, tracked


def swap(blend: str) -> Forger:
    """A swap of the inner face with this blending (of `blend.BLENDS`), any colour transfer, sharpness and
    reach."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot = take.shot
        other = take.render(take.donor, replace(draw_scene(rng), zoom=shot.zoom), shot.motion).pixels
        area = inner_face(shot, rng.uniform(0.9, 1.12))
        scale, error = rng.uniform(0.35, 0.95), rng.uniform(0.2, 0.9)
        recolour = fitted(rng, shot.pixels, other, on_picture(shot, 0, area) > 0.5)
        out = np.empty_like(shot.pixels)
        for t, frame in enumerate(shot.pixels):
            face = recolour(softer(other[t], scale))
            out[t] = merge(blend, frame, face, tracked(rng, shot, t, area, error))
        return out

    return forge


def swap_head(blend: str) -> Forger:
    """A swap of the whole head with its hair, in the same room."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot = take.shot
        other = take.render(take.donor, take.scene, shot.motion)
        scale, error = rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.8)
        ours, theirs = (head(each, rng.uniform(1.5, 4.0)) for each in (shot, other))
        out = np.empty_like(shot.pixels)
        for t, frame in enumerate(shot.pixels):
            cover = np.maximum(on_picture(shot, t, ours), on_picture(other, t, theirs))
            cover = np.minimum(1, 1.4 * cover)
            face = softer(other.pixels[t], scale)
            out[t] = merge(blend, frame, face, np.roll(cover, round(rng.normal(0, error)), axis=1))
        return out

    return forge


def fitted(
    rng: np.random.Generator,
    target: np.ndarray,
    source: np.ndarray,
    area: np.ndarray,
    names: tuple[str, ...] = COLOURS,
) -> Callable[[np.ndarray], np.ndarray]:
    """A drawn colour transfer, fitted to the first four frames of both inside `area`, bool (S, S)."""
    pixels = [frames[:4][:, area].reshape(-1, 3) for frames in (source, target)]
    return colour_transfer(pick(rng, names), *pixels)
