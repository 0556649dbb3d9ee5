"""`Sample`: one row of the data, read and augmented. `Batch`: N samples as the tensors that a model gets.

A worker process writes each sample into arrays of shared memory (`SampleArrays`), and a batch is made of
these arrays without a copy. Shapes are those of `arrays`, with a leading N for N clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from telltale.data.arrays import KNOWN, SampleArrays, Shapes, allocate, type_of
from telltale.data.clip import Cost
from telltale.data.manifest import Row
from telltale.decode.frames import Frames

EVALUATION = -1
TYPES = {np.uint8: torch.uint8, np.float32: torch.float32, np.bool_: torch.bool}


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
    made: name of the pseudo-forgery that is the second view, "" if none was made.
    cost: what making the sample took.
    """

    row: int
    video_name: str
    target: float
    status: str
    seconds: float | None = None
    detail: str = ""
    view_starts: tuple[float, ...] = ()
    made: str = ""
    cost: Cost = Cost()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True)
class Mouth:
    """The lower face in u pictures, 1 <= u <= F.

    pixels: uint8 (u, m, m), grey.
    seconds: float64 (u,), their times as of `Frames`.
    """

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What is known of a view where data sets make twins, as of `SampleArrays`.

    truth: 1 forged, 0 genuine.
    cues: float32 (4,).
    segments: float32 (K,).
    mask: float32 (t, G, G), of the view's t frames; None: not known.
    """

    truth: float
    cues: NDArray[np.float32]
    segments: NDArray[np.float32]
    mask: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class SampleView:
    """One view of a sample as a model gets it; what the clip lacks or the model does not read is None.

    start_seconds: the start of the view's span, in seconds after the clip's first frame.
    frames: t frames of S x S pixels, 1 <= t <= T. Their times still count from the clip's first frame.
    mel: float32 (M, L) dB, whose first column is at the start of the span.
    crops: uint8 (t, P, P, 3), of the t frames.
    known: what is known of it; None where the data set makes no twins.
    """

    start_seconds: float
    frames: Frames | None
    mel: NDArray[np.float32] | None
    crops: NDArray[np.uint8] | None = None
    mouth: Mouth | None = None
    known: Known | None = None


@dataclass(frozen=True)
class Sample:
    """A row as a model gets it: up to V views. A view of nothing keeps the place of those behind it."""

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
            if view.crops is not None:
                _fill(view.crops, arrays.crops[index])
            if view.mouth is not None:
                _fill(view.mouth.pixels, arrays.mouth[index])
                _fill(view.mouth.seconds - view.start_seconds, arrays.mouth_seconds[index])
            if view.mel is not None:
                arrays.has_sound[index] = True
                arrays.mel[index] = view.mel
            if view.known is not None and (view.frames is not None or view.mel is not None):
                arrays.truth[index] = view.known.truth
                arrays.cues[index], arrays.segments[index] = view.known.cues, view.known.segments
                if view.known.mask is not None:
                    _fill(view.known.mask, arrays.mask[index])


def _fill(values: np.ndarray, out: np.ndarray) -> None:
    """Write values (t, ...) to `out` (T, ...); the last one fills the rest."""
    count = min(len(values), len(out))
    out[:count], out[count:] = values[:count], values[-1]


def _none() -> Tensor:
    return torch.empty(0)


@dataclass(frozen=True)
class Batch:
    """N samples as tensors. Those with a name of `SampleArrays` are its arrays with a leading N.

    infos: N of them.
    target: float32 (N,), NaN if unknown.
    usable: bool (N, V), whether a view has picture or sound.

    The arrays may be on the model's device. target and usable are always in the host's memory.
    """

    infos: list[SampleInfo]
    pictures: Tensor
    mel: Tensor
    has_picture: Tensor
    has_sound: Tensor
    frame_seconds: Tensor
    target: Tensor
    usable: Tensor
    crops: Tensor = field(default_factory=_none)
    mouth: Tensor = field(default_factory=_none)
    mouth_seconds: Tensor = field(default_factory=_none)
    truth: Tensor = field(default_factory=_none)
    cues: Tensor = field(default_factory=_none)
    segments: Tensor = field(default_factory=_none)
    mask: Tensor = field(default_factory=_none)

    def only(self, rows: Tensor) -> "Batch":
        """The clips of `rows`, bool (N,)."""
        if rows.all():
            return self
        indices = rows.nonzero().squeeze(1)
        on_device = indices.to(self.has_picture.device)
        infos = [self.infos[index] for index in indices.tolist()]
        arrays = {
            name: array.index_select(0, on_device) if array.numel() else array
            for name, array in self.arrays().items()
        }
        return replace(self, infos=infos, target=self.target[indices], usable=self.usable[indices], **arrays)

    def arrays(self) -> dict[str, Tensor]:
        """The tensors of `SampleArrays`, by name."""
        return {field.name: getattr(self, field.name) for field in fields(SampleArrays)}

    def inputs(self, device: torch.device, views: Tensor | None = None) -> dict[str, Any]:
        """The model's arguments for B views. views: bool (N, V), default the usable ones."""
        chosen = self.usable if views is None else views
        return self.inputs_at(chosen.flatten().nonzero().squeeze(1), device)

    def known(self, device: torch.device) -> dict[str, Tensor]:
        """What is known of the usable views, in the order of `inputs`: the arrays of KNOWN, by name."""
        indices = self.usable.flatten().nonzero().squeeze(1).to(self.has_picture.device)
        return {name: getattr(self, name).flatten(0, 1).index_select(0, indices).to(device) for name in KNOWN}

    def inputs_at(self, indices: Tensor, device: torch.device) -> dict[str, Any]:
        """The model's arguments for the views at `indices`, long (B,), which count the N * V views of all
        clips.

        Pictures are copied to the device as uint8 and become float in [0, 1] there, (B, T, 3, S, S); so do
        crops, (B, T, 3, P, P), and pictures of the lower face, (B, F, m, m), which only a model that reads
        them gets. The batch may be on the device already; `indices` may be in the host's memory.
        """
        indices = indices.to(self.has_picture.device)

        def take(whole: Tensor) -> Tensor:
            return whole.flatten(0, 1).index_select(0, indices).to(device)

        def colours(whole: Tensor) -> Tensor:
            return take(whole).permute(0, 1, 4, 2, 3).float().div_(255)

        more = {"crops": colours(self.crops)} if self.crops.numel() else {}
        if self.mouth.numel():
            more["mouth"] = take(self.mouth).float().div_(255)
            more["mouth_seconds"] = take(self.mouth_seconds)
        return {
            "pictures": colours(self.pictures) if self.pictures.numel() else None,
            "mel": take(self.mel) if self.mel.numel() else None,
            "has_picture": take(self.has_picture),
            "has_sound": take(self.has_sound),
            "frame_seconds": take(self.frame_seconds),
            **more,
        }


def assemble(infos: list[SampleInfo], arrays: SampleArrays) -> Batch:
    """The batch of the first clips of `arrays`, one for each of `infos`. Its tensors share memory with
    them."""
    first = slice(len(infos))
    tensors = {name: torch.from_numpy(array[first]) for name, array in vars(arrays).items()}
    target = torch.tensor([info.target for info in infos], dtype=torch.float32)
    return Batch(infos, target=target, usable=tensors["has_picture"] | tensors["has_sound"], **tensors)


def blank(infos: list[SampleInfo], shapes: Shapes) -> Batch:
    """A batch of zeros whose views all have picture and sound, in memory of its own."""
    arrays = {
        name: torch.zeros(len(infos), *shape, dtype=TYPES[type_of(name)])
        for name, shape in shapes.all().items()
    }
    there = torch.ones_like(arrays["has_picture"])
    target = torch.tensor([info.target for info in infos], dtype=torch.float32)
    arrays |= {"has_picture": there, "has_sound": there}
    return Batch(infos, target=target, usable=there.clone(), **arrays)


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
