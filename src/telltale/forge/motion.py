"""Pseudo-forgeries that a sequence of pictures shows: a region of the face that moves, shines or waits by
itself.

Each of the clip's pictures would pass as a picture. The edges of the regions are wide, and what can be a
deformation is one, so that there is no border.
"""

import cv2
import numpy as np

from telltale.forge.material import (
    Kind,
    Material,
    PseudoForgery,
    Seconds,
    frame_edges,
    smooth_path,
    window_of_frames,
)
from telltale.forge.picture import can_be_seen
from telltale.forge.region import Region, Shape, draw_region, pasted

JITTER_PIXELS = (1.0, 3.0)  # at a short side of 160 pixels; for larger pictures in proportion
JITTER_SIDE = 160
FLICKER_LEVELS, FLICKER_CONTRAST = (4.0, 14.0), (0.02, 0.08)
WINDOW_SHARES = (0.3, 0.8)


def wide_region(material: Material, rng: np.random.Generator) -> Region | None:
    """A region of the face with a wide soft edge; None if there is none, or there are less than four
    frames."""
    if material.frames is None or len(material.frames) < 4:
        return None
    shapes: tuple[Shape, ...] = ("whole", "published", "partial", "mouth")
    return draw_region(material, shapes[int(rng.integers(len(shapes)))], rng, wide=True)


def jittered(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """The region sways by 1 to 3 pixels on a path of its own. It is a deformation that falls to 0 at the
    mask's edge."""
    region = wide_region(material, rng)
    if region is None or material.frames is None:
        return None
    count, height, width = region.mask.shape
    far = rng.uniform(*JITTER_PIXELS) * max(min(height, width) / JITTER_SIDE, 1.0)
    path = np.stack([smooth_path(count, rng) for _ in range(2)], -1).astype(np.float32)
    path *= np.float32(far / np.hypot(path[:, 0], path[:, 1]).max())
    rows, columns = region.box
    x = np.arange(columns.stop - columns.start, dtype=np.float32)
    y = np.arange(rows.stop - rows.start, dtype=np.float32)[:, None]
    frames = material.frames.copy()
    for k in range(count):
        share = region.mask[(k, *region.box)]
        # Where the mask is 0, the deformation is none and the pixel stays what it is.
        frames[(k, *region.box)] = cv2.remap(
            material.frames[(k, *region.box)],
            x + share * path[k, 0],
            y + share * path[k, 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    return _forgery("jittered", ("motion",), material, frames, region, (0.0, material.seconds))


def flickering(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """The region has another brightness and contrast in each frame."""
    region = wide_region(material, rng)
    if region is None or material.frames is None:
        return None
    count = len(material.frames)
    brightness = rng.uniform(*FLICKER_LEVELS) * rng.uniform(-1, 1, count)
    contrast = 1 + rng.uniform(*FLICKER_CONTRAST) * rng.uniform(-1, 1, count)
    levels = np.arange(256.0)
    tables = (128 + (levels - 128) * contrast[:, None] + brightness[:, None]).round().clip(0, 255)

    inside = (slice(None), *region.box)
    crops = [
        cv2.LUT(crop, table.astype(np.uint8))
        for crop, table in zip(material.frames[inside], tables, strict=True)
    ]
    frames = pasted(material.frames, region, crops)
    return _forgery("flickering", ("motion",), material, frames, region, (0.0, material.seconds))


def rerendered(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """For a part of the time the region is made of the frames before and after: their mean with it, or,
    every second frame, their mixture or what lies between them by optical flow."""
    region = wide_region(material, rng)
    if region is None or material.frames is None:
        return None
    window, seconds = _window(material, rng)
    way = ("mean", "mixture", "flow")[int(rng.integers(3))]
    numbers = range(window.start, window.stop, 1 if way == "mean" else 2)
    crops = []
    for k in numbers:
        before, now, after = (material.frames[(k + step, *region.box)] for step in (-1, 0, 1))
        if way == "flow":
            crops.append(_between(before, after))
        else:
            mixture = cv2.addWeighted(before, 0.5, after, 0.5, 0)
            crops.append(cv2.addWeighted(now, 1 / 3, mixture, 2 / 3, 0) if way == "mean" else mixture)
    region = region.at(np.array(numbers))
    frames = pasted(material.frames, region, crops)
    return _forgery("rerendered", ("picture", "motion"), material, frames, region, seconds)


def held(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """For a part of the time frames of the region are shown twice or three times, or one is dropped and the
    later ones come early."""
    region = wide_region(material, rng)
    if region is None or material.frames is None:
        return None
    window, seconds = _window(material, rng)
    times, dropped = int(rng.integers(2, 3, endpoint=True)), rng.random() < 0.33
    numbers = np.arange(window.start, window.stop)
    first = window.start - 1
    shown = numbers + 1 if dropped else first + (numbers - first) // times * times
    numbers, shown = numbers[shown != numbers], shown[shown != numbers]
    crops = material.frames[(shown, *region.box)]
    region = region.at(numbers)
    return _forgery("held", ("motion",), material, pasted(material.frames, region, crops), region, seconds)


def _window(material: Material, rng: np.random.Generator) -> tuple[slice, Seconds]:
    """A part of the time with at least two frames, without the clip's first and last one."""
    times = material.frame_seconds
    least = max(WINDOW_SHARES[0], 2 / (len(times) - 2))
    window, _ = window_of_frames(times[1:-1], least, max(least, WINDOW_SHARES[1]), rng)
    edges = frame_edges(times)
    window = slice(window.start + 1, window.stop + 1)
    return window, (float(edges[window.start]), float(edges[window.stop]))


def _forgery(
    name: str,
    cues: tuple[str, ...],
    material: Material,
    frames: np.ndarray,
    region: Region,
    seconds: Seconds,
) -> PseudoForgery | None:
    """The forgery, or None if nobody could see it."""
    assert material.frames is not None
    if not can_be_seen(material.frames, frames, region):
        return None
    return PseudoForgery(frames, material.wave, name, cues, region.mask, (seconds,))


def _between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The picture half way between two, uint8 (h, w, 3), by dense optical flow (Kroeger et al., 2016)."""
    height, width = before.shape[:2]
    flow = np.zeros((height, width, 2), np.float32)
    cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(
        cv2.cvtColor(before, cv2.COLOR_RGB2GRAY), cv2.cvtColor(after, cv2.COLOR_RGB2GRAY), flow
    )
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    halves = [
        cv2.remap(
            picture,
            x + share * flow[..., 0],
            y + share * flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for picture, share in ((before, np.float32(-0.5)), (after, np.float32(0.5)))
    ]
    return np.asarray(cv2.addWeighted(halves[0], 0.5, halves[1], 0.5, 0))


MOTION_KINDS = (
    Kind("jittered", "motion", ("picture",), None, jittered),
    Kind("flickering", "motion", ("picture",), None, flickering),
    Kind("rerendered", "motion", ("picture",), None, rerendered),
    Kind("held", "motion", ("picture",), None, held),
)
