"""validation_scores.csv of a run: written with each best.pt, and at the end once more by one process. With
folds unseen_scores.csv beside it has the clips that were held out of training.

The last bits of a score depend on the clips in its batch, so several processes give other bits than one. The
scores that are bundled and reproduced are those of one process.
"""

from dataclasses import replace
from pathlib import Path

from telltale import config, models
from telltale.data.batch import SampleSource
from telltale.data.loader import ClipLoader
from telltale.data.order import evaluation_batches, file_sizes
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import checkpoint
from telltale.predict.inference import Inference
from telltale.predict.scoring import score
from telltale.runtime.progress import bar
from telltale.runtime.signals import Stopped
from telltale.scores import sidecar
from telltale.scores.score import Score, merge
from telltale.scores.table import write_scores
from telltale.train.context import RunContext

NAME = "validation_scores.csv"


def keep(folder: Path, by_split: dict[str, list[Score]], settings: str, data: str, world: int) -> None:
    """Write SPLIT_scores.csv of the best.pt in `folder` for each split, and its side file.

    settings, data: fingerprints of the configuration and of the training data
    world: number of processes that scored
    """
    model = sha256(folder / "best.pt")
    for split, scores in by_split.items():
        path = folder / f"{split}_scores.csv"
        write_scores(path, scores)
        sidecar.write(path, model_sha256=model, config=settings, data=data, videos=split, world=world)


def score_alone(folder: Path, sources: dict[str, SampleSource], context: RunContext) -> None:
    """Score the clips of each split with best.pt in the main process, unless SPLIT_scores.csv holds such
    scores already.

    sources: by split. All processes call it. The others leave the group and end: on large data they would
    wait for longer than the group's timeout. Raises Stopped and InputError.
    """
    context.process.leave()
    left = {split: source for split, source in sources.items() if not are_of_one_process(folder, split)}
    if context.process.main and left:
        score_best(folder, left, context)


def score_best(folder: Path, sources: dict[str, SampleSource], context: RunContext) -> None:
    """Score the clips of each split with best.pt in this process, and write SPLIT_scores.csv. sources: by
    split. Raises Stopped and InputError."""
    settings, process, path = context.settings, context.process, folder / "best.pt"
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    content = checkpoint.load(path)
    checkpoint.load_weights(model, content["model"], path)
    infer = Inference(model, process.device, settings.optim.autocast)
    then = config.fingerprint(config.parse(content["config"], str(path)), content["config"])
    for split, source in sources.items():
        keep(folder, {split: _scores(infer, source, context)}, then, content["data"], 1)


def _scores(infer: Inference, source: SampleSource, context: RunContext) -> list[Score]:
    """Scores of all clips of a split, by this process alone. Raises Stopped."""
    settings, rows = context.settings, source.rows
    batches = evaluation_batches(file_sizes(rows), settings.predict.batch_size)
    # All the machine's cores are free for it now.
    workers = replace(context.process, local_world=1).workers(settings.data.workers, len(rows))
    loader = ClipLoader(source, workers, timeout_seconds=settings.data.timeout_seconds)
    progress_bar = bar(len(batches), "best.pt", "batch", True)
    by_name: dict[str, Score] = {}
    try:
        for scores in score(infer, loader.read(batches), context.watch, progress_bar):
            by_name |= {score.video_name: score for score in scores}
    except Stopped as stop:
        raise Stopped(
            stop.number, "the model is trained; the same command with --resume scores validation with it"
        ) from None
    finally:
        loader.close()
    return merge([by_name], [row.video_name for row in rows])


def are_of_one_process(folder: Path, split: str) -> bool:
    """Whether SPLIT_scores.csv is of the best.pt beside it and one process scored it."""
    return scored_by(folder, split) == 1


def scored_by(folder: Path, split: str) -> int:
    """How many processes wrote SPLIT_scores.csv with the best.pt beside it; 0 if it is of another one, or not
    there."""
    try:
        origin = sidecar.check(folder / f"{split}_scores.csv")
    except InputError:
        return 0
    return origin.world if origin.model_sha256 == sha256(folder / "best.pt") else 0
