"""From a checkpoint and a folder of videos to scores: what `predict.py` calls step by step.

    settings, content = read(path, overrides)
    with ScoringRun(rows, settings, process, paths) as run:     # the workers decode from here on
        scores = run.score(restore(content, settings, path), watch)

Batches depend on the list and the files alone, each finished batch goes to a journal, and the score files are
written once at the end. So a run that was killed and started again gives the same bytes as one that was not.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from telltale import config, models
from telltale.config import detectors
from telltale.config.affects import Affects
from telltale.config.keys import affecting
from telltale.data.dataset import ClipDataset, open_store, warn_of_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
from telltale.data.views import Views
from telltale.files import fingerprint, sha256
from telltale.models import checkpoint
from telltale.predict.inference import Inference
from telltale.predict.maps import Maps, check
from telltale.predict.profile import Profile
from telltale.predict.scoring import score, together
from telltale.runtime.distributed import Process
from telltale.runtime.progress import bar, say
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores import sidecar
from telltale.scores.journal import Journals
from telltale.scores.score import Score, merge

# Keys on which no score depends.
FREE = affecting(Affects.SPEED, Affects.FALLBACK)


def read(path: Path, overrides: list[str]) -> tuple[config.Config, dict[str, Any]]:
    """A checkpoint's settings, changed by `overrides` (KEY=VALUE), and its whole content. Raises
    InputError."""
    content = checkpoint.load(path)
    settings = config.parse(content["config"], str(path))
    config.check_overrides(overrides, config.SETTABLE)
    return config.override(settings, overrides), content


def restore(content: dict[str, Any], settings: config.Config, path: Path) -> torch.nn.Module:
    """The model of a checkpoint, in evaluation mode on the CPU. content: of the file at `path`.

    Raises InputError if the weights do not fit the settings."""
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    checkpoint.load_weights(model, content["model"], path)
    model.provenance = content["provenance"]
    return model.eval()


def inference(model: torch.nn.Module, settings: config.Config, device: torch.device) -> Inference:
    """Inference with the precision, mirroring and compilation of `settings.predict`."""
    predict = settings.predict
    flip = predict.flip and "picture" in detectors.reads(settings.model)
    return Inference(model, device, _precision(settings), flip=flip, compiled=predict.compile)


@dataclass(frozen=True)
class RunPaths:
    """The files of one prediction.

    checkpoint: of the model
    out: beside which progress is kept
    store: folder of decoded clips, None to decode every time
    maps: folder for forgery maps, None for none
    """

    checkpoint: Path
    out: Path
    store: Path | None = None
    maps: Path | None = None


class ScoringRun:
    """The scoring of `rows` by all processes, each its share. Within a `with` block the workers decode.

    journal: the rows that are done; to be removed once all files are written
    profile: where this process's time went
    model_sha256: of the checkpoint

    Raises InputError if the journal, the store or the folder of maps cannot be used.
    """

    def __init__(self, rows: list[Row], settings: config.Config, process: Process, paths: RunPaths) -> None:
        self.rows, self.settings, self.process, self.profile = rows, settings, process, Profile()
        self._maps = paths.maps
        if process.main:
            workers = process.workers(settings.data.workers, len(rows))
            videos = f"{len(rows)} video{'s' * (len(rows) != 1)}"
            say(f"{process.describe(_precision(settings), workers)}; {videos}")
        if paths.maps is not None:
            check(settings.model.name, paths.maps)
        sizes = file_sizes(rows)
        self.model_sha256 = sha256(paths.checkpoint)
        key = _fingerprint(rows, sizes, settings, self.model_sha256, paths.maps)
        self.journal = Journals(paths.out, process, key)
        self._batches = evaluation_batches(sizes, settings.predict.batch_size, process.rank, process.world)
        self._left = [
            batch
            for batch in self._batches
            if any(rows[key.row].video_name not in self.journal.done for key in batch)
        ]
        self._loader = self._build_loader(paths.store)

    def _build_loader(self, folder: Path | None) -> ClipLoader:
        settings, process, predict = self.settings, self.process, self.settings.predict
        reads = detectors.reads(settings.model)
        store = None if folder is None else open_store(folder, settings, reads)
        if store is not None and process.main:
            warn_of_store(store, settings, reads, len(self.rows) * predict.spans)
        return ClipLoader(
            ClipDataset(self.rows, settings, reads, Views(predict.spans, predict.crops), store),
            process.workers(settings.data.workers, sum(map(len, self._left))),
            timeout_seconds=settings.data.timeout_seconds,
        )

    def __enter__(self) -> "ScoringRun":
        self._read = self._loader.read(self._left)
        return self

    def __exit__(self, *_: object) -> None:
        self._loader.close()

    def score(self, model: torch.nn.Module, watch: SignalWatch) -> list[Score]:
        """The scores of all processes, in the order of the rows. All processes call it, once. Raises Stopped
        after a signal, with the journal kept."""
        journal, process = self.journal, self.process
        if journal.done and process.main:
            print(
                f"{journal.path}: going on, {len(journal.done)} of {len(self.rows)} rows are done",
                flush=True,
            )
        infer = inference(model, self.settings, process.device)
        maps = None if self._maps is None else Maps(self._maps, infer)
        done = len(self._batches) - len(self._left)
        progress_bar = bar(len(self._batches), "predict", "batch", process.main, done)
        try:
            with together(process, watch):
                for scores in score(infer, self._read, watch, progress_bar, self.profile, maps):
                    # A kill may have left a part of this batch in the journal. Its rows were scored again,
                    # with the same result, and are not added twice.
                    journal.append(scores)
        except Stopped as stop:
            kept = f"run the same command again: {len(journal.done)} rows are kept in {journal.path}"
            raise Stopped(stop.number, kept) from None
        by_name = {name: score for part in process.gather(journal.done) for name, score in part.items()}
        return merge([by_name], [row.video_name for row in self.rows])

    def source(self, videos: str, overrides: list[str], content: dict[str, Any]) -> sidecar.Source:
        """Where the scores come from, for their side file.

        videos: what was scored, in words
        overrides: the --set strings
        content: of the checkpoint
        """
        return {
            "model_sha256": self.model_sha256,
            "config": config.fingerprint(self.settings, content["config"]),
            "data": content.get("data", ""),
            "videos": videos,
            "overrides": overrides,
            "world": max(self.journal.worlds),
        }


def report_profile(profile: Profile, file: str) -> None:
    """Print where the time went, and write it to `file` as JSON unless that is ""."""
    profile.did("writing")
    print(profile.table(), flush=True)
    if file:
        profile.write(Path(file))


def _precision(settings: config.Config) -> str:
    """The precision of prediction: "off", "bf16" or "fp16", as in `optim.autocast`."""
    return settings.optim.autocast if settings.predict.precision == "trained" else settings.predict.precision


def _fingerprint(
    rows: list[Row], sizes: list[int], settings: config.Config, model_sha256: str, maps: Path | None
) -> str:
    """16 hex digits of all that the scores and maps depend on: the model, the list, the files, the folder of
    maps and the settings, without those of speed and of fallbacks.

    The number of processes is not among them: rows that another number of processes scored are kept.
    """
    values = config.flatten(settings.model_dump(mode="json"))
    fixed = {key: value for key, value in values.items() if key not in FREE}
    paths = [str(row.path.resolve()) for row in rows]
    key = [model_sha256, paths, sizes, fixed, maps and str(maps.resolve())]
    return fingerprint(key)
