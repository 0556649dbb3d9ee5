"""Self-blended images: the blend, its mask and what may not happen at its edges; where the face is guessed or read."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from telltale.errors import InputError
from telltale.forge import selfblend
from telltale.forge.face import REGIONS, hull, prior, read_landmarks
from telltale.forge.selfblend import blend, self_blend


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(frames: int, height: int, width: int) -> np.ndarray:
    """Frames of smooth coloured shapes with some grain, uint8 (frames, height, width, 3), which nobody may write to."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    shapes = [np.stack([np.sin(6 * x + k), np.cos(5 * y + k), np.sin(9 * x * y)], -1) for k in range(frames)]
    pixels = (127 + 90 * np.stack(shapes) + rng(9).normal(0, 6, (frames, height, width, 3))).clip(0, 255).astype(np.uint8)
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


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 64), (128, 128), (224, 224), (64, 150), (300, 90)])
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
    assert all(149 <= selfblend.sharpen(flat, rng(seed))[0, 0, 0] <= 200 for seed in range(20))  # 1 - .5 + .5 * .5 of it


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
    # sigma 7 leaves white noise of [-1, 1] a spread of 0.577 / (2 sqrt(pi) 7), and 50 times that is 1.16 pixels.
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


def test_prior_is_an_upright_face_within_the_picture():
    points = np.stack([prior(rng(seed)) for seed in range(300)])
    assert (points.dtype, points.shape) == (np.float32, (300, 81, 2))
    assert 0.05 < points.min() < points.max() < 0.95
    width, height = np.ptp(points, axis=1).T
    assert 0.44 < height.min() < 0.5 < 0.6 < height.max() < 0.68
    assert 0.65 < (width / height).min() < (width / height).max() < 0.82
    forehead, brows, eyes, nose, mouth, chin = (
        points[:, first:last].mean(1) for first, last in [(68, 81), (17, 27), (36, 48), (27, 36), (48, 68), (7, 10)]
    )
    assert (np.diff([part[:, 1] for part in (forehead, brows, eyes, nose, mouth, chin)], axis=0) > 0).all()
    # From ear over eye, nose and the other eye to the other ear.
    across = [points[:, 0], points[:, 36:42].mean(1), nose, points[:, 42:48].mean(1), points[:, 16]]
    assert (np.diff([part[:, 0] for part in across], axis=0) > 0).all()
    assert np.array_equal(prior(rng(3)), prior(rng(3)))


@pytest.mark.filterwarnings("error")
def test_hull_is_of_ones_and_holds_the_nose_and_mostly_the_eyes():
    points, draws = prior(rng(4)), rng()
    masks = np.stack([hull(points, 100, 120, draws) for _ in range(400)])
    assert (masks.dtype, masks.shape) == (np.float32, (400, 100, 120))
    assert set(np.unique(masks)) == {0, 1}
    x, y = np.rint(points * (120, 100) - 0.5).astype(int).T
    assert masks[:, y[29:36], x[29:36]].all()
    assert 0.8 < masks[:, y[36:48], x[36:48]].all(1).mean() < 0.95  # all but the lower half, one in eight
    kinds, counts = np.unique(masks.reshape(400, -1), axis=0, return_counts=True)
    whole = kinds.sum(1) == kinds.sum(1).max()
    # All points three times in eight; without the forehead once in eight, which is the region of jaw and brows; three others.
    assert len(kinds) == 5
    assert 120 < counts[whole][0] < 180 and all(25 < count < 130 for count in counts[~whole])
    for seed in range(20):
        assert hull(points[:68], 64, 64, rng(seed)).sum() > 100
        assert not hull(points * np.float32(1e30) + 5, 64, 64, rng(seed)).any()
    assert max(int(region.max()) for region in REGIONS) == 67


def landmark_file(tmp_path: Path, count: int, rows: list[str]) -> Path:
    """`rows` are 'NAME,SECONDS' and get points that tell row and number: x = row / 100, y = number / 100."""
    header = "video_name,seconds," + ",".join(f"x{k},y{k}" for k in range(count))
    lines = [f"{row}," + ",".join(f"{n / 100},{k / 100}" for k in range(count)) for n, row in enumerate(rows)]
    path = tmp_path / "faces.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("count", [68, 81])
def test_landmarks_are_read_and_found_by_time(tmp_path: Path, count: int):
    path = landmark_file(tmp_path, count, ["a.mp4,0", "b.mp4,0.5", "a.mp4,1.0", "a.mp4,4"])
    if count == 81:  # as Excel saves it
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found = read_landmarks(path)
    assert list(found) == ["a.mp4", "b.mp4"] and found["a.mp4"].seconds.tolist() == [0, 1, 4]
    assert (found["a.mp4"].points.dtype, found["a.mp4"].points.shape) == (np.float32, (3, count, 2))
    assert np.allclose(found["b.mp4"].points[0], [(0.01, k / 100) for k in range(count)])
    near = found["a.mp4"].at(np.array([-3.0, 0.4, 0.5, 0.6, 2.4, 2.6, 99]))
    assert np.allclose(near[:, count - 1, 0], [0, 0, 0, 0.02, 0.02, 0.03, 0.03])
    assert np.allclose(found["b.mp4"].at(np.array([0.0, 7]))[:, 0, 0], 0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds", "time", r":1: header 'video_name,time,x0.*' of 138 fields; wanted 'video_name,seconds,x0,y0"),
        (",y67", "", r":1: header '.*' of 137 fields; wanted .* up to 'x67,y67' or 'x80,y80', mend the header"),
        ("a.mp4,1,", "a.mp4,1,0.5,", r":3: 139 fields; wanted 138 as in the header"),
        ("\na.mp4,1,", "\n\na.mp4,1,", r":3: 0 fields; wanted 138 as in the header"),
        ("a.mp4,1,0.01,0.0,", "a.mp4,1,0.01,left,", r":3: y0 is 'left' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,0.01,0.0,", "a.mp4,1,0.01,,", r":3: y0 is '' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,0.01,", "a.mp4,1,nan,", r":3: x0 is 'nan' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,", "a.mp4,inf,", r":3: seconds is 'inf' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,0.01,0.0,", "a.mp4,1,0.01,640,", r":3: y0 is 640 for video 'a.mp4'; wanted a fraction of the picture"),
        ("a.mp4,1,", "a.mp4,0,", r":3: 0 seconds of video 'a.mp4' after 0; wanted rising times"),
        ("a.mp4,1,", ",1,", r":3: video name ''; wanted the name of the video"),
        ("a.mp4,1,", '"a.mp4,1,', r":3: is not CSV"),
    ],
)
def test_a_wrong_landmark_file_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str, message: str):
    path = landmark_file(tmp_path, 68, ["a.mp4,0", "a.mp4,1", "b.mp4,0"])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match="faces.csv" + message):
        read_landmarks(path)


def test_a_landmark_file_without_landmarks_is_refused(tmp_path: Path):
    path = landmark_file(tmp_path, 68, [])
    for data, message in [
        (b"", r" is empty; wanted a CSV file of landmarks with the header first"),
        (path.read_bytes(), r" holds a header and no rows; wanted one or several lines"),
        (path.read_bytes() + b"\xff", r"2: byte 0xff is not UTF-8"),
    ]:
        path.write_bytes(data)
        with pytest.raises(InputError, match="faces.csv:" + message):
            read_landmarks(path)
    with pytest.raises(InputError, match=r"none.csv: cannot be read \(No such file or directory\); wanted a CSV file"):
        read_landmarks(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_landmarks(tmp_path)
