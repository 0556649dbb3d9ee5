"""The region of a clip's frames that is forged: one mask shape that follows the face, and the blending into
it.

region = draw_region(material, "published", rng)
frames, mask = change_region(material.frames, region, change)
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from telltale.forge.face import face_mask, prior
from telltale.forge.material import Material, smooth_path
from telltale.forge.selfblend import soften, warp

Shape = Literal["whole", "published", "partial", "mouth"]

# Masks are drawn at this short side at most and enlarged: their edges are soft.
WORK_SIDE = 160
# Pixels around the mask that a filter in the region may read.
MARGIN = 8
# Points farther apart than this, in shares of the frame, move a mask; those nearer are one place.
STILL = 0.002
# Of a region without landmarks, to all sides, in shares of the frame's short side.
DRIFT = 0.008
FEATHER = (0.004, 0.03)  # deviations of the blur of edges, in shares of the short side
WIDE = (0.02, 0.05)


@dataclass(frozen=True)
class Region:
    """Where frames are forged.

    mask: float32 (D, H, W) in [0, 1], the share of forged.
    box: rows and columns outside of which the mask is 0.
    numbers: int (K,), K >= 1, rising: the frames in which it is not 0.
    """

    mask: np.ndarray
    box: tuple[slice, slice]
    numbers: np.ndarray

    def at(self, numbers: np.ndarray) -> "Region":
        """The region in the frames of these numbers alone: in others the mask is 0."""
        inside = (slice(None), *self.box)
        mask = np.zeros(self.mask.shape, np.float32)
        mask[inside][numbers] = self.mask[inside][numbers]
        return Region(mask, self.box, numbers)

    def weaker(self, share: float) -> "Region":
        """The region with its mask times `share`."""
        if share == 1:
            return self
        inside = (slice(None), *self.box)
        mask = np.zeros(self.mask.shape, np.float32)
        np.multiply(self.mask[inside], np.float32(share), out=mask[inside])
        return replace(self, mask=mask)


def guess_points(material: Material, rng: np.random.Generator) -> Material:
    """The material with landmarks: one guess for all frames if it has none, see `face.prior`."""
    if material.frames is None or material.points is not None:
        return material
    count, height, width = material.frames.shape[:3]
    # The guess is of the frame's centre square.
    square = np.array([min(height, width) / width, min(height, width) / height])
    points = (0.5 + (prior(rng) - 0.5) * square).astype(np.float32)
    return replace(material, points=np.broadcast_to(points, (count, *points.shape)))


def draw_region(
    material: Material, shape: Shape, rng: np.random.Generator, *, wide: bool = False
) -> Region | None:
    """A region of the face with a soft edge in all frames; None if the face is out of sight.

    material: with frames and points. Points are smoothed in time, and the mask follows them by an affine map.
        Where they stand still, it drifts a little.
    shape: "published" or "partial" as `face.face_mask`, with the published softening; "whole": the hull of
        all points, and "mouth": the mouth and some skin around it, both with an edge of 1 to 10 pixels at a
        side of 160.
    wide: whether the edge is some 10 pixels wider, so that there is no border.
    """
    assert material.frames is not None and material.points is not None
    count, height, width = material.frames.shape[:3]
    points = _smoothed(material.points)
    middle = points.mean(axis=0)
    # Where the mask is drawn, the face may be shifted: it is drawn at the mean of the points.
    small = _draw_mask(middle, shape, (height, width), rng)
    if wide:
        sigma = rng.uniform(*WIDE) * min(small.shape)
        small = cv2.GaussianBlur(small, (0, 0), sigma)
        small[small < 1 / 512] = 0
        small = small / max(float(small.max()), 1e-6)
    if small.max() < 0.5:
        return None
    mask = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    moves = _moves(points, middle, (height, width), rng)
    rows, columns = _reach(mask, moves)
    masks = np.zeros((count, height, width), np.float32)
    size = columns.stop - columns.start, rows.stop - rows.start
    if min(size) <= 0:
        return None
    for k, move in enumerate(moves):
        move[:, 2] -= columns.start, rows.start
        moved = cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR)
        # Interpolation misses 1 by a unit in the last place.
        np.minimum(moved, np.float32(1), out=masks[k, rows, columns])
    if masks[:, rows, columns].max() < 0.5:
        return None
    return Region(masks, (rows, columns), np.arange(count))


def _reach(mask: np.ndarray, moves: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that the mask (H, W) comes to by affine maps (D, 2, 3), and MARGIN more."""
    rows, columns = (np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in range(2))
    corners = np.array([[x, y, 1] for x in columns for y in rows])
    places = np.einsum("dxc,pc->dpx", moves, corners)
    low, high = np.floor(places.min((0, 1))) - MARGIN, np.ceil(places.max((0, 1))) + MARGIN + 1
    starts, stops = (np.clip(each, 0, mask.shape[::-1]).astype(int) for each in (low, high))
    return slice(int(starts[1]), int(stops[1])), slice(int(starts[0]), int(stops[0]))


def pasted(frames: np.ndarray, region: Region, crops: Iterable[np.ndarray]) -> np.ndarray:
    """Frames uint8 (D, H, W, 3) → the same shape with crops of the region's box, uint8 (h, w, 3), blended in
    by its mask: one for each frame of `region.numbers`."""
    forged = frames.copy()
    for number, crop in zip(region.numbers, crops, strict=True):
        place = (int(number), *region.box)
        share = region.mask[place]
        # As `selfblend.blend`: where the mask is 0, or the crop is the frame, this gives just the frame.
        change = cv2.subtract(crop, forged[place], dtype=cv2.CV_32F)
        cv2.multiply(change, cv2.merge([share, share, share]), change)
        forged[place] = cv2.add(forged[place], change, dtype=cv2.CV_8U)
    return forged


def _draw_mask(
    points: np.ndarray, shape: Shape, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """float32, at most WORK_SIDE on its short side, with a soft edge; zeros if nothing is in sight."""
    scale = min(WORK_SIDE / min(size), 1.0)
    height, width = (max(round(side * scale), 1) for side in size)
    soft = None
    if shape == "whole" or shape == "mouth":
        if shape == "mouth":
            lips, grown = points[48:60], (rng.uniform(1.3, 1.9), rng.uniform(1.8, 3.0))
            points = lips.mean(axis=0) + (lips - lips.mean(axis=0)) * grown
        hard = np.zeros((height, width), np.float32)
        pixels = np.clip(points, -1, 2) * (width, height) - 0.5
        cv2.fillConvexPoly(hard, cv2.convexHull(np.rint(pixels).astype(np.int32)), 1.0)
    else:
        hard = face_mask(points, height, width, rng, shape)
        soft = soften(warp(hard, rng), rng)
    feather = rng.uniform(*FEATHER) * min(height, width)
    # The published softening shrinks a region: of a small one it leaves nothing.
    if soft is None or (soft > 0.5).sum() < 0.3 * hard.sum():
        soft = cv2.GaussianBlur(warp(hard, rng), (0, 0), max(feather, 0.5))
        soft[soft < 0.01] = 0
        soft[[0, -1]] = soft[:, [0, -1]] = 0
    return soft


def _smoothed(points: np.ndarray) -> np.ndarray:
    """Points (D, P, 2) → the same, float64, averaged over about three frames with the weights 1, 2, 1."""
    padded = np.pad(points.astype(np.float64), ((1, 1), (0, 0), (0, 0)), mode="edge")
    return np.asarray((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


def _moves(
    points: np.ndarray, middle: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """float64 (D, 2, 3): the affine maps of pixels from the mean face `middle` to each frame's, and a drift
    if the points stand still."""
    count, whole = len(points), np.array([size[1], size[0]])
    drift = np.stack([smooth_path(count, rng) for _ in range(2)], axis=-1) * DRIFT * min(size)
    moves = np.zeros((count, 2, 3))
    moves[:, 0, 0] = moves[:, 1, 1] = 1
    if np.abs(points - middle).max() < STILL:
        moves[:, :, 2] = drift
        return moves
    known = np.concatenate([middle * whole - 0.5, np.ones((len(middle), 1))], axis=1)
    # The least squares fit of each frame's points.
    return np.einsum("cp,dpx->dxc", np.linalg.pinv(known), points * whole - 0.5)
