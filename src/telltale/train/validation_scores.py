"""validation_scores.csv of a run: written with each best.pt, and once more at the end by one process.

Batches of several processes give other last bits than those of one. What is bundled and reproduced are the
scores of one.
"""

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
from telltale.runtime.distributed import Process
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores import sidecar
from telltale.scores.score import Score, merge, write_scores

NAME = "validation_scores.csv"


def keep_scores(scores: list[Score], fixed: str, data: str, world: int, folder: Path) -> None:
    """Write validation_scores.csv of the best.pt that lies there already, and its side file. fixed, data:
    fingerprints."""
    path = folder / NAME
    write_scores(path, scores)
    model = sha256(folder / "best.pt")
    sidecar.write(path, model_sha256=model, config=fixed, data=data, videos="validation", world=world)


def score_alone(
    folder: Path, validation: SampleSource, settings: config.Config, process: Process, watch: SignalWatch
) -> None:
    """Score validation with best.pt in the main process and write it down, unless one process's scores of it
    lie there already.

    All processes call it; the others leave the group and end, since large data would let them wait for longer
    than a group allows. Raises Stopped, InputError.
    """
    process.leave()
    path = folder / "best.pt"
    if not process.main or are_of_one(folder):
        return
    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    content = checkpoint.load(path)
    checkpoint.load_weights(model, content["model"], path)
    rows = validation.rows
    batches = evaluation_batches(file_sizes(rows), settings.predict.batch_size)
    workers = Process(0, 1, process.device).workers(settings.data.workers, len(rows))
    loader = ClipLoader(validation, batches, workers, timeout_seconds=settings.data.timeout_seconds)
    infer, shown = (
        Inference(model, process.device, settings.optim.autocast),
        bar(len(batches), "best.pt", "batch", True),
    )
    try:
        found = {s.video_name: s for batch in score(infer, loader, watch, shown) for s in batch}
    except Stopped as stop:
        raise Stopped(
            stop.number, "the model is trained; the same command with --resume scores validation with it"
        ) from None
    finally:
        loader.close()
    fixed = config.fingerprint(config.parse(content["config"], str(path)), content["config"])
    keep_scores(merge([found], [row.video_name for row in rows]), fixed, content["data"], 1, folder)


def are_of_one(folder: Path) -> bool:
    """Whether validation_scores.csv is of the best.pt beside it and comes from one process."""
    try:
        origin = sidecar.check(folder / NAME)
    except InputError:
        return False
    return origin.world == 1 and origin.model_sha256 == sha256(folder / "best.pt")
