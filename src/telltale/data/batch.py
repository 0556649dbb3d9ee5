"""A batch: the arrays that clips are read into, the facts that go with them, and the tensors that a model
gets."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from telltale.data.clip import Cost
from telltale.data.manifest import Row

EVALUATION = -1


class SampleKey(NamedTuple):
    """A row to read, and the epoch it is read for; EVALUATION means without any randomness."""

    row: int
    epoch: int


@dataclass(frozen=True)
class SampleInfo:
    """What is known of a clip besides its pictures and sound. target: NaN where unknown; seconds: its length,
    where known.

    prepare_seconds, mel_seconds: what fitting and augmenting its pictures, and making its mel images, took;
    cost: its reading; done_at: when all was done, on the clock `time.perf_counter`, which a machine's
    processes share.
    """

    row: int
    video_name: str
    target: float
    status: str
    seconds: float | None = None
    detail: str = ""
    cost: Cost = Cost()  # noqa: RUF009 - it is frozen
    prepare_seconds: float = 0.0
    mel_seconds: float = 0.0
    done_at: float = 0.0


class Shapes(NamedTuple):
    """Shapes of one clip's arrays: (V, T, S, S, 3) and (V, M, L), or (V, 0) for what the model does not read.

    Frame times have the first two sides of the pictures: (V, T), or (V, 0).
    """

    pictures: tuple[int, ...]
    mel: tuple[int, ...]


@dataclass(frozen=True)
class SampleArrays:
    """One clip's arrays, or with a leading N those of N clips. V views of a clip, T frames, M mel bands, L
    mel columns.

    pictures: uint8 (V, T, S, S, 3) RGB; mel: float32 (V, M, L) dB; has_picture, has_sound: bool (V,);
    frame_seconds: float32 (V, T), when each frame came on show, in seconds from the span's start, where the
    mel begins. A view's missing part is zeros under a False flag; an array of what the model does not read is
    empty (its size is 0).
    """

    pictures: np.ndarray
    mel: np.ndarray
    has_picture: np.ndarray
    has_sound: np.ndarray
    frame_seconds: np.ndarray

    def of(self, place: int) -> "SampleArrays":
        """The arrays of one of the N clips: views of these."""
        return SampleArrays(*(array[place] for array in vars(self).values()))

    def clear(self) -> None:
        """Make all of it a clip that could not be read."""
        for array in vars(self).values():
            array[...] = 0


def allocate(shapes: Shapes, count: int) -> SampleArrays:
    """Zeros for `count` clips, in memory that this process shares with those forked from it later."""
    views = shapes.pictures[:1]
    parts: list[tuple[tuple[int, ...], Any]] = [(shapes.pictures, np.uint8), (shapes.mel, np.float32)]
    parts += [(views, np.bool_), (views, np.bool_), (shapes.pictures[:2], np.float32)]
    return SampleArrays(*(_shared((count, *shape), np.dtype(kind)) for shape, kind in parts))


def _shared(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    size = int(np.prod(shape))
    if not size:
        return np.zeros(shape, kind)
    return np.frombuffer(mmap.mmap(-1, size * kind.itemsize), kind).reshape(shape)


@dataclass(frozen=True)
class Batch:
    """N samples. Tensors as in `Arrays` with a leading N; target: float32 (N,), NaN where unknown; usable:
    bool (N, V).

    The five arrays of the model may lie on its device; target and usable are always in the host's memory.
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
        places = rows.nonzero().squeeze(1)
        here = places.to(self.has_picture.device)
        infos = [self.infos[place] for place in places.tolist()]
        arrays = {name: array.index_select(0, here) for name, array in self.arrays().items()}
        return replace(self, infos=infos, target=self.target[places], usable=self.usable[places], **arrays)

    def arrays(self) -> dict[str, Tensor]:
        """The model's five, by name."""
        return {field.name: getattr(self, field.name) for field in fields(SampleArrays)}

    def inputs(self, device: torch.device, views: Tensor | None = None) -> dict[str, Any]:
        """The model's arguments for the chosen views (bool (N, V); default the usable ones), flattened to (B,
        ...)."""
        chosen = self.usable if views is None else views
        return self.at(chosen.flatten().nonzero().squeeze(1), device)

    def at(self, places: Tensor, device: torch.device) -> dict[str, Any]:
        """The model's arguments for the views at `places`, long (B,), counted through all clips.

        Pictures cross to the device as uint8 and become float in [0, 1] there, (B, T, 3, S, S). The arrays of
        the batch may be there already; `places` may be on the host.
        """
        places = places.to(self.has_picture.device)

        def take(whole: Tensor) -> Tensor:
            return whole.flatten(0, 1).index_select(0, places).to(device)

        pictures = take(self.pictures) if self.pictures.numel() else None
        return {
            "pictures": None if pictures is None else pictures.permute(0, 1, 4, 2, 3).float().div_(255),
            "mel": take(self.mel) if self.mel.numel() else None,
            "has_picture": take(self.has_picture),
            "has_sound": take(self.has_sound),
            "frame_seconds": take(self.frame_seconds),
        }


def assemble(infos: list[SampleInfo], arrays: SampleArrays) -> Batch:
    """The batch of the first clips of `arrays`; its tensors are views of them."""
    first = slice(len(infos))
    tensors = {name: torch.from_numpy(array[first]) for name, array in vars(arrays).items()}
    target = torch.tensor([info.target for info in infos], dtype=torch.float32)
    return Batch(infos, target=target, usable=tensors["has_picture"] | tensors["has_sound"], **tensors)


class SampleSource(Protocol):
    """What a feed wants of a data set."""

    rows: Sequence[Row]

    def shapes(self) -> Shapes: ...

    def prepare(self) -> None:
        """Load what `fill` needs, before workers are forked."""

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        """Read one clip into `arrays`, over whatever was there."""


def read_batch(dataset: SampleSource, keys: Sequence[SampleKey]) -> Batch:
    """Read a batch here and now, into memory of its own."""
    arrays = allocate(dataset.shapes(), len(keys))
    return assemble([dataset.fill(key, arrays.of(place)) for place, key in enumerate(keys)], arrays)


def failed(index: int, row: Row, status: str, detail: str) -> SampleInfo:
    """The facts of a clip of which nothing was read."""
    return SampleInfo(index, row.video_name, target_of(row), status, detail=detail)


def target_of(row: Row) -> float:
    return float("nan") if row.target is None else float(row.target)
