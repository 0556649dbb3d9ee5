"""From a checkpoint and a folder of videos to submission.csv: what `predict.py` is the table of contents of.

Batches are fixed by the list alone, each is journalled whole, and the score files are written once at the end: so a run that
was killed and run again gives the same bytes as one that was not.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from telltale import checkpoint, config, models, rules
from telltale.data import ClipDataset, evaluation_batches, loader
from telltale.errors import InputError
from telltale.loop import bar, score
from telltale.manifest import Row, list_videos, read_names
from telltale.place import Place
from telltale.runfolder import flatten
from telltale.scores import Journal, Score, first_few, merge, status_counts, write_scores, write_submission
from telltale.signals import Stopped, Watch

SETTABLE = ("predict.", "data.workers", "clip.backend", "threads")


def load(path: Path, overrides: list[str]) -> tuple[torch.nn.Module, config.Config, dict[str, Any]]:
    """The model of a checkpoint, its settings with `overrides`, and its other facts. The rules are checked again."""
    content = checkpoint.load(path)
    settings = config.parse(content["config"], str(path))
    for override in overrides:
        if not override.startswith(SETTABLE):
            raise InputError(f"--set {override}: a trained model fixes this; wanted a key of {', '.join(SETTABLE)}")
    settings = config.override(settings, overrides)
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    checkpoint.load_weights(model, content["model"], path)
    model.provenance = content["provenance"]
    rules.enforce(rules.audit(model, settings), settings)
    return model.eval(), settings, content


def rows(videos: Path, listed: Path | None) -> list[Row]:
    """One row for every name in the list, or for every .mp4 of the folder; a listed video that is absent has one too."""
    if not videos.is_dir():
        raise InputError(f"--videos {videos}: is not a folder; wanted the folder that holds the videos")
    names = list_videos(videos) if listed is None else read_names(listed)
    return [Row(name, videos / name, None) for name in names]


def score_rows(
    model: torch.nn.Module, asked: list[Row], settings: config.Config, here: Place, watch: Watch, trained: Path, out: Path
) -> tuple[list[Score], Journal]:
    """The scores of all rows, in their order, and this process's journal of them, to remove once they are written.

    Every process scores its own share `rows[rank::world]`. Raises Stopped after a signal, with the journal kept.
    """
    predict = settings.predict
    journal = Journal(_journal_path(out, here), _fingerprint(asked, settings, here, trained))
    fixed = evaluation_batches(len(asked), predict.batch_size, here.rank, here.world)
    left = [batch for batch in fixed if any(asked[key.row].video_name not in journal.done for key in batch)]
    if journal.done and here.main:
        print(f"{journal.path}: going on, {len(journal.done)} of {sum(map(len, fixed))} rows are done", flush=True)
    dataset = ClipDataset(asked, settings, models.ENTRIES[settings.model.name].reads, spans=predict.spans, flip=predict.flip)
    batches = loader(dataset, left, min(settings.data.workers, len(left)), pin=here.device.type == "cuda")
    shown = bar(len(fixed), "predict", "batch", here.main, len(fixed) - len(left))
    try:
        for scores in score(model.to(here.device), batches, here.device, settings.optim.autocast, watch, shown):
            # A kill may have torn a batch: its first rows are there already, and doing them again gave the same.
            journal.append([s for s in scores if s.video_name not in journal.done])
    except Stopped as stop:
        raise Stopped(stop.number, f"run the same command again: {len(journal.done)} rows are kept in {journal.path}") from None
    return merge(here.gather(journal.done), [row.video_name for row in asked]), journal


def write(scores: list[Score], settings: config.Predict, mean_score: float, out: Path) -> int:
    """Write scores.csv beside `out`, then `out` itself, and print what became of the rows; the exit status.

    mean_score: the mean probability of the training clips, the fallback of `on_unreadable: mean`.
    """
    write_scores(out.with_name("scores.csv"), scores)
    unscored = [score.video_name for score in scores if score.fake_probability is None]
    print(f"{len(scores)} rows: {status_counts(scores)}")
    if unscored and settings.on_unreadable == "fail":
        print(f"{out}: not written, {len(unscored)} videos could not be scored ({first_few(unscored)}); see scores.csv")
        return 1
    fallback = mean_score if settings.on_unreadable == "mean" else settings.unreadable_value
    write_submission(out, scores, fallback)
    if unscored:
        name = "the mean training score" if settings.on_unreadable == "mean" else "predict.unreadable_value"
        print(f"{len(unscored)} could not be scored and got {fallback:.6f}, {name}: {first_few(unscored)}")
    print(f"wrote {out} and {out.with_name('scores.csv')}")
    return 0


def _journal_path(out: Path, here: Place) -> Path:
    return out.with_name(f"{out.name}.journal" + (f".{here.rank}-of-{here.world}" if here.world > 1 else ""))


def _fingerprint(asked: list[Row], settings: config.Config, here: Place, trained: Path) -> str:
    """What a row's score depends on: the model, the list, the folder, and every setting but those of speed and of fallbacks."""
    values = flatten(settings.model_dump(mode="json"))
    fixed = {k: v for k, v in values.items() if k not in ("data.workers", "predict.on_unreadable", "predict.unreadable_value")}
    key = [checkpoint.file_hash(trained), [str(row.path.resolve()) for row in asked], fixed, here.world]
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
