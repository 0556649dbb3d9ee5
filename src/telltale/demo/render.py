"""Renders a person, a room and a motion as pictures: the moving head over its background, and the camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from telltale.demo.backdrop import paint_backdrop
from telltale.demo.face import Head, paint_head
from telltale.demo.features import Features
from telltale.demo.identity import Identity, Scene
from telltale.demo.motion import Motion, placement

CANVAS = 1.25  # side of the head's canvas, in sides of the picture: larger, so that moving it loses no detail


@dataclass(frozen=True)
class Shot:
    """Pictures, and the exact position of the face in them.

    pixels: uint8 (T, S, S, 3) RGB.
    poses: (T, 2, 3) affine maps from pixels of the head's canvas to pixels of the picture.
    head, motion, identity: what was rendered.
    zoom: the scene's factor on the size of the head.
    """

    pixels: np.ndarray
    poses: np.ndarray
    head: Head
    motion: Motion
    zoom: float
    identity: Identity


def render(identity: Identity, scene: Scene, motion: Motion, size: int) -> Shot:
    """The pictures of a clip before `film`: sharp and without noise. size: side of the picture in pixels."""
    canvas = round(size * CANVAS)
    head = paint_head(identity, scene, canvas)
    features = Features(identity, scene, head)
    room, body = paint_backdrop(identity, scene, size)
    count = len(motion.roll)
    pixels = np.empty((count, size, size, 3), np.uint8)
    poses = np.stack([placement(motion, t, canvas, size, scene.zoom) for t in range(count)])
    for t in range(count):
        layer = features.paint(motion.lips[t], motion.blink[t], (motion.gaze[t, 0], motion.gaze[t, 1]))
        at_x, at_y = look_up(poses[t], head.relief, motion.turn[t], motion.lips[t, 0], motion.brow[t], size)
        sway = np.asarray(
            [[1, 0, 0.22 * size * motion.shift[t, 0]], [0, 1, 0.12 * size * motion.shift[t, 1]]]
        )
        under = over(
            room,
            cv2.warpAffine(body, sway, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        )
        pixels[t] = over(
            under, cv2.remap(layer, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        )
    return Shot(pixels, poses, head, motion, scene.zoom, identity)


def look_up(
    pose: np.ndarray, relief: np.ndarray, turn: np.ndarray, opened: float, brow: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel of the picture, the point of the head's canvas that it shows: x and y, float32 (S, S).

    pose, turn, brow: of one frame, as in `Shot` and `Motion`.
    relief: `Head.relief`.
    opened: how far the mouth is open, 0 to 1, which moves the jaw.
    size: S in pixels.

    The turn of the head moves each point sideways by its depth.
    """
    canvas = len(relief)
    back = cv2.invertAffineTransform(pose)
    line = np.arange(size, dtype=np.float32)
    x = (back[0, 0] * line[None] + (back[0, 1] * line[:, None] + back[0, 2])).astype(np.float32)
    y = (back[1, 0] * line[None] + (back[1, 1] * line[:, None] + back[1, 2])).astype(np.float32)
    depth, jaw, brows = cv2.split(cv2.remap(relief, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    unit = np.float32(canvas / 2)
    depth -= 0.25
    x -= depth * np.float32(turn[0] * unit)
    y -= (
        depth * np.float32(turn[1] * unit)
        + jaw * np.float32(0.07 * opened * unit)
        - brows * np.float32(brow * unit)
    )
    return x, y


def over(under: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """`layer` (H, W, 4) with premultiplied alpha on top of `under` (H, W, 3), all uint8: (H, W, 3)."""
    clear = cv2.cvtColor(255 - cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2RGB)
    return cv2.add(cv2.multiply(under, clear, scale=1 / 255), cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB))


def film(rng: np.random.Generator, pixels: np.ndarray, scene: Scene) -> np.ndarray:
    """Add lens blur, flicker and sensor noise to pictures, uint8 (T, S, S, 3). Same shape and dtype."""
    size = pixels.shape[1]
    fields = _grain(rng, size + 48)
    out = np.empty_like(pixels)
    for t, sharp in enumerate(pixels):
        top, left, which = (int(v) for v in rng.integers(0, (48, 48, len(fields))))
        noise = fields[which][top : top + size, left : left + size]
        exposure = scene.noise_levels * (-1 if rng.random() < 0.5 else 1)
        soft = cv2.GaussianBlur(sharp, (3, 3), scene.blur_pixels)
        out[t] = cv2.addWeighted(soft, 1 + 0.004 * rng.standard_normal(), noise, exposure, 0, dtype=cv2.CV_8U)
    return out


def _grain(rng: np.random.Generator, size: int) -> list[np.ndarray]:
    """Two fields of sensor noise, float32 (size, size, 3) of unit variance, blurred as by demosaicing."""
    fields = []
    for _ in range(2):
        grey = rng.standard_normal((size, size, 1), dtype=np.float32)
        noise = cv2.GaussianBlur(
            0.8 * grey + 0.6 * rng.standard_normal((size, size, 3), dtype=np.float32), (3, 3), 0.5
        )
        fields.append(noise / noise.std())
    return fields
