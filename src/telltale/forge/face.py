"""Where the face is in a picture: a guess for talking heads (`prior`) or landmarks from a file, and masks of
the region that they enclose.

    points = prior(rng)                       # or read_landmarks(path)[video_name].at(seconds)[k]
    mask = face_mask(points, height, width, rng)

A point is (x, y) in fractions of the picture's width and height. (0, 0) is the upper left corner. The order
is that of the usual 68 landmarks, left and right as seen by the viewer:

- 0-16: jaw, from the left ear over the chin to the right ear
- 17-21 and 22-26: brows
- 27-30: bridge of the nose; 31-35: its base
- 36-41 and 42-47: eyes
- 48-59: outer outline of the mouth; 60-67: inner outline
- 68-80, if there are 81: the forehead, from left to right
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from telltale.errors import InputError
from telltale.files import read_table

Masks = Literal["published", "partial"]

# Fields of a landmark file's row: video_name, seconds, then x and y of 68 or 81 points.
COUNTS = (68, 81)
# The published masks are unions of convex parts, each the hull of some of the first 68 points; see
# `published_parts`. SBI uses those of a public Face X-ray (github.com/AlgoHunt/Face-Xray), which took them
# from faceswap.
BY_THREE = (
    np.r_[0:17, 48:68],  # jaw and mouth
    np.r_[0, 16:28, 33],  # ears, brows, root and base of the nose
    np.r_[27:31, 33],  # ridge of the nose
)
BY_EIGHT = (
    np.r_[0:9, 17],  # each half of the jaw, and the brow's outer end
    np.r_[8:17, 26],
    np.r_[17:20, 8],  # each brow's outer half, and the chin
    np.r_[24:27, 8],
    np.r_[19:25, 8],  # between the brows' middles, and the chin
    np.r_[17:22, 27, 31:36, 8],  # each brow, root and base of the nose, chin
    np.r_[22:27, 27, 31:36, 8],
    np.r_[27:36],  # the nose
)
KINDS = 4
# The points of each of the partial faces; see `partial`.
REGIONS = (
    np.arange(0, 27),
    np.arange(17, 48),
    np.r_[2:15, 29:36, 48:68],
    np.arange(27, 68),
)


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of a video at K times.

    seconds: float64 (K,), rising, after the clip's first frame.
    points: float32 (K, 68 or 81, 2), fractions of the picture.
    """

    seconds: np.ndarray
    points: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Times (T,) in seconds → float32 (T, 68 or 81, 2): the points that are nearest in time, the earlier
        of two as near."""
        return self.points[np.searchsorted((self.seconds[1:] + self.seconds[:-1]) / 2, seconds)]


def prior(rng: np.random.Generator) -> np.ndarray:
    """A random guess of where the face of a talking head is in a square picture → float32 (81, 2), all inside
    the picture.

    The face is upright. From hairline to chin it is 0.45 to 0.65 of the picture; it is 0.72 of that wide,
    give or take 5 %, within 3 % of the centre, and tilted by up to 8 degrees. No detector looks at the
    picture: the guess is right only for clips that are framed like that.
    """
    height = rng.uniform(0.45, 0.65)
    width = 0.72 * height * rng.uniform(0.95, 1.05)
    tilt = math.radians(rng.uniform(-8.0, 8.0))
    turn = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    centre = 0.5 + rng.uniform(-0.03, 0.03, 2)
    return ((_template() * (width, height)) @ turn + centre).astype(np.float32)


def face_mask(
    points: np.ndarray, height: int, width: int, rng: np.random.Generator, masks: Masks = "published"
) -> np.ndarray:
    """Points (68 or 81, 2) in fractions → float32 (height, width), 1 in a random region of the face, 0
    elsewhere.

    masks: which regions. "published": as SBI with Face X-ray's masks, each of the KINDS of `published_parts`
        as likely, once in four without the points of the forehead. "partial": see `partial`.
    """
    if masks == "partial":
        parts = [partial(points, rng)]
    else:
        kept = points[:68] if rng.random() < 0.25 else points
        parts = published_parts(kept, int(rng.integers(KINDS)))
    mask = np.zeros((height, width), np.uint8)
    for part in parts:
        # The middle of a pixel is at whole coordinates. Points far outside would overflow integers.
        pixels = np.clip(part, -1, 2) * (width, height) - 0.5
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(pixels).astype(np.int32)), 1)
    return mask.astype(np.float32)


def published_parts(points: np.ndarray, kind: int) -> list[np.ndarray]:
    """Points (68 or 81, 2) → convex parts, each the hull of some points (P, 2). Their union is a published
    mask.

    Areas are given in areas of the hull of the 68 points.

    kind 0: three parts: that hull, less the hollows between the parts.
    kind 1: eight parts with raised brows: 1.07.
    kind 2: eight parts: 1.
    kind 3: the hull of all points: 1.4 if the forehead is known.
    """
    if kind == 3:
        return [points]
    corners = raise_brows(points) if kind == 1 else points
    return [corners[chosen] for chosen in (BY_THREE if kind == 0 else BY_EIGHT)]


def raise_brows(points: np.ndarray) -> np.ndarray:
    """Points (68 or 81, 2) → the same with the brows half as far again from the eyes below them."""
    outer = [0.75 * points[eye] + 0.25 * points[ear] for eye, ear in ((36, 0), (45, 16))]
    below = np.concatenate([outer[:1], points[36:40], points[42:46], outer[1:]])
    higher = points.copy()
    higher[17:27] += 0.5 * (points[17:27] - below)
    return higher


def partial(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points (68 or 81, 2) → those whose hull is the whole face or, half of the time, a part of it.

    The whole face comes once in four without the forehead. The parts and their areas, in areas of the hull of
    the 68 points:

    - jaw and brows: 1.00
    - brows, eyes and nose: 0.34
    - the lower half, that is jaw below the ears, tip of the nose and mouth: 0.52
    - the inner face, that is nose, eyes and mouth: 0.41

    All but the first are this project's own.
    """
    if rng.random() < 0.5:
        return points[REGIONS[rng.integers(len(REGIONS))]]
    return points[:68] if rng.random() < 0.25 else points


def read_landmarks(path: Path) -> dict[str, Landmarks]:
    """Video name → its landmarks, in file order.

    The file is CSV in UTF-8 with the header `video_name,seconds,x0,y0,...` up to `x67,y67` or `x80,y80`. A
    video has a row for each time, and its times rise. Rows of other videos may be between them. Raises
    InputError that names the file and the line.
    """
    times: dict[str, list[float]] = {}
    points: dict[str, list[np.ndarray]] = {}
    table = read_table(path, "a CSV file of landmarks")
    header = _check_header(path, next(table)[1])
    for line, fields in table:
        name, seconds, row = _read_row(path, line, header, fields)
        before = times.setdefault(name, [])
        if before and seconds <= before[-1]:
            raise InputError(
                f"{path}:{line}: {seconds:g} seconds of video '{name}' after {before[-1]:g}; wanted rising "
                "times, sort its lines or remove one of two"
            )
        before.append(seconds)
        points.setdefault(name, []).append(row)
    if not times:
        raise InputError(
            f"{path}: holds a header and no rows; wanted one or several lines of landmarks for each video"
        )
    return {name: Landmarks(np.array(times[name]), np.stack(points[name])) for name in times}


def _check_header(path: Path, fields: list[str]) -> list[str]:
    for count in COUNTS:
        if fields == ["video_name", "seconds", *(f"{axis}{k}" for k in range(count) for axis in "xy")]:
            return fields
    header = ",".join(fields)
    short = header if len(header) <= 60 else f"{header[:40]}...{header[-10:]}"
    raise InputError(
        f"{path}:1: header '{short}' of {len(fields)} fields; wanted 'video_name,seconds,x0,y0,...' up to "
        "'x67,y67' or 'x80,y80', mend the header"
    )


def _read_row(path: Path, line: int, header: list[str], fields: list[str]) -> tuple[str, float, np.ndarray]:
    """Video name, seconds, and points float32 (P, 2) of one line's fields."""
    if len(fields) != len(header):
        raise InputError(
            f"{path}:{line}: {len(fields)} fields; wanted {len(header)} as in the header, mend the line"
        )
    name = fields[0]
    if not name.strip():
        raise InputError(f"{path}:{line}: video name {name!r}; wanted the name of the video, mend the line")
    values = np.array([_number(field) for field in fields[1:]])
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise InputError(
            f"{path}:{line}: {header[first]} is {fields[first]!r} for video '{name}'; wanted a finite "
            "number, mend the line"
        )
    # Landmarks of a face at the picture's edge may be a little outside. As far out as this only pixels can
    # be.
    far = np.flatnonzero((values[1:] < -1) | (values[1:] > 2))
    if len(far):
        first = int(far[0]) + 2
        raise InputError(
            f"{path}:{line}: {header[first]} is {fields[first]} for video '{name}'; wanted a fraction of "
            "the picture's width or height, 0 to 1, divide pixels by the picture's size"
        )
    return name, float(values[0]), values[1:].reshape(-1, 2).astype(np.float32)


def _number(field: str) -> float:
    """The number in a field; NaN if it is none."""
    try:
        return float(field)
    except ValueError:
        return math.nan


def _template() -> np.ndarray:
    """A frontal face, float64 (81, 2): x from -0.5 to 0.5, ear to ear; y from -0.5 at the hairline to 0.5 at
    the chin.

    It follows the rule of thirds for portraits: hairline to brows, brows to the base of the nose, base of the
    nose to chin.
    """
    half = math.pi
    jaw = _arc((0, -0.08), (0.5, 0.58), np.linspace(half, 0, 17))
    brows = [_arc((side * 0.23, -0.15), (0.14, -0.05), np.linspace(half, 0, 5)) for side in (-1, 1)]
    bridge = np.stack([np.zeros(4), np.linspace(-0.09, 0.1, 4)], -1)
    base = _arc((0, 0.14), (0.13, 0.03), np.linspace(half, 0, 5))
    eyes = [_arc((side * 0.21, -0.09), (0.1, 0.03), np.linspace(-half, half, 7)[:-1]) for side in (-1, 1)]
    outer = _arc((0, 0.28), (0.2, 0.06), np.linspace(-half, half, 13)[:-1])
    inner = _arc((0, 0.28), (0.15, 0.02), np.linspace(-half, half, 9)[:-1])
    forehead = _arc((0, -0.08), (0.5, -0.42), np.linspace(half, 0, 15)[1:-1])
    return np.concatenate([jaw, *brows, bridge, base, *eyes, outer, inner, forehead])


def _arc(centre: tuple[float, float], radii: tuple[float, float], angles: np.ndarray) -> np.ndarray:
    """Points (N, 2) of an ellipse at `angles` in radians. pi is its left end and -pi / 2 its upper end,
    because y points down."""
    return np.stack([np.cos(angles), np.sin(angles)], -1) * radii + centre
