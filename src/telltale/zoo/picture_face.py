"""Edits of a part or an attribute of the face, and faces that went through a resampler."""

from dataclasses import replace

import cv2
import numpy as np

from telltale.demo.face import grid
from telltale.demo.forge_picture import on_picture, resample_face
from telltale.demo.identity import draw_identity, draw_scene
from telltale.demo.texture import ramp
from telltale.zoo.blend import merge
from telltale.zoo.picture_swap import fitted
from telltale.zoo.take import Forger, Take, eyes, inner_face, pick, softer, tracked


def eyes_of_another(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The donor's eyes and brows in the face."""
    shot = take.shot
    other = take.render(take.donor, replace(draw_scene(rng), zoom=shot.zoom), shot.motion).pixels
    area, scale = eyes(shot, rng.uniform(1.0, 1.35)), rng.uniform(0.4, 0.95)
    recolour = fitted(rng, shot.pixels, other, on_picture(shot, 0, area) > 0.5)
    blend = pick(rng, ("feathered", "poisson", "pyramid"))
    error = rng.uniform(0.2, 0.7)
    return np.stack(
        [
            merge(blend, frame, recolour(softer(other[t], scale)), tracked(rng, shot, t, area, error))
            for t, frame in enumerate(shot.pixels)
        ]
    )


def gaze_corrected(rng: np.random.Generator, take: Take) -> np.ndarray:
    """Eyes drawn again that always look into the camera and hardly blink."""
    shot = take.shot
    motion = replace(
        shot.motion, gaze=np.zeros_like(shot.motion.gaze), blink=shot.motion.blink * rng.uniform(0, 0.4)
    )
    again = take.render(shot.identity, take.scene, motion).pixels
    area, scale = eyes(shot, rng.uniform(0.95, 1.2)), rng.uniform(0.35, 0.8)
    error = rng.uniform(0.2, 0.6)
    return np.stack(
        [
            merge("feathered", frame, softer(again[t], scale), tracked(rng, shot, t, area, error))
            for t, frame in enumerate(shot.pixels)
        ]
    )


def inpainted(rng: np.random.Generator, take: Take) -> np.ndarray:
    """A patch of the face removed, and filled from its surroundings by fast marching (Telea, 2004)."""
    shot = take.shot
    x, y = grid(len(shot.head.layer))
    cx, cy = ((0.0, -0.26), (-0.26, 0.16), (0.26, 0.16), (0.0, 0.14), (0.0, 0.50))[int(rng.integers(5))]
    wide, high = rng.uniform(0.10, 0.18), rng.uniform(0.08, 0.14)
    area = ramp(1.5 - ((x - cx) / wide) ** 2 - ((y - cy) / high) ** 2, 0, 1)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        hole = (on_picture(shot, t, area) > 0.5).astype(np.uint8)
        out[t] = cv2.inpaint(frame, hole, 3, cv2.INPAINT_TELEA)
    return out


def smoothed(rng: np.random.Generator, take: Take) -> np.ndarray:
    """A beauty filter: the skin smoothed, its edges kept."""
    shot = take.shot
    area = inner_face(shot, 1.2) * (1 - 0.8 * eyes(shot, 0.8))
    levels, reach = rng.uniform(25, 50), rng.uniform(2.0, 3.5)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        soft = cv2.bilateralFilter(frame, 7, levels, reach)
        out[t] = merge("feathered", frame, soft, on_picture(shot, t, area))
    return out


def relit(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The light on the face changed by the ratio of two smooth pictures of it, as relighting networks do."""
    shot, scene = take.shot, draw_scene(rng)
    light = replace(take.scene, light=scene.light, ambient=scene.ambient, light_colour=scene.light_colour)
    if np.dot(scene.light, take.scene.light) > 0.8:  # too much like the light that there is
        light = replace(light, light=(-take.scene.light[0] or 0.5, *take.scene.light[1:]))
    pair = [take.render(shot.identity, each, shot.motion).pixels for each in (take.scene, light)]
    area, blur = inner_face(shot, rng.uniform(1.0, 1.2)), rng.uniform(2.0, 4.0) * take.size / 160
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        before, after = (cv2.GaussianBlur(each[t], (0, 0), blur).astype(np.float32) + 8 for each in pair)
        face = np.clip(frame * np.clip(after / before, 0.4, 2.2), 0, 255).astype(np.uint8)
        out[t] = merge("feathered", frame, face, on_picture(shot, t, area))
    return out


def aged(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The face drawn again with other skin, brows, lips, wrinkles and beard, in the same shape."""
    shot, other, mine = take.shot, draw_identity(rng), take.shot.identity
    changed = replace(
        mine,
        wrinkles=1.3 - mine.wrinkles,
        freckles=1 - mine.freckles,
        beard=0.0 if mine.beard else other.beard,
        lips=other.lips,
        brow_weight=1.5 - mine.brow_weight,
        iris=other.iris,
    )
    again = take.render(changed, take.scene, shot.motion).pixels
    area, scale = inner_face(shot, rng.uniform(1.0, 1.15)), rng.uniform(0.4, 0.9)
    return np.stack(
        [
            merge("feathered", frame, softer(again[t], scale), on_picture(shot, t, area))
            for t, frame in enumerate(shot.pixels)
        ]
    )


FILTERS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}


def resampled(name: str) -> Forger:
    """The face sent through a resampler.

    name: `small`, reduced and enlarged; `super_resolved`, the same and sharpened; `recompressed`, a coarse
    JPEG of its own.
    """

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot, size = take.shot, take.size
        area = inner_face(shot, rng.uniform(1.0, 1.25))
        scale, quality = rng.uniform(0.3, 0.65), int(rng.integers(6, 22))
        enlarge = FILTERS[pick(rng, tuple(FILTERS))]
        amount, sigma = rng.uniform(0.8, 1.8), rng.uniform(1.0, 1.8)
        out = np.empty_like(shot.pixels)
        for t, frame in enumerate(shot.pixels):
            if name == "recompressed":
                face = jpeg(frame, quality)
            else:
                small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                face = cv2.resize(small, (size, size), interpolation=enlarge)
                if name == "super_resolved":
                    soft = cv2.GaussianBlur(face, (0, 0), sigma)
                    face = cv2.addWeighted(face, 1 + amount, soft, -amount, 0)
            out[t] = merge("feathered", frame, face, on_picture(shot, t, area))
        return out

    return forge


def transposed(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The face upsampled by a transposed convolution with uneven overlap, as in the demo."""
    return resample_face(rng, take.shot)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """A picture, uint8 (H, W, 3) RGB, as JPEG keeps it."""
    reversed_planes = np.ascontiguousarray(picture[..., ::-1])
    coded = cv2.imencode(".jpg", reversed_planes, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1])
