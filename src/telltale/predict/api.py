"""Scores in one line of Python, by `telltale.load`: for notebooks, scripts and services. predict.py is for
submissions.

    import telltale

    detector = telltale.load("RUN/best.pt")  # device="cuda:1", spans=3, flip=True, workers=4, ...
    detector.predict("clip.mp4").fake_probability           # one path → one Prediction
    detector.predict(["a.mp4", "b.mp4"])                    # several → a list, in their order

The process is left as it is: no signal handlers, no environment variables, no files, and no worker processes
unless `workers` asks for them. The competition's rules are not checked.
"""

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import torch

from telltale import config
from telltale.config import detectors
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader, on_device
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
from telltale.data.views import Views
from telltale.errors import InputError
from telltale.predict import prediction
from telltale.predict.scoring import scores_of
from telltale.scores.score import Score
from telltale.status import STATUSES

# Sentences for the statuses that reading gives no sentence of its own.
REASONS = {name: STATUSES[name].meaning for name in ("partial", "not_finite")}


@dataclass(frozen=True)
class Prediction(Score):
    """The score of one clip.

    video_name: the file's name
    fake_probability: float in [0, 1], None if the clip could not be scored
    status: as in scores.csv: "ok", "partial", "no_sound" or "no_picture" for a clip that was scored, else the
        reason why it was not
    seconds: the clip's duration, None if unknown
    path: as it was given
    detail: a sentence on what was wrong, "" if nothing was
    """

    path: Path = Path()
    detail: str = ""


class Predictor:
    """A trained model on a device. Any thread may call it; calls from several threads run one after another.

    checkpoint: a file that train.py wrote, such as RUN/best.pt
    device: "cpu", "cuda", "cuda:1", ...; None for the GPU if there is one, else the CPU
    spans: views of each clip, evenly from its beginning to its end; None as in the run's settings
    flip: whether to score each view's mirror image too; None as in the run's settings
    batch_size: clips in memory at a time; None as in the run's settings
    workers: processes that decode, forked by each call and ended with it. They give a clip that hangs the
        decoder the status "timeout", and one that ends its worker "crashed". With 0 this process decodes, and
        such a clip hangs or ends it.

    On the CPU the model uses as many threads as torch has. Raises InputError for a file that is no
    checkpoint, for a value out of its range, and for a device that cannot be used.
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
        changes = {
            "predict.spans": spans,
            "predict.flip": flip,
            "predict.batch_size": batch_size,
            "data.workers": workers,
        }
        overrides = [f"{key}={str(value).lower()}" for key, value in changes.items() if value is not None]
        trained, content = prediction.read(path, [])
        self.settings = config.override(trained, overrides, "telltale.load")
        self.device = _device(device)
        self._reads = detectors.reads(self.settings.model)
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
        """One path gives a Prediction, several give a list of them in the same order.

        A file that is missing, damaged or not a video gives a Prediction without a number. On the CPU the
        numbers equal those of predict.py to the bit, for the same files and settings. (The last bits depend
        on which clips share a batch, and that depends on the sizes of all files.) Raises InputError if memory
        does not suffice for one view of one clip.
        """
        if isinstance(paths, str | os.PathLike):
            return self._predict([Path(paths)])[0]
        return self._predict([Path(path) for path in paths])

    def _predict(self, paths: list[Path]) -> list[Prediction]:
        rows, settings = [Row(path.name, path, None) for path in paths], self.settings
        batches = evaluation_batches(file_sizes(rows), settings.predict.batch_size)
        views = Views(settings.predict.spans, settings.predict.crops)
        dataset = ClipDataset(rows, settings, self._reads, views)
        workers, threads = min(settings.data.workers or 0, len(rows)), torch.get_num_threads()
        loader = ClipLoader(dataset, workers, timeout_seconds=settings.data.timeout_seconds)
        by_row: dict[int, Prediction] = {}
        with self._lock:
            try:
                for batch in on_device(loader.read(batches), self.device):
                    scores = scores_of(batch, self._infer(batch))
                    for info, score in zip(batch.infos, scores, strict=True):
                        path = paths[info.row]
                        detail = info.detail or (
                            f"{path}: {REASONS[score.status]}" if score.status in REASONS else ""
                        )
                        by_row[info.row] = Prediction(**vars(score), path=path, detail=detail)
            finally:
                loader.close()
                # The threads of `Inference` set torch's number of threads to one, also for threads that are
                # started later.
                torch.set_num_threads(threads)
        return [by_row[row] for row in range(len(rows))]


def _device(name: Any) -> torch.device:
    """The device to compute on. Raises InputError if it cannot be used."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"device {name!r}: cannot be used ({reason}); wanted cpu, or a device that torch has"
        ) from None
    return device
