"""Forgeries of the picture. Each changes filmed frames and leaves traces like those of real forgeries.

    face_swap             another person's face at low resolution, colours matched, blended with a soft mask
    mouth_regenerated     the lower face drawn again at low resolution for another utterance, blended in
    face_resampled        the face downsampled and upsampled by a transposed convolution: blur, checkerboard
    whole_face_reenacted  one still picture of the face warped by a coarse, jittering motion field, flicker

The functions return uint8 (T, S, S, 3). `shot` has the genuine frames and the exact position of the face.
"""

from dataclasses import replace

import cv2
import numpy as np

from telltale.demo.face import grid
from telltale.demo.identity import Identity, Scene
from telltale.demo.render import Shot, look_up, render
from telltale.demo.speech import Utterance
from telltale.demo.texture import ramp


def swap_face(rng: np.random.Generator, shot: Shot, donor: Identity, donor_scene: Scene) -> np.ndarray:
    """Replace the face in `shot` by the donor's, with the same movements, in the light of `donor_scene`."""
    size = shot.pixels.shape[1]
    other = render(donor, replace(donor_scene, zoom=shot.zoom), shot.motion, size)
    out = np.empty_like(shot.pixels)
    gain, offset = _match_colours(shot, other)
    for t, frame in enumerate(shot.pixels):
        small = cv2.resize(other.pixels[t], None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        face = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        face = face * gain + offset + rng.normal(0, 1.5)
        out[t] = blend(frame, face, nudge(rng, on_picture(shot, t, shot.head.inner_face), 0.7))
    return out


def regenerate_mouth(
    rng: np.random.Generator, shot: Shot, scene: Scene, speech: Utterance, times: np.ndarray
) -> np.ndarray:
    """Draw the lower face again so that it says `speech`. times: seconds of the frames, (T,)."""
    size, canvas = shot.pixels.shape[1], len(shot.head.layer)
    again = render(shot.identity, scene, replace(shot.motion, lips=speech.mouth_at(times)), size)
    x, y = grid(canvas)
    centre = shot.identity.mouth_y + 0.04
    area = ramp(1 - (np.abs(x) / 0.36) ** 4 - (np.abs(y - centre) / 0.27) ** 4, 0.0, 0.4)
    tint = rng.normal(0, 4, 3).astype(np.float32)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        small = cv2.resize(again.pixels[t], None, fx=0.30, fy=0.30, interpolation=cv2.INTER_AREA)
        mouth = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        mouth += tint + rng.normal(0, 1.5, 3).astype(np.float32)
        out[t] = blend(frame, mouth, nudge(rng, on_picture(again, t, area), 0.6))
    return out


def resample_face(rng: np.random.Generator, shot: Shot) -> np.ndarray:
    """Downsample the face, then upsample it by a transposed convolution with uneven overlap."""
    size, canvas = shot.pixels.shape[1], len(shot.head.layer)
    stride = int(rng.integers(3, 5))
    taps = 1 - np.abs(np.arange(1 - stride, stride)) / stride
    kernels = [_uneven(rng, taps) for _ in range(3)]
    x, y = grid(canvas)
    shape = shot.identity
    area = ramp(
        1 - (x / (0.98 * shape.face_width)) ** 2 - ((y - 0.04) / (0.92 * shape.face_height)) ** 2, 0.0, 0.25
    )
    cells = size // stride + 1
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        # The grid is fixed to the crop of the face, so it moves with the head, by whole pixels.
        left, top = (round(float(v)) % stride for v in shot.poses[t][:, 2])
        wide = cv2.copyMakeBorder(
            frame, stride - top, stride * 2, stride - left, stride * 2, cv2.BORDER_REPLICATE
        )
        wide = wide[: (cells + 1) * stride, : (cells + 1) * stride]
        small = cv2.resize(wide, (cells + 1, cells + 1), interpolation=cv2.INTER_AREA)
        sparse = np.zeros(((cells + 1) * stride, (cells + 1) * stride, 3), np.float32)
        sparse[stride // 2 :: stride, stride // 2 :: stride] = small
        grown = cv2.merge(
            [
                cv2.filter2D(plane, -1, kernel)
                for plane, kernel in zip(cv2.split(sparse), kernels, strict=True)
            ]
        )
        face = grown[stride - top : stride - top + size, stride - left : stride - left + size]
        out[t] = blend(frame, face, on_picture(shot, t, area))
    return out


def _uneven(rng: np.random.Generator, taps: np.ndarray) -> np.ndarray:
    """A kernel of bilinear interpolation whose weights are wrong by about a tenth: float32 (K, K)."""
    rows, columns = (taps * (1 + rng.uniform(0.07, 0.14) * rng.choice((-1, 1), len(taps))) for _ in range(2))
    kernel = np.outer(rows, columns)
    return (kernel * ((len(taps) + 1) / 2) ** 2 / kernel.sum()).astype(np.float32)


def reenact_face(rng: np.random.Generator, shot: Shot) -> np.ndarray:
    """Replace the head in every frame by the head of one frame, warped by a coarse motion field."""
    count, size = shot.pixels.shape[:2]
    still = int(np.argsort(shot.motion.lips[:, 0])[count // 2])
    cover = cv2.GaussianBlur(shot.head.layer[..., 3].astype(np.float32) / 255, (0, 0), 3.0)
    knots = size // 10
    line = np.arange(size, dtype=np.float32)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        field = field_between(shot, t, still)
        jitter = 0.45 * rng.standard_normal((knots, knots, 2), dtype=np.float32)
        coarse = cv2.resize(field, (knots, knots), interpolation=cv2.INTER_AREA)
        field = cv2.resize(cv2.add(coarse, jitter), (size, size), interpolation=cv2.INTER_CUBIC)
        warped = cv2.remap(
            shot.pixels[still], line[None] + field[..., 0], line[:, None] + field[..., 1], cv2.INTER_LINEAR
        )
        flicker = np.float32(1 + 0.025 * rng.standard_normal())
        face = cv2.GaussianBlur(warped.astype(np.float32), (0, 0), 0.9) * flicker
        out[t] = blend(frame, face, on_picture(shot, t, cover))
    return out


def field_between(shot: Shot, t: int, still: int) -> np.ndarray:
    """For each pixel of frame `t`, the offset in pixels to the same point of the face in frame `still`.

    float32 (S, S, 2), x then y.
    """
    size = shot.pixels.shape[1]
    x, y = _canvas_positions(shot, t)
    pose, motion = shot.poses[still], shot.motion
    depth, jaw, _ = cv2.split(
        cv2.remap(shot.head.relief, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
    unit = len(shot.head.layer) / 2
    x, y = (
        x + (depth - 0.25) * motion.turn[still, 0] * unit,
        y + (depth - 0.25) * motion.turn[still, 1] * unit,
    )
    y = y + jaw * 0.07 * motion.lips[still, 0] * unit
    line = np.arange(size, dtype=np.float32)
    offset_x = pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] - line[None]
    offset_y = pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] - line[:, None]
    return np.stack([offset_x, offset_y], axis=2).astype(np.float32)


def _canvas_positions(shot: Shot, t: int) -> tuple[np.ndarray, np.ndarray]:
    motion = shot.motion
    return look_up(
        shot.poses[t],
        shot.head.relief,
        motion.turn[t],
        motion.lips[t, 0],
        motion.brow[t],
        shot.pixels.shape[1],
    )


def on_picture(shot: Shot, t: int, mask: np.ndarray) -> np.ndarray:
    """A mask on the head's canvas, float32 (C, C), moved to its position in frame `t`, (S, S)."""
    return cv2.remap(mask, *_canvas_positions(shot, t), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def nudge(rng: np.random.Generator, mask: np.ndarray, pixels: float) -> np.ndarray:
    """The mask shifted by a random fraction of a pixel, as by the error of a face tracker."""
    dx, dy = rng.normal(0, pixels, 2)
    return cv2.warpAffine(mask, np.asarray([[1, 0, dx], [0, 1, dy]]), mask.shape[::-1])


def blend(frame: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`frame`, uint8 (S, S, 3), blended with `face`, float32 (S, S, 3), by `mask`, (S, S), 1 for the face."""
    return cv2.blendLinear(frame, np.clip(face, 0, 255).astype(np.uint8), 1 - mask, mask)


def _match_colours(shot: Shot, other: Shot) -> tuple[np.ndarray, np.ndarray]:
    """(gain, offset), each (3,), that give the face in `other` the mean and deviation of the one in `shot`.

    Measured over the first four frames.
    """
    mask = on_picture(shot, 0, shot.head.inner_face) > 0.5
    target, source = (
        frames[:4][:, mask].reshape(-1, 3).astype(np.float32) for frames in (shot.pixels, other.pixels)
    )
    gain = np.clip(target.std(axis=0) / (source.std(axis=0) + 1), 0.5, 1.6)
    return gain, target.mean(axis=0) - gain * source.mean(axis=0)
