"""validation_scores.csv of a run: written with each best.pt, and at the end once more by one process.

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


def keep(folder: Path, scores: list[Score], settings: str, data: str, world: int) -> None:
    """Write validation_scores.csv of the best.pt in `folder`, and its side file.

    settings, data: fingerprints of the configuration and of the training data
    world: number of processes that scored
    """
    path = folder / NAME
    write_scores(path, scores)
    model = sha256(folder / "best.pt")
    sidecar.write(path, model_sha256=model, config=settings, data=data, videos="validation", world=world)


def score_alone(folder: Path, validation: SampleSource, context: RunContext) -> None:
    """Score the validation clips with best.pt in the main process, unless validation_scores.csv holds such
    scores already.

    All processes call it. The others leave the group and end: on large data they would wait for longer than
    the group's timeout. Raises Stopped and InputError.
    """
    settings, process = context.settings, context.process
    process.leave()
    path = folder / "best.pt"
    if not process.main or are_of_one_process(folder):
        return
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    content = checkpoint.load(path)
    checkpoint.load_weights(model, content["model"], path)
    rows = validation.rows
    batches = evaluation_batches(file_sizes(rows), settings.predict.batch_size)
    # All the machine's cores are free for it now.
    workers = replace(process, local_world=1).workers(settings.data.workers, len(rows))
    loader = ClipLoader(validation, workers, timeout_seconds=settings.data.timeout_seconds)
    infer = Inference(model, process.device, settings.optim.autocast)
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
    then = config.fingerprint(config.parse(content["config"], str(path)), content["config"])
    keep(folder, merge([by_name], [row.video_name for row in rows]), then, content["data"], 1)


def are_of_one_process(folder: Path) -> bool:
    """Whether validation_scores.csv is of the best.pt beside it and one process scored it."""
    try:
        origin = sidecar.check(folder / NAME)
    except InputError:
        return False
    return origin.world == 1 and origin.model_sha256 == sha256(folder / "best.pt")
