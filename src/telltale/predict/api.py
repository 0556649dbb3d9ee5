"""Scores in one line of Python: what `telltale.load` gives. For notebooks, scripts and services; predict.py
is for submissions.

    import telltale

    detector = telltale.load("RUN/best.pt")  # device="cuda:1", spans=3, flip=True, workers=4, ...
    detector.predict("clip.mp4").fake_probability           # one path → one Prediction
    detector.predict(["a.mp4", "b.mp4"])                    # several → a list, in their order

Nothing of the process is changed: no signal handlers, no environment variables, no files, no worker processes
unless they are asked for. The rules of a competition are not asked either.
"""

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import torch

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader, on_device
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
from telltale.errors import InputError
from telltale.predict import prediction
from telltale.predict.scoring import answers
from telltale.scores.score import Score
from telltale.status import STATUSES

# Of statuses that come without a sentence of their own.
REASONS = {name: STATUSES[name].meaning for name in ("partial", "not_finite")}


@dataclass(frozen=True)
class Prediction(Score):
    """A clip's `Score`, with where it lies and why.

    video_name: the file's name; fake_probability: float in [0, 1], or None if the clip could not be scored;
    status: "ok", "partial", "no_sound" or "no_picture" of a clip that was scored, else the reason why not, as
    in scores.csv; seconds: the clip's duration, or None if not known; path: as it was given; detail: a
    sentence on what was wrong, "" if nothing was.
    """

    path: Path = Path()
    detail: str = ""


class Predictor:
    """A trained model on a device. It may be called from any thread; calls from several wait for each other.

    checkpoint: a file that train.py wrote, such as RUN/best.pt. device: "cpu", "cuda", "cuda:1", ...; None is
    the GPU if there is one. spans: views of each clip, from its beginning to its end; flip: also each
    picture's mirror image; batch_size: clips held in memory at a time. None leaves each of them as the run
    had it. workers: processes that decode; with 0 this one does, and a clip that hangs the decoder hangs the
    call. Worker processes give such a clip the status "timeout", or "crashed" if it ends its worker. They are
    forked, and end with the call. On the CPU the model uses as many threads as torch has.

    Raises InputError for a file that is no checkpoint, for a value out of its range, and for a device that is
    not there.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str],
        *,
        device: str | torch.device | None = None,
        spans: int | None = None,
        flip: bool | None = None,
        batch_size: int | None = None,
        workers: int = 0,
    ) -> None:
        path = Path(checkpoint)
        asked = {
            "predict.spans": spans,
            "predict.flip": flip,
            "predict.batch_size": batch_size,
            "data.workers": workers,
        }
        overrides = [f"{key}={str(value).lower()}" for key, value in asked.items() if value is not None]
        trained, content = prediction.read(path, [])
        self.settings = config.override(trained, overrides, "telltale.load")
        self.device = _device(device)
        self._reads = DETECTORS[self.settings.model.name].reads
        self._infer = prediction.inference(
            prediction.restore(content, self.settings, path), self.settings, self.device
        )
        self._lock = threading.Lock()

    @overload
    def predict(self, paths: str | os.PathLike[str]) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, paths: Iterable[str | os.PathLike[str]]) -> list[Prediction]: ...

    def predict(
        self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
    ) -> Prediction | list[Prediction]:
        """The Prediction of one path, or a list with one for each of several, in their order.

        A file that is absent, damaged or no video is a Prediction without a number. On the CPU the numbers
        are those of predict.py to the bit, for the same files and settings: its last bits depend on which
        clips share a batch, and batches are formed by the files' sizes. Raises InputError if the device's
        memory does not suffice for one view of one clip.
        """
        if isinstance(paths, str | os.PathLike):
            return self._predict([Path(paths)])[0]
        return self._predict([Path(path) for path in paths])

    def _predict(self, paths: list[Path]) -> list[Prediction]:
        rows, settings = [Row(path.name, path, None) for path in paths], self.settings
        batches = evaluation_batches(file_sizes(rows), settings.predict.batch_size)
        dataset = ClipDataset(rows, settings, self._reads, spans=settings.predict.spans)
        workers, threads = min(settings.data.workers or 0, len(rows)), torch.get_num_threads()
        loader, found = ClipLoader(dataset, workers, timeout_seconds=settings.data.timeout_seconds), {}
        with self._lock:
            try:
                for batch in on_device(loader.read(batches), self.device):
                    for info, score in zip(batch.infos, answers(batch, self._infer(batch)), strict=True):
                        path = paths[info.row]
                        detail = info.detail or (
                            f"{path}: {REASONS[score.status]}" if score.status in REASONS else ""
                        )
                        found[info.row] = Prediction(**vars(score), path=path, detail=detail)
            finally:
                loader.close()
                # The model's own threads set torch's number to one each, and that of threads that come later
                # with it.
                torch.set_num_threads(threads)
        return [found[row] for row in range(len(rows))]


def _device(wanted: Any) -> torch.device:
    """The device to compute on. Raises InputError where it cannot be used."""
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"device {wanted!r}: cannot be used ({reason}); wanted cpu, or a device that torch has"
        ) from None
    return device
