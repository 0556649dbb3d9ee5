"""Self-blended images: the blend, its mask and what may not happen at its edges."""

import cv2
import numpy as np
import pytest

from telltale.forge import selfblend
from telltale.forge.face import prior
from telltale.forge.selfblend import blend, self_blend


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(frames: int, height: int, width: int) -> np.ndarray:
    """Frames of smooth coloured shapes with some grain, uint8 (frames, height, width, 3), which nobody may
    write to."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    shapes = [np.stack([np.sin(6 * x + k), np.cos(5 * y + k), np.sin(9 * x * y)], -1) for k in range(frames)]
    pixels = (
        (127 + 90 * np.stack(shapes) + rng(9).normal(0, 6, (frames, height, width, 3)))
        .clip(0, 255)
        .astype(np.uint8)
    )
    pixels.setflags(write=False)
    return pixels


def faces(frames: int, seed: int = 1) -> np.ndarray:
    draws = rng(seed)
    points = np.stack([prior(draws) for _ in range(frames)])
    points.setflags(write=False)
    return points


def test_same_state_gives_the_same_forgery_and_moves_on():
    pixels, points, one, other = picture(3, 96, 80), faces(3), rng(7), rng(7)
    first = self_blend(pixels, points, one)
    self_blend(pixels[:1], points[:1], rng(3))  # another clip between leaves no trace
    assert all(np.array_equal(a, b) for a, b in zip(first, self_blend(pixels, points, other), strict=True))
    assert one.bit_generator.state == other.bit_generator.state
    _, blended, mask = self_blend(pixels, points, one)
    assert not np.array_equal(blended, first[1]) and not np.array_equal(mask, first[2])


def test_shapes_and_types_and_inputs_left_alone():
    pixels, points = picture(2, 64, 100), faces(2)
    state = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    before = pixels.tobytes() + points.tobytes()
    target, blended, mask = self_blend(pixels, points, rng())
    assert np.array_equal(np.random.get_state()[1], state)  # type: ignore[index]
    assert pixels.tobytes() + points.tobytes() == before
    assert target.shape == blended.shape == pixels.shape and target.dtype == blended.dtype == np.uint8
    assert (mask.dtype, mask.shape) == (np.float32, (2, 64, 100))
    assert not any(np.shares_memory(out, pixels) for out in (target, blended))


def test_without_a_share_of_the_source_the_target_is_left_bit_for_bit():
    pixels = picture(12, 64, 64)
    # By a ratio of 0, and for a face out of sight, which has no region to blend.
    for points, ratios in [(faces(12), (0,)), (faces(12) + 2, (1,))]:
        target, blended, mask = self_blend(pixels, points, rng(), ratios=ratios)
        assert not mask.any() and np.array_equal(blended, target)


def test_blend_is_the_rounded_mean_weighted_by_the_mask():
    source, target = rng(1).integers(0, 256, (2, 5, 40, 30, 3), dtype=np.uint8)
    mask = rng(2).random((5, 40, 30), np.float32)
    mask[:, :10], mask[:, 10:20] = 0, 1
    out = blend(source, target, mask)
    assert np.array_equal(out[:, :10], target[:, :10])
    assert np.array_equal(out[:, 10:20], source[:, 10:20])
    share = mask[..., None].astype(np.float64)
    assert np.abs(out - (share * source + (1 - share) * target)).max() <= 0.5 + 1e-4
    assert np.array_equal(blend(source, source, mask), source)


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (64, 64), (128, 128), (224, 224), (64, 150), (300, 90)]
)
def test_mask_is_zero_at_the_border_and_within_bounds(height: int, width: int):
    """For faces of every size and place, those that fill the picture or are cut by its edge too."""
    pixels = picture(1, height, width)
    for seed in range(25):
        points = (faces(1, seed) - 0.5) * rng(seed).uniform(0.5, 4) + rng(seed).uniform(0.2, 0.8, 2)
        target, blended, mask = self_blend(pixels, points.astype(np.float32), rng(seed))
        assert not any(edge.any() for edge in (mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]))
        assert 0 == mask.min() <= mask.max() <= 1
        assert np.array_equal(blended[mask == 0], target[mask == 0])


def test_mask_rises_to_its_ratio_and_ratios_are_drawn_evenly():
    pixels, points = picture(1, 96, 96), faces(1)
    for ratio in (0.25, 0.5, 1):
        tops = [self_blend(pixels, points, rng(seed), ratios=(ratio,))[2].max() for seed in range(12)]
        assert 0.9 * ratio < min(tops) <= max(tops) <= ratio
    # The published ratios: half of the masks are whole.
    tops = self_blend(picture(200, 48, 48), faces(200), rng())[2].max((1, 2))
    counts = [np.sum(np.abs(tops - ratio) < 0.1 * ratio) for ratio in (0.25, 0.5, 0.75, 1)]
    assert sum(counts) > 190
    assert max(counts[:3]) < 55 < 75 < counts[3] < 125


def test_blended_differs_where_the_mask_is_large():
    target, blended, mask = self_blend(picture(8, 128, 128), faces(8), rng(), ratios=(1,))
    for k in range(8):
        within, without = mask[k] > 0.9, mask[k] == 0
        assert within.sum() > 50 and without.sum() > 128 * 128 / 4
        assert (target[k][within] != blended[k][within]).mean() > 0.5
        assert np.array_equal(target[k][without], blended[k][without])


def test_half_of_the_targets_are_the_frames_themselves():
    pixels = np.repeat(picture(1, 32, 32), 120, 0)
    target, blended, mask = self_blend(pixels, np.repeat(faces(1), 120, 0), rng())
    kept = np.array([np.array_equal(a, b) for a, b in zip(target, pixels, strict=True)])
    assert 42 < kept.sum() < 78
    # Frames and faces are equal, the draws are not.
    assert len({frame.tobytes() for frame in mask}) == 120
    # Changed or not, a target's forgery is a change of the target: outside the face they agree.
    assert all(np.array_equal(target[k][0], blended[k][0]) for k in range(120))


def test_statistics_change_colours_and_detail_within_their_limits(monkeypatch: pytest.MonkeyPatch):
    colour = np.array([150, 120, 100])

    def moves(**limits: float) -> np.ndarray:
        """What 100 draws add to a flat frame's red, green and blue under no limits but these."""
        for name in ("RGB_P", "BRIGHTNESS_SHARE", "CONTRAST_SHARE"):
            monkeypatch.setattr(selfblend, name, limits.get(name, 0.0))
        frame = np.full((8, 8, 3), colour, np.uint8)
        return np.array([selfblend.change_statistics(frame, rng(seed))[4, 4] - colour for seed in range(100)])

    monkeypatch.setattr(selfblend, "sharpen", lambda frame, rng: frame)
    monkeypatch.setattr(selfblend, "coarsen", lambda frame, rng: frame)
    assert not moves().any()
    shifts = moves(RGB_P=0.3)
    assert 15 < (np.abs(shifts).max(1) > 3).sum() < 45 and 15 < np.abs(shifts).max() <= 22
    brighter, steeper = moves(BRIGHTNESS_SHARE=0.1), moves(CONTRAST_SHARE=0.1)
    assert 20 < np.abs(brighter).max() <= 28
    assert np.ptp(brighter, axis=1).max() <= 3  # all channels alike
    assert 10 < np.abs(steeper[:, 0]).max() <= 17


def test_coarser_and_sharper():
    frame = picture(1, 64, 64)[0]
    detail = np.abs(np.diff(frame.astype(int), axis=1)).mean()
    for seed in range(8):
        coarse, sharp = selfblend.coarsen(frame, rng(seed)), selfblend.sharpen(frame, rng(seed))
        assert np.abs(np.diff(coarse.astype(int), axis=1)).mean() < 0.7 * detail < detail
        assert np.abs(np.diff(sharp.astype(int), axis=1)).mean() > 1.3 * detail
    flat = np.full((8, 8, 3), 200, np.uint8)
    assert np.array_equal(selfblend.coarsen(flat, rng()), flat)
    assert all(
        149 <= selfblend.sharpen(flat, rng(seed))[0, 0, 0] <= 200 for seed in range(20)
    )  # 1 - .5 + .5 * .5 of it


def test_source_and_mask_move_as_one():
    """A disc that is its own mask: where the mask goes, the disc goes, by as much as allowed and no more."""
    mask = np.zeros((200, 200), np.float32)
    cv2.circle(mask, (100, 100), 50, 1, -1)
    source = np.repeat((200 * mask)[..., None], 3, -1).astype(np.uint8)
    places, sizes = [], []
    for seed in range(40):
        moved, shape = selfblend.move(source, mask, rng(seed))
        assert np.abs(moved[..., 1] / 200 - shape).max() < 0.02
        y, x = np.nonzero(shape > 0.5)
        places.append((x.mean() - 100, y.mean() - 100))
        sizes.append((np.ptp(x) / 100, np.ptp(y) / 100))
    far_x, far_y = np.abs(places).max(0)
    assert 4.5 < far_x < 6.6 and 2.2 < far_y < 3.6
    assert 0.92 < np.min(sizes) < 0.97 < 1.03 < np.max(sizes) < 1.08


def test_warp_bends_the_outline_by_pixels_not_more():
    mask = np.zeros((128, 128), np.float32)
    mask[:, 64:] = 1
    edges = np.stack([36 - selfblend.warp(mask, rng(seed))[20:-20, :100].sum(1) for seed in range(20)])
    # sigma 7 leaves white noise of [-1, 1] a spread of 0.577 / (2 sqrt(pi) 7), and 50 times that is 1.16
    # pixels.
    assert 1 < edges.std() < 1.4
    assert np.abs(edges).max() < 6
    assert np.abs(np.diff(edges)).max() < 0.8


def test_softening_shrinks_by_as_much_as_it_softens(monkeypatch: pytest.MonkeyPatch):
    mask = np.zeros((224, 224), np.float32)
    mask[60:170, 50:160] = 1
    monkeypatch.setattr(selfblend, "KERNEL", (15, 15))
    for seed in range(20):
        soft = selfblend.soften(mask, rng(seed))
        # A pixel more than the old outline, for the sizes' rounding.
        assert not soft[cv2.dilate(mask, np.ones((3, 3))) == 0].any()
        assert 90**2 < (soft > 0.5).sum() < 104**2
        assert len(np.unique(soft)) > 100
        assert soft[115, 105] > 0.99
    assert not selfblend.soften(np.zeros((64, 64), np.float32), rng()).any()
    assert selfblend.soften(np.ones((64, 64), np.float32), rng())[32, 32] > 0.99
