"""The clips of a run's splits: how they are read, and in which batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from telltale import config
from telltale.config import detectors
from telltale.config.detectors import SbiSettings
from telltale.data.batch import SampleKey
from telltale.data.dataset import ClipDataset, open_store, warn_of_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Manifest, Row
from telltale.data.order import TrainOrder, evaluation_batches, file_sizes
from telltale.data.store import ClipStore
from telltale.data.views import ONE_SPAN, PSEUDO, Views
from telltale.errors import InputError
from telltale.forge.face import Landmarks, read_landmarks
from telltale.forge.pseudo import permitted
from telltale.runtime.distributed import Process
from telltale.train.context import RunContext, RunInputs

# With so many genuine clips an AUC of 0.9 is known to 0.01.
GATE_CLIPS = 1000


@dataclass(frozen=True)
class TrainClips:
    """The training split: `loader` reads the batches that `order` gives for an epoch."""

    loader: ClipLoader
    order: TrainOrder


@dataclass(frozen=True)
class ValidationClips:
    """The validation split, or what folds hold out: `loader` reads `batches`, the same after each epoch.

    gate: the genuine clips among them with their pseudo-forgeries, as of `Views.gate`; None where training
        makes none
    """

    loader: ClipLoader
    batches: Sequence[list[SampleKey]]
    gate: "ValidationClips | None" = None


@dataclass(frozen=True)
class RunClips:
    """The splits of a run. unseen: what folds hold out, None without folds."""

    train: TrainClips
    validation: ValidationClips
    unseen: ValidationClips | None

    def close(self) -> None:
        """End the workers of all splits."""
        for clips in (self.train, self.validation, self.unseen):
            if clips is not None:
                clips.loader.close()
        if self.validation.gate is not None:
            self.validation.gate.loader.close()


def build(inputs: RunInputs, unit: str, context: RunContext) -> RunClips:
    """The splits of a run, whose workers are not forked yet. unit: the objective's, see `TrainOrder`.

    Raises InputError if a store is given and training draws its spans anywhere in a clip: a store holds
    chosen spans only; and if training is to make pseudo-forgeries and none is left to be made.
    """
    settings, process = context.settings, context.process
    order = TrainOrder(inputs.train.targets, settings, process.rank, process.world, unit)
    reads = detectors.reads(settings.model)
    store = _store(inputs, context)
    landmarks = _landmarks(inputs.train, settings, process) if unit in PSEUDO else {}
    if PSEUDO.get(unit) == "twins" and not permitted(settings.pseudo):
        raise InputError("pseudo: no pseudo-forgery is left; wanted a weight above 0, and pseudo.kinds of it")
    views = Views.of_training(unit, landmarks)
    train = ClipDataset(inputs.train.rows, settings, reads, views, store)
    workers = process.workers(settings.data.workers, len(inputs.train.rows))
    limit = settings.data.timeout_seconds

    def to_judge(rows: Sequence[Row], views: Views = ONE_SPAN) -> ValidationClips:
        size = max(1, settings.predict.batch_size // views.count)
        batches = evaluation_batches(file_sizes(rows), size, process.rank, process.world)
        dataset = ClipDataset(rows, settings, reads, views, store)
        return ValidationClips(ClipLoader(dataset, workers, timeout_seconds=limit), batches)

    validation = to_judge(inputs.validation.rows)
    if unit in PSEUDO:
        validation = replace(validation, gate=to_judge(gate_rows(inputs.validation), views.of_gate()))
    return RunClips(
        TrainClips(ClipLoader(train, workers, timeout_seconds=limit), order),
        validation,
        None if inputs.unseen is None else to_judge(inputs.unseen.rows),
    )


def gate_rows(validation: Manifest) -> list[Row]:
    """The genuine clips by which a detector is judged that learns from pseudo-forgeries: all of them, or
    GATE_CLIPS evenly spaced in the list."""
    genuine = [row for row in validation.rows if row.target == 0]
    step = max(1, -(-len(genuine) // GATE_CLIPS))
    return genuine[::step]


def _store(inputs: RunInputs, context: RunContext) -> ClipStore | None:
    """The store of decoded clips, None if none is asked for. Warns if it has no room for all spans."""
    settings = context.settings
    if inputs.store is None:
        return None
    if not settings.data.spans:
        raise InputError(
            f"--store {inputs.store}: training takes a span anywhere in the clip, which no store can hold; "
            "wanted data.spans=N, to choose among N spans of each clip"
        )
    reads = detectors.reads(settings.model)
    store = open_store(inputs.store, settings, reads)
    if context.process.main:
        spans = len(inputs.train.rows) * settings.data.spans
        spans += sum(len(split.rows) for split in inputs.splits[1:])
        warn_of_store(store, settings, reads, spans)
    return store


def _landmarks(train: Manifest, settings: config.Config, process: Process) -> dict[str, Landmarks]:
    """The landmarks of the training clips by video name; prints how many genuine clips have none. Raises
    InputError."""
    assert isinstance(settings.objective, SbiSettings)
    file = settings.objective.landmarks
    landmarks = {} if file is None else read_landmarks(Path(file))
    genuine = [row.video_name for row in train.rows if row.target == 0]
    missing = sum(name not in landmarks for name in genuine)
    if process.main and missing:
        counted = f"{missing} of {len(genuine)} genuine clips have no landmarks"
        print(f"{counted}; their faces are taken to be where talking heads usually have them", flush=True)
    return landmarks
