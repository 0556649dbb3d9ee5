"""Where the face is: guessed or read from a file; which of its regions are blended."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from telltale.errors import InputError
from telltale.forge.face import (
    KINDS,
    REGIONS,
    face_mask,
    prior,
    published_parts,
    raise_brows,
    read_landmarks,
)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_prior_is_an_upright_face_within_the_picture():
    points = np.stack([prior(rng(seed)) for seed in range(300)])
    assert (points.dtype, points.shape) == (np.float32, (300, 81, 2))
    assert 0.05 < points.min() < points.max() < 0.95
    width, height = np.ptp(points, axis=1).T
    assert 0.44 < height.min() < 0.5 < 0.6 < height.max() < 0.68
    assert 0.65 < (width / height).min() < (width / height).max() < 0.82
    forehead, brows, eyes, nose, mouth, chin = (
        points[:, first:last].mean(1)
        for first, last in [(68, 81), (17, 27), (36, 48), (27, 36), (48, 68), (7, 10)]
    )
    assert (np.diff([part[:, 1] for part in (forehead, brows, eyes, nose, mouth, chin)], axis=0) > 0).all()
    # From ear over eye, nose and the other eye to the other ear.
    across = [points[:, 0], points[:, 36:42].mean(1), nose, points[:, 42:48].mean(1), points[:, 16]]
    assert (np.diff([part[:, 0] for part in across], axis=0) > 0).all()
    assert np.array_equal(prior(rng(3)), prior(rng(3)))


def canonical() -> np.ndarray:
    """An upright face drawn by hand, float32 (81, 2): at half size: ears 1 apart, chin 0.78 below, hairline
    0.65 above."""
    jaw = [
        (0, 0),
        (0.01, 0.13),
        (0.03, 0.26),
        (0.06, 0.39),
        (0.11, 0.51),
        (0.19, 0.61),
        (0.28, 0.69),
        (0.38, 0.76),
        (0.5, 0.78),
    ]
    brow = [(0.09, -0.1), (0.15, -0.16), (0.235, -0.18), (0.325, -0.165), (0.405, -0.13)]
    bridge, base = (
        [(0.5, -0.02), (0.5, 0.07), (0.5, 0.155), (0.5, 0.24)],
        [(0.4, 0.3), (0.45, 0.32), (0.5, 0.335)],
    )
    eye = [(0.19, 0), (0.245, -0.035), (0.31, -0.035), (0.365, 0.01), (0.305, 0.02), (0.24, 0.02)]
    outer = [(0.315, 0.49), (0.385, 0.455), (0.455, 0.435), (0.5, 0.447)]
    lower = [(0.5, 0.56), (0.45, 0.555), (0.38, 0.53)]
    inner, under = [(0.345, 0.49), (0.455, 0.475), (0.5, 0.48)], [(0.5, 0.505), (0.455, 0.505)]
    forehead = [
        (0.02, -0.16),
        (0.06, -0.3),
        (0.14, -0.43),
        (0.24, -0.54),
        (0.35, -0.62),
        (0.43, -0.645),
        (0.5, -0.65),
    ]

    def mirrored(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(1 - x, y) for x, y in reversed(points)]

    right_eye = [(1 - x, y) for x, y in (eye[k] for k in (3, 2, 1, 0, 5, 4))]
    mouth = [
        *outer,
        *mirrored(outer[:3]),
        *mirrored(lower[1:]),
        *lower,
        *inner,
        *mirrored(inner[:2]),
        *mirrored(under[1:]),
        *under,
    ]
    whole = [
        *jaw,
        *mirrored(jaw[:8]),
        *brow,
        *mirrored(brow),
        *bridge,
        *base,
        *mirrored(base[:2]),
        *eye,
        *right_eye,
        *mouth,
    ]
    return np.array([*whole, *forehead, *mirrored(forehead[:6])], np.float32) * 0.5 + (0.25, 0.45)


def area(parts: list[np.ndarray]) -> int:
    mask = np.zeros((800, 800), np.uint8)
    for part in parts:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(part * 800).astype(np.int32)), 1)
    return int(mask.sum())


@pytest.mark.parametrize(
    ("points", "within"), [(canonical(), 0.05), (prior(rng(4)), 0.005)], ids=["canonical", "prior"]
)
def test_the_four_published_masks_have_the_published_areas(points: np.ndarray, within: float):
    """Of the authors' masks on the prior's face: 1.00, 1.065, 0.997 and 1.42 of the 68 points' hull."""
    whole = area([points[:68]])
    areas = [area(published_parts(points, kind)) / whole for kind in range(KINDS)]
    np.testing.assert_allclose(areas, [1.0, 1.065, 0.997, 1.42], rtol=within)
    assert area(published_parts(points[:68], 3)) == whole
    # The points of the forehead change nothing else.
    assert all(area(published_parts(points[:68], kind)) / whole == areas[kind] for kind in range(3))


def test_raised_brows_go_up_by_half_their_height_above_the_eyes_and_nothing_else_moves():
    points = canonical()
    higher = raise_brows(points)
    assert np.array_equal(np.delete(higher, np.r_[17:27], 0), np.delete(points, np.r_[17:27], 0))
    # The brow's third point, above the eye's upper lid: up by half of what lies between them, and away from
    # it sideways.
    np.testing.assert_allclose(higher[19], points[19] + (points[19] - points[37]) / 2, atol=1e-6)
    np.testing.assert_allclose(
        higher[26], points[26] + (points[26] - (3 * points[45] + points[16]) / 4) / 2, atol=1e-6
    )
    np.testing.assert_allclose(
        higher[17:22] * (-1, 1) + (1, 0), higher[22:27][::-1], atol=1e-6
    )  # as even as the face


def test_each_published_mask_is_drawn_as_often_as_published():
    """Four kinds as often as each other, each once in four without the forehead, which only the last kind
    shows."""
    points, draws, count, size = prior(rng(4)), rng(), 2000, 120
    masks = [face_mask(points, size, size, draws) for _ in range(count)]
    assert masks[0].dtype == np.float32 and set(np.unique(masks[0])) == {0, 1}
    found = Counter(mask.tobytes() for mask in masks)
    expected: Counter[bytes] = Counter()
    for kind in range(KINDS):
        for seen, share in ((points, 3), (points[:68], 1)):
            drawn = np.zeros((size, size), np.uint8)
            for part in published_parts(seen, kind):
                cv2.fillConvexPoly(drawn, cv2.convexHull(np.rint(part * size - 0.5).astype(np.int32)), 1)
            expected[drawn.astype(np.float32).tobytes()] += count * share // (4 * KINDS)
    assert found.keys() == expected.keys() and len(found) >= 4
    assert all(abs(found[mask] - wanted) < 4 * np.sqrt(wanted) for mask, wanted in expected.items())


@pytest.mark.filterwarnings("error")
def test_partial_masks_are_of_ones_and_hold_the_nose_and_mostly_the_eyes():
    points, draws = prior(rng(4)), rng()
    masks = np.stack([face_mask(points, 100, 120, draws, "partial") for _ in range(400)])
    assert (masks.dtype, masks.shape) == (np.float32, (400, 100, 120))
    assert set(np.unique(masks)) == {0, 1}
    x, y = np.rint(points * (120, 100) - 0.5).astype(int).T
    assert masks[:, y[29:36], x[29:36]].all()
    assert 0.8 < masks[:, y[36:48], x[36:48]].all(1).mean() < 0.95  # all but the lower half, one in eight
    kinds, counts = np.unique(masks.reshape(400, -1), axis=0, return_counts=True)
    whole = kinds.sum(1) == kinds.sum(1).max()
    # All points three times in eight; without the forehead once in eight, which is the region of jaw and
    # brows; three others.
    assert len(kinds) == 5
    assert 120 < counts[whole][0] < 180 and all(25 < count < 130 for count in counts[~whole])
    for seed in range(20):
        for chosen in ("published", "partial"):
            assert face_mask(points[:68], 64, 64, rng(seed), chosen).sum() > 100
            assert not face_mask(points * np.float32(1e30) + 5, 64, 64, rng(seed), chosen).any()
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
        (
            "seconds",
            "time",
            r":1: header 'video_name,time,x0.*' of 138 fields; wanted 'video_name,seconds,x0,y0",
        ),
        (
            ",y67",
            "",
            r":1: header '.*' of 137 fields; wanted .* up to 'x67,y67' or 'x80,y80', mend the header",
        ),
        ("a.mp4,1,", "a.mp4,1,0.5,", r":3: 139 fields; wanted 138 as in the header"),
        ("\na.mp4,1,", "\n\na.mp4,1,", r":3: 0 fields; wanted 138 as in the header"),
        (
            "a.mp4,1,0.01,0.0,",
            "a.mp4,1,0.01,left,",
            r":3: y0 is 'left' for video 'a.mp4'; wanted a finite number",
        ),
        ("a.mp4,1,0.01,0.0,", "a.mp4,1,0.01,,", r":3: y0 is '' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,0.01,", "a.mp4,1,nan,", r":3: x0 is 'nan' for video 'a.mp4'; wanted a finite number"),
        ("a.mp4,1,", "a.mp4,inf,", r":3: seconds is 'inf' for video 'a.mp4'; wanted a finite number"),
        (
            "a.mp4,1,0.01,0.0,",
            "a.mp4,1,0.01,640,",
            r":3: y0 is 640 for video 'a.mp4'; wanted a fraction of the picture",
        ),
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
        (b"", r" is empty; wanted a CSV file of landmarks, with the header first"),
        (path.read_bytes(), r" holds a header and no rows; wanted one or several lines"),
        (path.read_bytes() + b"\xff", r"2: byte 0xff is not UTF-8"),
    ]:
        path.write_bytes(data)
        with pytest.raises(InputError, match="faces.csv:" + message):
            read_landmarks(path)
    with pytest.raises(
        InputError, match=r"none.csv: cannot be read \(No such file or directory\); wanted a CSV file"
    ):
        read_landmarks(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_landmarks(tmp_path)
