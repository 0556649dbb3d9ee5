"""What a kind of picture forgery is given, and where the face is in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from telltale.demo.face import grid
from telltale.demo.forge_picture import nudge, on_picture
from telltale.demo.identity import Identity, Scene
from telltale.demo.motion import Motion
from telltale.demo.render import Shot, render
from telltale.demo.speech import Utterance
from telltale.demo.texture import ramp


@dataclass(frozen=True)
class Take:
    """A filmed clip that is to be forged.

    shot: the genuine frames as the camera gave them, uint8 (T, S, S, 3) in `shot.pixels`.
    scene: room and light of the clip.
    donor: the person whose face is used, if the kind needs one.
    times: seconds of the frames, (T,).
    toned: the camera's tone curve, which pictures rendered for the forgery get too.
    said: what the mouth has to say: the clip's own speech, unless the kind replaces that.
    trained: file of the trained generators.
    """

    shot: Shot
    scene: Scene
    donor: Identity
    times: np.ndarray
    toned: Callable[[np.ndarray], np.ndarray]
    said: Utterance
    trained: Path

    @property
    def size(self) -> int:
        return self.shot.pixels.shape[1]

    def render(self, identity: Identity, scene: Scene, motion: Motion) -> Shot:
        """Further pictures, as large as the clip's, without noise."""
        shot = render(identity, scene, motion, self.size)
        return replace(shot, pixels=self.toned(shot.pixels))


Forger = Callable[[np.random.Generator, Take], np.ndarray]  # → uint8 (T, S, S, 3)


def inner_face(shot: Shot, reach: float = 1.0) -> np.ndarray:
    """Soft mask of eyes, nose and mouth on the head's canvas, float32 (C, C).

    reach: factor on its size.
    """
    x, y = grid(len(shot.head.layer))
    shape = shot.identity
    radius = (x / (0.80 * reach * shape.face_width)) ** 2
    return ramp(1 - radius - ((y - 0.11) / (0.78 * reach * shape.face_height)) ** 2, 0.0, 0.35)


def mouth(shot: Shot, reach: float = 1.0) -> np.ndarray:
    """Soft mask of the mouth and what it moves, float32 (C, C)."""
    x, y = grid(len(shot.head.layer))
    centre = shot.identity.mouth_y + 0.04
    inside = 1 - (np.abs(x) / (0.36 * reach)) ** 4 - (np.abs(y - centre) / (0.27 * reach)) ** 4
    return ramp(inside, 0.0, 0.4)


def eyes(shot: Shot, reach: float = 1.0) -> np.ndarray:
    """Soft mask of both eyes, float32 (C, C)."""
    x, y = grid(len(shot.head.layer))
    shape = shot.identity
    across, down = (np.abs(x) - shape.eye_x) / (0.17 * reach), (y - shape.eye_y) / (0.12 * reach)
    return ramp(1 - across**4 - down**4, 0.0, 0.4)


def head(shot: Shot, soft_pixels: float = 3.0) -> np.ndarray:
    """Mask of the head with its hair, float32 (C, C), softened by so many pixels."""
    return cv2.GaussianBlur(shot.head.layer[..., 3].astype(np.float32) / 255, (0, 0), soft_pixels)


def tracked(rng: np.random.Generator, shot: Shot, t: int, mask: np.ndarray, error: float) -> np.ndarray:
    """A mask of the canvas where a tracker finds it in frame `t`, (S, S). error: its deviation in pixels."""
    return nudge(rng, on_picture(shot, t, mask), error)


def softer(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture reduced by `scale` and enlarged again: it has the sharpness of a small generator's output."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    """One of the names."""
    return names[int(rng.integers(len(names)))]
