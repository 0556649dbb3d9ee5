"""`Sample`: one row of the data, read and augmented. `Batch`: N samples as the tensors that a model gets.

A worker process writes each sample into arrays of shared memory (`SampleArrays`), and a batch is made of
these arrays without a copy.

Shapes: N clips, V views of a clip, T frames, S pixels a side, M mel bands, L mel columns.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from telltale.data.clip import Cost
from telltale.data.manifest import Row
from telltale.decode.frames import Frames

EVALUATION = -1


class SampleKey(NamedTuple):
    """A row to read, and the epoch that it is read for. Epoch EVALUATION: nothing of the sample is random."""

    row: int
    epoch: int


@dataclass(frozen=True)
class SampleInfo:
    """What is known of a sample besides its arrays.

    row: its row in the data set.
    video_name: the file's name.
    target: 1 forged, 0 genuine, NaN unknown.
    status: one of `telltale.status`.
    seconds: the clip's length, None if it is not known.
    detail: for people, why a clip was not read or not read whole.
    view_starts: of each view the start of its span, in seconds after the clip's first frame.
    cost: what making the sample took.
    """

    row: int
    video_name: str
    target: float
    status: str
    seconds: float | None = None
    detail: str = ""
    view_starts: tuple[float, ...] = ()
    cost: Cost = Cost()  # noqa: RUF009 - it is frozen


class Shapes(NamedTuple):
    """Shapes of one clip's arrays: pictures (V, T, S, S, 3) and mel (V, M, L); (V, 0) for what the model does
    not read. Frame times have the first two sides of the pictures: (V, T) or (V, 0)."""

    pictures: tuple[int, ...]
    mel: tuple[int, ...]


@dataclass(frozen=True)
class SampleArrays:
    """The arrays of one clip; with a leading N, those of N clips.

    pictures: uint8 (V, T, S, S, 3) RGB.
    mel: float32 (V, M, L) dB.
    has_picture, has_sound: bool (V,). If False, the view's part of the arrays above is zeros.
    frame_seconds: float32 (V, T), when each frame came on show, in seconds after the start of the view's
        span, which is where the mel begins.

    An array of what the model does not read is empty: its size is 0.
    """

    pictures: NDArray[np.uint8]
    mel: NDArray[np.float32]
    has_picture: NDArray[np.bool_]
    has_sound: NDArray[np.bool_]
    frame_seconds: NDArray[np.float32]

    def of(self, index: int) -> "SampleArrays":
        """The arrays of one of the N clips. They share memory with these."""
        return SampleArrays(*(array[index] for array in vars(self).values()))

    def clear(self) -> None:
        """Make all of it a clip that could not be read."""
        for array in vars(self).values():
            array[...] = 0


@dataclass(frozen=True)
class SampleView:
    """One view of a sample as a model gets it; what the clip lacks or the model does not read is None.

    start_seconds: the start of the view's span, in seconds after the clip's first frame.
    frames: t frames of S x S pixels, 1 <= t <= T. Their times still count from the clip's first frame.
    mel: float32 (M, L) dB, whose first column is at the start of the span.
    """

    start_seconds: float
    frames: Frames | None
    mel: NDArray[np.float32] | None


@dataclass(frozen=True)
class Sample:
    """A row as a model gets it: up to V views."""

    info: SampleInfo
    views: tuple[SampleView, ...]

    def write(self, arrays: SampleArrays) -> None:
        """Write the views into the arrays of one clip, over whatever was there.

        A damaged file gives fewer than T frames. Then the last one, with its time, stands for the rest.
        """
        arrays.clear()
        for index, view in enumerate(self.views):
            if view.frames is not None:
                arrays.has_picture[index] = True
                _fill(view.frames.pixels, arrays.pictures[index])
                _fill(view.frames.seconds - view.start_seconds, arrays.frame_seconds[index])
            if view.mel is not None:
                arrays.has_sound[index] = True
                arrays.mel[index] = view.mel


def _fill(values: np.ndarray, out: np.ndarray) -> None:
    """Write values (t, ...) to `out` (T, ...); the last one fills the rest."""
    count = min(len(values), len(out))
    out[:count], out[count:] = values[:count], values[-1]


def allocate(shapes: Shapes, count: int) -> SampleArrays:
    """Zeros for `count` clips, in memory that this process shares with processes that are forked from it
    later."""
    views = shapes.pictures[:1]
    parts: list[tuple[tuple[int, ...], Any]] = [(shapes.pictures, np.uint8), (shapes.mel, np.float32)]
    parts += [(views, np.bool_), (views, np.bool_), (shapes.pictures[:2], np.float32)]
    return SampleArrays(*(_shared_zeros((count, *shape), np.dtype(dtype)) for shape, dtype in parts))


def _shared_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    size = int(np.prod(shape))
    if not size:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size * dtype.itemsize), dtype).reshape(shape)


@dataclass(frozen=True)
class Batch:
    """N samples as tensors. The first five are those of `SampleArrays` with a leading N.

    infos: N of them.
    target: float32 (N,), NaN if unknown.
    usable: bool (N, V), whether a view has picture or sound.

    The first five may be on the model's device. target and usable are always in the host's memory.
    """

    infos: list[SampleInfo]
    pictures: Tensor
    mel: Tensor
    has_picture: Tensor
    has_sound: Tensor
    frame_seconds: Tensor
    target: Tensor
    usable: Tensor

    def only(self, rows: Tensor) -> "Batch":
        """The clips of `rows`, bool (N,)."""
        if rows.all():
            return self
        indices = rows.nonzero().squeeze(1)
        on_device = indices.to(self.has_picture.device)
        infos = [self.infos[index] for index in indices.tolist()]
        arrays = {name: array.index_select(0, on_device) for name, array in self.arrays().items()}
        return replace(self, infos=infos, target=self.target[indices], usable=self.usable[indices], **arrays)

    def arrays(self) -> dict[str, Tensor]:
        """The five tensors of `SampleArrays`, by name."""
        return {field.name: getattr(self, field.name) for field in fields(SampleArrays)}

    def inputs(self, device: torch.device, views: Tensor | None = None) -> dict[str, Any]:
        """The model's arguments for B views. views: bool (N, V), default the usable ones."""
        chosen = self.usable if views is None else views
        return self.inputs_at(chosen.flatten().nonzero().squeeze(1), device)

    def inputs_at(self, indices: Tensor, device: torch.device) -> dict[str, Any]:
        """The model's arguments for the views at `indices`, long (B,), which count the N * V views of all
        clips.

        Pictures are copied to the device as uint8 and become float in [0, 1] there, (B, T, 3, S, S). The
        batch may be on the device already; `indices` may be in the host's memory.
        """
        indices = indices.to(self.has_picture.device)

        def take(whole: Tensor) -> Tensor:
            return whole.flatten(0, 1).index_select(0, indices).to(device)

        pictures = take(self.pictures) if self.pictures.numel() else None
        return {
            "pictures": None if pictures is None else pictures.permute(0, 1, 4, 2, 3).float().div_(255),
            "mel": take(self.mel) if self.mel.numel() else None,
            "has_picture": take(self.has_picture),
            "has_sound": take(self.has_sound),
            "frame_seconds": take(self.frame_seconds),
        }


def assemble(infos: list[SampleInfo], arrays: SampleArrays) -> Batch:
    """The batch of the first clips of `arrays`, one for each of `infos`. Its tensors share memory with
    them."""
    first = slice(len(infos))
    tensors = {name: torch.from_numpy(array[first]) for name, array in vars(arrays).items()}
    target = torch.tensor([info.target for info in infos], dtype=torch.float32)
    return Batch(infos, target=target, usable=tensors["has_picture"] | tensors["has_sound"], **tensors)


class SampleSource(Protocol):
    """A data set as a loader needs it."""

    rows: Sequence[Row]

    def shapes(self) -> Shapes: ...

    def prepare(self) -> None:
        """Load what `fill` needs, before workers are forked."""

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        """Read one clip into `arrays`, over whatever was there."""


def read_batch(dataset: SampleSource, keys: Sequence[SampleKey]) -> Batch:
    """Read a batch in this process, into memory of its own."""
    arrays = allocate(dataset.shapes(), len(keys))
    return assemble([dataset.fill(key, arrays.of(index)) for index, key in enumerate(keys)], arrays)


def failed(index: int, row: Row, status: str, detail: str) -> SampleInfo:
    """The info of a clip of which nothing was read."""
    return SampleInfo(index, row.video_name, target_of(row), status, detail=detail)


def target_of(row: Row) -> float:
    """The row's target as a float, NaN if it is unknown."""
    return float("nan") if row.target is None else float(row.target)
