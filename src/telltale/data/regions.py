"""Parts of frames that a detector reads besides the scaled whole: crops at the frames' own resolution, in
which no trace of a forgery is lost by scaling, and the lower face, small and at many times.

    pixels = crops(frames.pixels, evaluation_places(8, 0), 96)      # uint8 (8, 96, 96, 3)
    moving = grey(mouths(frames.pixels, 48))                        # uint8 (8, 48, 48)

No detector looks for the face: it is taken to be where a talking head has it, as in `forge.face.prior`.
Places are (x, y) in fractions of a frame's centre square, which is what the scaled whole shows.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data.arrays import GRID

# Places of evaluation: of its first cycles the mouth, the eyes and the middle of the face; of later ones the
# cheeks, the forehead and the chin.
PLACES = np.array(
    [
        [(0.5, 0.65), (0.42, 0.45), (0.58, 0.45), (0.5, 0.53)],
        [(0.37, 0.6), (0.63, 0.6), (0.5, 0.33), (0.5, 0.74)],
    ]
)
MOST_CYCLES = PLACES.shape[0] * PLACES.shape[1]
# Training's places are anywhere between these edges: left, upper, right and lower.
FACE = (0.3, 0.28, 0.7, 0.78)
# The lower face is a box of this side, as a share of the centre square's, around this centre.
MOUTH_SIDE, MOUTH_CENTRE = 0.56, (0.5, 0.65)


def evaluation_places(count: int, cycle: int) -> NDArray[np.float64]:
    """float64 (count, 2): the places of `count` frames, which take turns. cycle: from 0 to MOST_CYCLES - 1,
    each with another place for every frame."""
    group = PLACES[cycle // PLACES.shape[1]]
    return group[(np.arange(count) + cycle) % len(group)]


def random_places(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64 (count, 2): one place in the face, drawn for all `count` frames."""
    left, upper, right, lower = FACE
    return np.tile(rng.uniform((left, upper), (right, lower)), (count, 1))


def chosen(count: int, settings: config.ClipSettings) -> NDArray[np.intp]:
    """Which of the `count` frames that were decoded of a span are read whole: int (t,), t from 1 to
    clip.frames.

    With `clip.mouth_frames` a span has more frames than are read whole: those are evenly spaced, the middle
    one if there is one. Of a damaged file, which gave fewer frames, those that came.
    """
    wanted = settings.frames
    if not settings.mouth_frames:
        return np.arange(count)
    last = settings.mouth_frames - 1
    places = np.linspace(0, last, wanted).round() if wanted > 1 else np.array([last // 2])
    came = places[places < count].astype(np.intp)
    return came if len(came) else np.array([count - 1])


def crops(pixels: NDArray[np.uint8], places: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Frames uint8 (T, H, W, 3) and places (T, 2) → uint8 (T, size, size, 3): `size` pixels a side around
    each place, not scaled.

    A place near the border is moved, so that the crop lies within the centre square. A centre square that is
    smaller than a crop is mirrored at its border.
    """
    height, width = pixels.shape[1:3]
    side = min(height, width)
    corner = np.array([(width - side) // 2, (height - side) // 2])
    if side < size:
        before = (size - side) // 2
        square = pixels[:, corner[1] : corner[1] + side, corner[0] : corner[0] + side]
        after = size - side - before
        return np.stack(
            [cv2.copyMakeBorder(f, before, after, before, after, cv2.BORDER_REFLECT) for f in square]
        )
    lefts_tops = np.rint(places * side - size / 2).astype(int).clip(0, side - size) + corner
    return np.stack(
        [
            frame[top : top + size, left : left + size]
            for frame, (left, top) in zip(pixels, lefts_tops, strict=True)
        ]
    )


def bands(forged: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Shares of forged float32 (T, H, W) → float32 (T, size, size), of the scaled whole: 4 m (1 - m) for a
    share m, which is the border of what was blended in, or m where that is more, of what is all forged."""
    height, width = forged.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = forged[:, top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    band = np.maximum(4 * square * (1 - square), square)
    return np.stack([cv2.resize(each, (size, size), interpolation=method) for each in band])


def pooled(band: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (T, S, S) → float32 (T, GRID, GRID): the mean over each patch."""
    return np.stack([cv2.resize(each, (GRID, GRID), interpolation=cv2.INTER_AREA) for each in band])


def mouths(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Frames uint8 (T, H, W, 3) → uint8 (T, size, size, 3): the lower face of each, scaled."""
    height, width = pixels.shape[1:3]
    side = min(height, width)
    box = max(1, round(MOUTH_SIDE * side))
    left = (width - side) // 2 + round(MOUTH_CENTRE[0] * side - box / 2)
    top = (height - side) // 2 + round(MOUTH_CENTRE[1] * side - box / 2)
    method = cv2.INTER_AREA if box > size else cv2.INTER_LINEAR
    return np.stack(
        [
            cv2.resize(frame[top : top + box, left : left + box], (size, size), interpolation=method)
            for frame in pixels
        ]
    )


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (T, H, W, 3) RGB → uint8 (T, H, W), as ITU-R BT.601 weighs the colours."""
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in pixels])
