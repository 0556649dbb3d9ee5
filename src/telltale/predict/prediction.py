"""From a checkpoint and a folder of videos to submission.csv: what `predict.py` is the table of contents of.

Batches are fixed by the list and the files alone, each is journalled whole, and the score files are written
once at the end: so a run that was killed and run again gives the same bytes as one that was not.
"""

from pathlib import Path
from typing import Any

import torch

from telltale import config, models
from telltale.config.detectors import DETECTORS
from telltale.data.dataset import ClipDataset, open_store, warn_of_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches, file_sizes
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
from telltale.scores.journals import Journals
from telltale.scores.score import Score, merge

# What no score depends on.
FREE = ("data.workers", "predict.on_unreadable", "predict.unreadable_value", "store.")


def read(path: Path, overrides: list[str]) -> tuple[config.Config, dict[str, Any]]:
    """A checkpoint's settings, with `overrides`, and all that it holds. Raises InputError."""
    content = checkpoint.load(path)
    settings = config.parse(content["config"], str(path))
    config.check_overrides(overrides, config.SETTABLE)
    return config.override(settings, overrides), content


def restore(content: dict[str, Any], settings: config.Config, path: Path) -> torch.nn.Module:
    """The model of the checkpoint `path` that holds `content`. Raises InputError where its weights are not
    its config's."""
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    checkpoint.load_weights(model, content["model"], path)
    model.provenance = content["provenance"]
    return model.eval()


def inference(model: torch.nn.Module, settings: config.Config, device: torch.device) -> Inference:
    """The model as `predict.` says it is to be used."""
    predict = settings.predict
    flip = predict.flip and "picture" in DETECTORS[settings.model.name].reads
    return Inference(model, device, _precision(settings), flip=flip, compiled=predict.compile)


class Work:
    """The rows that this process has to score, being decoded from now on; its journal, to remove once all is
    written."""

    def __init__(
        self,
        asked: list[Row],
        settings: config.Config,
        process: Process,
        trained: Path,
        out: Path,
        store: Path | None = None,
        maps: Path | None = None,
    ) -> None:
        workers = process.workers(settings.data.workers, len(asked))
        if process.main:
            videos = f"{len(asked)} video{'s' * (len(asked) != 1)}"
            say(f"{process.describe(_precision(settings), workers)}; {videos}")
        self.asked, self.settings, self.process, self.profile, self.maps = (
            asked,
            settings,
            process,
            Profile(),
            maps,
        )
        if maps is not None:
            check(settings.model.name, maps)
        predict, reads = settings.predict, DETECTORS[settings.model.name].reads
        sizes = file_sizes(asked)
        self.model_sha256 = sha256(trained)
        self.journal = Journals(out, process, _fingerprint(asked, sizes, settings, self.model_sha256, maps))
        self.fixed = evaluation_batches(sizes, predict.batch_size, process.rank, process.world)
        left = [
            batch
            for batch in self.fixed
            if any(asked[key.row].video_name not in self.journal.done for key in batch)
        ]
        kept = None if store is None else open_store(store, settings, reads)
        if kept is not None and process.main:
            warn_of_store(kept, settings, reads, len(asked) * predict.spans)
        self.loader = ClipLoader(
            ClipDataset(asked, settings, reads, spans=predict.spans, store=kept),
            left,
            process.workers(settings.data.workers, sum(map(len, left))),
            timeout_seconds=settings.data.timeout_seconds,
        )

    def source(self, videos: str, overrides: list[str], content: dict[str, Any]) -> sidecar.Source:
        """Where the scores come from, for their side file. videos: in words; overrides: the --set strings;
        content: of the checkpoint."""
        return {
            "model_sha256": self.model_sha256,
            "config": config.fingerprint(self.settings, content["config"]),
            "data": content.get("data", ""),
            "videos": videos,
            "overrides": overrides,
            "world": max(self.journal.worlds),
        }

    def __enter__(self) -> "Work":
        self.loader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loader.close()

    def score(self, model: torch.nn.Module, watch: SignalWatch) -> list[Score]:
        """The scores of all processes' rows, in their order. Raises Stopped after a signal, with the journal
        kept."""
        journal, process = self.journal, self.process
        if journal.done and process.main:
            print(
                f"{journal.path}: going on, {len(journal.done)} of {len(self.asked)} rows are done",
                flush=True,
            )
        infer = inference(model, self.settings, process.device)
        maps = None if self.maps is None else Maps(self.maps, infer)
        shown = bar(len(self.fixed), "predict", "batch", process.main, len(self.fixed) - len(self.loader))
        try:
            with together(process, watch):
                for scores in score(infer, self.loader, watch, shown, self.profile, maps):
                    # A kill may have torn a batch: its first rows are there already, and doing them again
                    # gave the same.
                    journal.append(scores)
        except Stopped as stop:
            kept = f"run the same command again: {len(journal.done)} rows are kept in {journal.path}"
            raise Stopped(stop.number, kept) from None
        found = {name: score for part in process.gather(journal.done) for name, score in part.items()}
        return merge([found], [row.video_name for row in self.asked])


def report_profile(profile: Profile, file: str) -> None:
    """Print where the time went; `file`, if it is not empty, gets it as JSON."""
    profile.did("writing")
    print(profile.table(), flush=True)
    if file:
        profile.write(Path(file))


def _precision(settings: config.Config) -> str:
    """That of prediction, as `optim.autocast` names it."""
    return settings.optim.autocast if settings.predict.precision == "trained" else settings.predict.precision


def _fingerprint(
    asked: list[Row], sizes: list[int], settings: config.Config, model_sha256: str, maps: Path | None
) -> str:
    """What a row's score and map depend on: the model, the list, the files, every setting but those of speed
    and of fallbacks, and where the maps go. Not on the number of processes: what another number did is
    kept."""
    values = config.flatten(settings.model_dump(mode="json"))
    fixed = {key: value for key, value in values.items() if not key.startswith(FREE)}
    key = [
        model_sha256,
        [str(row.path.resolve()) for row in asked],
        sizes,
        fixed,
        maps and str(maps.resolve()),
    ]
    return fingerprint(key)
