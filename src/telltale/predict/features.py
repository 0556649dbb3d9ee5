"""Features of clips by a trained detector, joined by name: what its last layers read, one vector a clip.

    found = features(rows, Path("RUN/best.pt"), watch)
    found = kept(Path("features.npz"), rows, Path("RUN/best.pt"), watch)     # computed once, then read
    found.of(["a.mp4", "b.mp4"])                                             # float32 (2, D)

The clips go the way that prediction goes: the same loader, views, mirror images and statuses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.config import detectors
from telltale.data.dataset import ClipDataset, open_store
from telltale.data.loader import ClipLoader, on_device
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
from telltale.data.views import Views
from telltale.files import fingerprint, sha256, write_whole
from telltale.predict import prediction
from telltale.runtime import distributed
from telltale.runtime.progress import bar, say
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.status import ABSENT

REMEDY = "the same command reads the clips again"


@dataclass(frozen=True)
class Features:
    """Features of clips.

    names: of the clips that have features, in the order of the rows
    values: float32 (N, D), a row for each of `names`
    statuses: by name, of all clips; those of clips without features say why
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    statuses: dict[str, str]

    def of(self, names: Iterable[str]) -> NDArray[np.float32]:
        """The features of the clips of these names, (n, D). Raises KeyError for one without features."""
        places = {name: place for place, name in enumerate(self.names)}
        return self.values[[places[name] for name in names]]


def features(
    rows: Sequence[Row], checkpoint: Path, watch: SignalWatch, *, store: Path | None = None
) -> Features:
    """The features of `rows` by the detector of `checkpoint`: `Output.features`, mean over a clip's views.

    store: folder of decoded clips, None to decode. A clip that cannot be read has no features, and its status
    says why; one whose features are not finite has the status "not_finite". The last bits depend on which
    clips share a batch. Raises InputError for a file that is no checkpoint, and Stopped after a signal.
    """
    settings, content = prediction.read(checkpoint, [])
    model = prediction.restore(content, settings, checkpoint)
    reads = detectors.reads(settings.model)
    opened = None if store is None else open_store(store, settings, reads)
    views = Views(settings.predict.spans, settings.predict.crops)
    batches = evaluation_batches(file_sizes(list(rows)), settings.predict.batch_size)
    found: dict[str, NDArray[np.float32]] = {}
    statuses: dict[str, str] = {}
    with distributed.join(settings.threads, deterministic=settings.deterministic) as process:
        infer = prediction.inference(model, settings, process.device)
        loader = ClipLoader(
            ClipDataset(list(rows), settings, reads, views, opened),
            process.workers(settings.data.workers, len(rows)),
            timeout_seconds=settings.data.timeout_seconds,
        )
        progress = bar(len(batches), "features", "batch")
        try:
            for batch in on_device(loader.read(batches), process.device):
                watch.defer()
                if watch.number:
                    raise Stopped(watch.number, REMEDY)
                usable = batch.usable.any(1).tolist()
                for info, can, values in zip(batch.infos, usable, infer.features(batch), strict=True):
                    finite = can and bool(np.isfinite(values).all())
                    statuses[info.video_name] = "not_finite" if can and not finite else info.status
                    if finite:
                        found[info.video_name] = values.copy()
                    elif not can and info.detail and info.status not in ABSENT:
                        say(f"{info.status}: {info.detail}")
                progress.update()
        finally:
            progress.close()
            loader.close()
    names = [row.video_name for row in rows if row.video_name in found]
    values = np.stack([found[name] for name in names]) if names else np.zeros((0, 0), np.float32)
    return Features(tuple(names), values, {row.video_name: statuses[row.video_name] for row in rows})


def kept(
    path: Path, rows: Sequence[Row], checkpoint: Path, watch: SignalWatch, *, store: Path | None = None
) -> Features:
    """`features`, kept in the NumPy file `path`: read from there if it is of the same clips and weights."""
    settings, _ = prediction.read(checkpoint, [])
    key = _key(rows, checkpoint, settings)
    if (before := _read(path, key)) is not None:
        return before
    made = features(rows, checkpoint, watch, store=store)
    with write_whole(path) as file:
        np.savez(
            file,
            key=np.array(key),
            names=np.array(made.names, dtype=str),
            values=made.values,
            clips=np.array(list(made.statuses), dtype=str),
            statuses=np.array(list(made.statuses.values()), dtype=str),
        )
    return made


def _read(path: Path, key: str) -> Features | None:
    """What `kept` wrote under `key`; None if there is nothing, something else or half a file."""
    try:
        with np.load(path) as file:
            if str(file["key"]) != key:
                return None
            statuses = dict(zip(file["clips"].tolist(), file["statuses"].tolist(), strict=True))
            return Features(tuple(file["names"].tolist()), file["values"], statuses)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _key(rows: Sequence[Row], checkpoint: Path, settings: config.Config) -> str:
    """16 hex digits of the weights, the clips and the settings that features depend on."""
    values = config.flatten(settings.model_dump(mode="json"))
    fixed = {name: value for name, value in values.items() if name not in prediction.FREE}
    names = [row.video_name for row in rows]
    return fingerprint([sha256(checkpoint), names, file_sizes(list(rows)), fixed])
