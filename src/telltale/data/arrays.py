"""`SampleArrays`: the arrays of one clip, or with a leading N of N clips, in memory that processes share.

Shapes: V views of a clip, T frames, S pixels a side, M mel rows, L mel columns; crops of P pixels a side, F
pictures of the lower face of m pixels a side; of what is known of a view: 4 cues, K segments, a grid of G by
G patches.
"""

import mmap
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# What is known of a view. NaN means unknown, and no view.
KNOWN = ("truth", "cues", "segments", "mask")
# Patches along each side of a picture that `mask` has.
GRID = 8
_BYTES, _FLAGS = ("pictures", "crops", "mouth"), ("has_picture", "has_sound")


@dataclass(frozen=True)
class SampleArrays:
    """The arrays of one clip; with a leading N, those of N clips.

    pictures: uint8 (V, T, S, S, 3) RGB.
    mel: float32 (V, M, L) dB.
    has_picture, has_sound: bool (V,). If False, the view's part of the arrays that show it is zeros.
    frame_seconds: float32 (V, T), when each frame came on show, in seconds after the start of the view's
        span, which is where the mel begins.
    crops: uint8 (V, T, P, P, 3) RGB, a part of each of the T frames at the frame's own resolution.
    mouth: uint8 (V, F, m, m), the lower face in grey.
    mouth_seconds: float32 (V, F), of the pictures of the lower face, as frame_seconds.
    truth: float32 (V,), 1 forged, 0 genuine.
    cues: float32 (V, 4), 1 where the cue is falsified, in the order of `forge.pseudo.CUES`.
    segments: float32 (V, K), 1 where the forgery touches the part [k, k + 1) / K of the span's full length.
    mask: float32 (V, T, G, G), from 0 to 1, how much of a forgery's border or inside each patch shows.

    An array of what the model does not read is empty: its size is 0; so are the last four unless the data set
    makes twins. In these four NaN is unknown.
    """

    pictures: NDArray[np.uint8]
    mel: NDArray[np.float32]
    has_picture: NDArray[np.bool_]
    has_sound: NDArray[np.bool_]
    frame_seconds: NDArray[np.float32]
    crops: NDArray[np.uint8]
    mouth: NDArray[np.uint8]
    mouth_seconds: NDArray[np.float32]
    truth: NDArray[np.float32]
    cues: NDArray[np.float32]
    segments: NDArray[np.float32]
    mask: NDArray[np.float32]

    def of(self, index: int) -> "SampleArrays":
        """The arrays of one of the N clips. They share memory with these."""
        return SampleArrays(*(array[index] for array in vars(self).values()))

    def clear(self) -> None:
        """Make all of it a clip that could not be read."""
        for name, array in vars(self).items():
            array[...] = np.nan if name in KNOWN else 0


class Shapes(NamedTuple):
    """Shapes of one clip's arrays, as of `SampleArrays`.

    pictures, mel: (V, 0) for what the model does not read.
    crops, mouth, segments, mask: () for what there is none of.
    """

    pictures: tuple[int, ...]
    mel: tuple[int, ...]
    crops: tuple[int, ...] = ()
    mouth: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    mask: tuple[int, ...] = ()

    def all(self) -> dict[str, tuple[int, ...]]:
        """The shape of every array, by name."""
        views = self.pictures[:1]
        none = (*views, 0)
        known = bool(self.segments)
        return {
            "pictures": self.pictures,
            "mel": self.mel,
            "has_picture": views,
            "has_sound": views,
            "frame_seconds": self.pictures[:2],
            "crops": self.crops or none,
            "mouth": self.mouth or none,
            "mouth_seconds": self.mouth[:2] or none,
            "truth": views if known else none,
            "cues": (*views, 4) if known else none,
            "segments": self.segments or none,
            "mask": self.mask or none,
        }


def type_of(name: str) -> type:
    """The NumPy type of the array `name` of `SampleArrays`."""
    return np.uint8 if name in _BYTES else np.bool_ if name in _FLAGS else np.float32


def allocate(shapes: Shapes, count: int) -> SampleArrays:
    """Zeros for `count` clips, in memory that this process shares with processes that are forked from it
    later."""
    parts: dict[str, Any] = {
        name: _shared_zeros((count, *shape), np.dtype(type_of(name))) for name, shape in shapes.all().items()
    }
    return SampleArrays(**parts)


def _shared_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    size = int(np.prod(shape))
    if not size:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size * dtype.itemsize), dtype).reshape(shape)
