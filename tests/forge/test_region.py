"""Regions: one mask shape that follows the face, at every size of the frame, and the pasting by it."""

import numpy as np
import pytest
from materials import material

from telltale.forge.face import prior
from telltale.forge.material import Material, frame_edges, merged, smooth_path, window_of_frames
from telltale.forge.region import DRIFT, Region, Shape, draw_region, guess_points, pasted

SHAPES: tuple[Shape, ...] = ("whole", "published", "partial", "mouth")


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def still(height: int, width: int, count: int = 6) -> Material:
    frames = rng(9).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return Material(frames, np.linspace(0, 1, count), None, 16_000)


def centres(mask: np.ndarray) -> np.ndarray:
    """The centre of gravity (D, 2) of each frame's mask, x and y in pixels."""
    y, x = np.mgrid[: mask.shape[1], : mask.shape[2]]
    total = mask.sum((1, 2))
    return np.stack([(mask * x).sum((1, 2)) / total, (mask * y).sum((1, 2)) / total], -1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (100, 64), (60, 120), (240, 240)])
def test_a_mask_is_soft_inside_its_box_and_alike_in_all_frames(shape: Shape, size: tuple[int, int]) -> None:
    for seed in range(4):
        region = draw_region(guess_points(still(*size), rng(seed)), shape, rng(seed))
        assert region is not None and region.mask.dtype == np.float32 and region.mask.shape == (6, *size)
        assert 0.5 < region.mask.max() <= 1 and region.mask.min() >= 0
        outside = region.mask.copy()
        outside[(slice(None), *region.box)] = 0
        assert not outside.any()
        assert ((region.mask > 0.05) & (region.mask < 0.95)).any()
        areas = region.mask.sum((1, 2))
        assert np.ptp(areas) < 0.1 * areas.mean()
        # It drifts by no more than it may, and stays about the middle of the picture.
        assert np.ptp(centres(region.mask), axis=0).max() < 2.2 * DRIFT * min(size) + 0.6
        middle = np.array([size[1], size[0]]) / 2
        assert (np.abs(centres(region.mask) - middle) < 0.35 * min(size)).all()


def test_shapes_differ_in_size_and_wide_edges_are_wider() -> None:
    given = guess_points(still(96, 96), rng())
    areas = {}
    for shape in SHAPES:
        drawn = [draw_region(given, shape, rng(seed)) for seed in range(8)]
        areas[shape] = np.mean([region.mask[0].sum() for region in drawn if region is not None])
    assert areas["mouth"] < areas["partial"] < areas["whole"] and areas["published"] < areas["whole"]
    for seed in range(4):
        usual, wide = (draw_region(given, "whole", rng(seed), wide=wide) for wide in (False, True))
        assert usual is not None and wide is not None
        steepest = [np.abs(np.diff(region.mask[0], axis=1)).max() for region in (usual, wide)]
        assert steepest[1] < steepest[0] and steepest[1] < 0.15


def test_a_mask_follows_landmarks_smoothly() -> None:
    given = still(96, 96, 8)
    face = prior(rng())
    path = np.linspace(-0.1, 0.1, 8)[:, None, None] * np.array([1.0, 0.5])
    grown = 1 + np.linspace(0, 0.3, 8)[:, None, None]
    points = ((face - 0.5) * grown + 0.5 + path).astype(np.float32)
    region = draw_region(Material(given.frames, given.frame_seconds, None, 1, points), "whole", rng())
    assert region is not None
    moved = np.diff(centres(region.mask), axis=0)
    assert np.allclose(moved[1:-1].mean(0), 96 * 0.2 / 7 * np.array([1.0, 0.5]), atol=0.6)
    areas = region.mask.sum((1, 2))
    assert 1.4 < areas[-1] / areas[0] < 1.9 and (np.diff(areas) > 0).all()
    # A landmark detector's trembling is smoothed.
    noisy = (points + rng(2).normal(0, 0.02, (8, 1, 2))).astype(np.float32)
    trembling = draw_region(Material(given.frames, given.frame_seconds, None, 1, noisy), "whole", rng())
    assert trembling is not None
    there = (noisy - points)[:, 0] * 96
    found = centres(trembling.mask) - centres(region.mask)
    assert np.abs(np.diff(found, axis=0)).mean() < 0.6 * np.abs(np.diff(there, axis=0)).mean()


def test_out_of_sight_there_is_no_region() -> None:
    given = still(64, 64)
    for shift in (2.0, -1.5):
        points = np.repeat(prior(rng())[None] + np.float32(shift), 6, 0)
        away = Material(given.frames, given.frame_seconds, None, 1, points)
        assert all(draw_region(away, shape, rng()) is None for shape in SHAPES)


def test_a_guess_is_made_once_for_the_centre_square() -> None:
    given = still(60, 120)
    points = guess_points(given, rng(3)).points
    assert points is not None and points.shape == (6, 81, 2)
    assert np.ptp(points, axis=0).max() == 0
    square = prior(rng(3))
    assert np.allclose(points[0], 0.5 + (square - 0.5) * (0.5, 1.0), atol=1e-6)
    known = material(points=True)
    assert guess_points(known, rng()) is known


def test_pasting_is_the_rounded_mean_weighted_by_the_mask() -> None:
    frames, crops = rng(1).integers(0, 256, (2, 4, 20, 24, 3), dtype=np.uint8)
    mask = np.zeros((4, 20, 24), np.float32)
    box = (slice(3, 18), slice(2, 20))
    mask[1:3, 4:17, 3:19] = rng(2).random((2, 13, 16))
    mask[1, 5], mask[1, 6] = 0, 1
    mask[1, :, :2] = mask[1, :, 20:] = 0
    before = frames.tobytes()
    made = pasted(frames, Region(mask, box, np.array([1, 2])), crops[(slice(1, 3), *box)])
    assert frames.tobytes() == before
    assert np.array_equal(made[mask == 0], frames[mask == 0])
    assert np.array_equal(made[mask == 1], crops[mask == 1])
    wanted = frames + mask[..., None] * (crops.astype(np.float64) - frames)
    assert np.abs(made - wanted).max() <= 0.5 + 1e-3
    half = Region(mask, box, np.array([1, 2])).weaker(0.5)
    assert np.array_equal(half.mask, mask * np.float32(0.5))
    assert np.array_equal(np.flatnonzero(half.at(np.array([2])).mask.any((1, 2))), [2])


def test_times_of_frames() -> None:
    assert np.allclose(frame_edges(np.array([0.0, 0.4, 0.8])), [0, 0.2, 0.6, 1.0])
    assert frame_edges(np.array([0.5])).tolist() == [0.0, 1.0]
    times = np.linspace(0, 2, 11)
    windows = [window_of_frames(times, 0.3, 0.58, rng(seed)) for seed in range(60)]
    assert {frames.stop - frames.start for frames, _ in windows} == {3, 4, 5, 6}
    for frames, (begin, end) in windows:
        assert ((times >= begin) & (times <= end)).sum() == frames.stop - frames.start
        assert frames.start >= 0 and frames.stop <= 11
    assert {frames.start for frames, _ in windows} >= {0, 4}
    assert merged(((1.0, 2.0), (0.0, 0.5), (1.5, 3.0), (0.5, 0.7))) == ((0.0, 0.7), (1.0, 3.0))
    path = smooth_path(40, rng())
    assert np.abs(path).max() == 1 and np.abs(np.diff(path)).max() < 0.6
    assert smooth_path(1, rng()).shape == (1,)
