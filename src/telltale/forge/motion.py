"""Pseudo-forgeries that a sequence of pictures shows: a region of the face that moves, shines or waits by
itself.

Each of the clip's pictures would pass as a picture. The edges of the regions are wide, and what can be a
deformation is one, so that there is no border.
"""

import cv2
import numpy as np

from telltale.forge.material import Kind, Material, PseudoForgery, Seconds, smooth_path, window_of_frames
from telltale.forge.picture import can_be_seen, forged
from telltale.forge.region import Region, Shape, box_of, draw_region

JITTER_PIXELS = (1.0, 3.0)  # at a short side of 160 pixels; for larger pictures in proportion
JITTER_SIDE = 160
FLICKER_LEVELS, FLICKER_CONTRAST = (4.0, 14.0), (0.02, 0.08)
WINDOW_SHARES = (0.3, 0.8)
FEATHER = (0.02, 0.05)  # deviation of the blur of edges, in shares of the frame's short side


def wide_region(material: Material, rng: np.random.Generator) -> Region | None:
    """A region of the face with a wide soft edge."""
    assert material.frames is not None
    shapes: tuple[Shape, ...] = ("published", "partial", "mouth")
    region = draw_region(material, shapes[int(rng.integers(3))], rng)
    if region is None:
        return None
    # The regions of a clip have one shape and move by little: one blur of a small copy of each is enough.
    height, width = region.mask.shape[1:]
    sigma = rng.uniform(*FEATHER) * min(height, width)
    quarter = max(width // 4, 1), max(height // 4, 1)
    masks = np.empty_like(region.mask)
    for k, mask in enumerate(region.mask):
        small = cv2.GaussianBlur(cv2.resize(mask, quarter, interpolation=cv2.INTER_AREA), (0, 0), sigma / 4)
        masks[k] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    masks[masks < 1 / 512] = 0
    masks /= max(float(masks.max()), 1e-6)
    return Region(masks, box_of(masks.max(axis=0)))


def jittered(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """The region sways by 1 to 3 pixels on a path of its own. It is a deformation that falls to 0 at the
    mask's edge."""
    region = wide_region(material, rng)
    if region is None or material.frames is None or len(material.frames) < 3:
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
        moved = cv2.remap(
            material.frames[(k, *region.box)],
            x + share * path[k, 0],
            y + share * path[k, 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        # Where the mask is 0, the frame stays; the deformation there is none.
        frames[(k, *region.box)] = np.where(share[..., None] > 0, moved, frames[(k, *region.box)])
    if not can_be_seen(material.frames, frames, region):
        return None
    return PseudoForgery(
        frames, material.wave, "jittered", ("motion",), region.mask, ((0.0, material.seconds),)
    )


def flickering(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """The region has another brightness and contrast in each frame."""
    region = wide_region(material, rng)
    if region is None or material.frames is None or len(material.frames) < 3:
        return None
    count = len(material.frames)
    brightness = rng.uniform(*FLICKER_LEVELS) * rng.uniform(-1, 1, count)
    contrast = 1 + rng.uniform(*FLICKER_CONTRAST) * rng.uniform(-1, 1, count)
    levels = np.arange(256.0)
    tables = (128 + (levels - 128) * contrast[:, None] + brightness[:, None]).round().clip(0, 255)

    def change(crops: np.ndarray) -> np.ndarray:
        return np.stack(
            [cv2.LUT(crop, table.astype(np.uint8)) for crop, table in zip(crops, tables, strict=True)]
        )

    return forged("flickering", ("motion",), material, region, (0.0, material.seconds), change)


def rerendered(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """For a part of the time the region is made of the frames before and after: their mean with it, or,
    every second frame, their mixture or what lies between them by optical flow."""
    found = _windowed(material, rng)
    if found is None:
        return None
    region, seconds = found
    way = int(rng.integers(3))

    def change(crops: np.ndarray) -> np.ndarray:
        before, after = crops[np.r_[0, 0 : len(crops) - 1]], crops[np.r_[1 : len(crops), len(crops) - 1]]
        if way == 0:
            mean = crops * np.float32(0.34) + before * np.float32(0.33) + after * np.float32(0.33)
            return np.rint(mean).astype(np.uint8)
        made = crops.copy()
        for k in range(1, len(crops) - 1, 2):
            between = (
                cv2.addWeighted(before[k], 0.5, after[k], 0.5, 0)
                if way == 1
                else _between(before[k], after[k])
            )
            made[k] = between
        return made

    return forged("rerendered", ("picture", "motion"), material, region, seconds, change)


def held(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """For a part of the time frames of the region are repeated, each once or twice, or one is dropped and
    the later ones come early."""
    found = _windowed(material, rng)
    if found is None:
        return None
    region, seconds = found
    repeats, dropped = int(rng.integers(2, 3, endpoint=True)), rng.random() < 0.33

    def change(crops: np.ndarray) -> np.ndarray:
        numbers = np.arange(len(crops))
        shown = np.minimum(numbers + 1, numbers[-1]) if dropped else numbers // repeats * repeats
        return crops[shown]

    return forged("held", ("motion",), material, region, seconds, change)


def _windowed(material: Material, rng: np.random.Generator) -> tuple[Region, Seconds] | None:
    """A region for a part of the time, of at least three frames."""
    region = wide_region(material, rng)
    if region is None or material.frames is None or len(material.frames) < 4:
        return None
    least = max(WINDOW_SHARES[0], 3 / len(material.frames))
    window, seconds = window_of_frames(material.frame_seconds, least, max(least, WINDOW_SHARES[1]), rng)
    return region.at(window), seconds


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
