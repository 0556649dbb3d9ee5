"""What a run over many clips will cost on this machine, from a short measurement of the real loops on a few
clips.

    costs = measure(settings, clips, process, spans=1)
    costs.predict_seconds(178_000)
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telltale import STARTED, config, models
from telltale.config import detectors
from telltale.data.batch import EVALUATION, SampleKey, read_batch
from telltale.data.clip import fixed_positions, read_clip
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import TrainOrder, evaluation_batches
from telltale.data.views import Views
from telltale.decode.frames import encode_jpegs
from telltale.errors import InputError
from telltale.predict.prediction import inference
from telltale.predict.scoring import score
from telltale.runtime.distributed import Process
from telltale.runtime.memory import PeakMemory
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch
from telltale.train import objectives
from telltale.train.context import RunContext
from telltale.train.loaders import TrainClips
from telltale.train.loop import train_epoch
from telltale.train.state import initial_state

# Long enough for every core to be busy. The first batches wait for the workers to start and are not counted.
SECONDS, BATCHES = 6.0, 4
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Costs:
    """What was measured, of one clip unless it says otherwise.

    start_up_seconds: from the program's start to the first batch
    decode_clip_seconds, predict_clip_seconds, train_clip_seconds: of the data path alone, of prediction, of
        training
    file_bytes: of the clip's file
    entry_bytes, jpeg_entry_bytes: of its entries in a store, as pixels and as JPEGs of quality 95
    predict_memory_bytes, train_memory_bytes: of the whole run at its peak, shared memory counted once
    files_bytes: of a run's checkpoints together
    clips_measured: how many clips were measured
    """

    start_up_seconds: float
    decode_clip_seconds: float
    predict_clip_seconds: float
    train_clip_seconds: float
    file_bytes: float
    entry_bytes: float
    jpeg_entry_bytes: float
    predict_memory_bytes: int
    train_memory_bytes: int
    files_bytes: int
    clips_measured: int

    def predict_seconds(self, videos: int) -> float:
        return self.start_up_seconds + videos * self.predict_clip_seconds

    def epoch_seconds(self, videos: int) -> float:
        return videos * self.train_clip_seconds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Trial:
    """What is measured: clips, read and computed on by one process as the settings say."""

    settings: config.Config
    clips: Sequence[Path]
    process: Process

    @property
    def reads(self) -> tuple[str, ...]:
        return detectors.reads(self.settings.model)

    def rows(self, count: int) -> list[Row]:
        """`count` rows of the clips, over and over, genuine and forged by turns."""
        return [Row(f"{n}.mp4", path, n % 2) for n, path in enumerate(islice(cycle(self.clips), count))]

    def loader(self, rows: list[Row], views: Views) -> ClipLoader:
        settings = self.settings
        workers = self.process.workers(settings.data.workers, len(rows))
        dataset = ClipDataset(rows, settings, self.reads, views)
        return ClipLoader(dataset, workers, timeout_seconds=settings.data.timeout_seconds)


def measure(settings: config.Config, clips: Sequence[Path], process: Process, spans: int) -> Costs:
    """Measure with `clips`, over and over, how the settings read, score and train on them.

    spans: of each clip in a store. Raises InputError if the model can score none of the clips.
    """
    trial = _Trial(settings, clips, process)
    entry, jpegs = _entries(trial, spans)
    objective = objectives.build(settings, trial.rows(2))
    model = models.build(
        settings.model, settings.mel, settings.clip, initialise=False, methods=objective.methods
    )
    start_up = time.perf_counter() - STARTED
    with PeakMemory() as predicting:
        decode, predict = _loops(trial, model)
    with PeakMemory() as training:
        train = _training(trial, model, objective)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return Costs(
        start_up,
        decode,
        predict,
        train,
        float(np.mean([path.stat().st_size for path in clips])),
        entry,
        jpegs,
        predicting.peak_bytes,
        training.peak_bytes,
        4 * weights,  # best.pt, and last.pt with two moments of each weight
        len(clips),
    )


def _entries(trial: _Trial, spans: int) -> tuple[float, float]:
    """Mean bytes of a clip's entries in a store, as pixels and as JPEGs; 0 for a clip that cannot be read."""
    settings, sizes = trial.settings, []
    quality = settings.clip.jpeg_quality or JPEG_QUALITY
    for path in trial.clips:
        pixels = coded = sound = 0
        clip = read_clip(path, fixed_positions(spans), settings.clip, settings.mel.rate_hz, trial.reads)
        for view in clip.views:
            sound += 0 if view.wave is None else view.wave.samples.nbytes
            if view.frames is not None:
                pixels += view.frames.pixels.nbytes
                coded += sum(map(len, encode_jpegs(view.frames.pixels, quality)))
        sizes.append((pixels + sound, coded + sound))
    entry, jpegs = np.mean(sizes, axis=0)
    if not entry:
        raise InputError(
            f"not one of {len(trial.clips)} clips can be read by {settings.model.name} ({trial.clips[0]}, "
            "...); wanted clips as the run will have them"
        )
    return float(entry), float(jpegs)


def _loops(trial: _Trial, model: torch.nn.Module) -> tuple[float, float]:
    """Seconds a clip takes in the data path alone, and in prediction."""
    predict = trial.settings.predict
    rows = trial.rows(10_000)
    batches = evaluation_batches([0] * len(rows), predict.batch_size)
    infer = inference(model, trial.settings, trial.process.device)
    views = Views(predict.spans, predict.crops)
    first = ClipDataset(rows, trial.settings, trial.reads, views)
    infer(read_batch(first, [SampleKey(0, EVALUATION)]))
    taken = []
    for scored in (False, True):
        loader = trial.loader(rows, views)
        read, progress_bar = loader.read(batches), bar(len(batches), "", "batch", False)
        done = score(infer, read, SignalWatch(), progress_bar) if scored else read
        taken.append(_pace(done, predict.batch_size))
        loader.close()
    return taken[0], taken[1]


def _pace(batches: Iterator[Any], size: int) -> float:
    """Seconds a clip takes, from the end of the second batch to `SECONDS` later, and over `BATCHES` at
    least."""
    for _ in range(2):
        next(batches)
    began, done = time.perf_counter(), 0
    while done < BATCHES or time.perf_counter() - began < SECONDS:
        next(batches)
        done += 1
    return (time.perf_counter() - began) / (done * size)


def _training(trial: _Trial, model: torch.nn.Module, objective: objectives.Objective) -> float:
    """Seconds a clip takes in training: the second of two short epochs of the real loop, when the workers
    run."""
    data = trial.settings.data.model_copy(update={"repeats": 1})
    settings, process = trial.settings.model_copy(update={"data": data}), trial.process
    rows = trial.rows(BATCHES * settings.data.batch_size)
    order = TrainOrder(np.array([row.target for row in rows]), settings, 0, 1, objective.unit)
    model = model.to(process.device).to(memory_format=torch.channels_last)
    state = initial_state(model, settings.optim, process.device.type)
    loader = trial.loader(rows, Views.of_training(objective.unit))
    context, seconds = RunContext(settings, process, SignalWatch()), 0.0
    for _ in range(2):
        began = time.perf_counter()
        for _ in train_epoch(state.model, state, objective, TrainClips(loader, order), context):
            pass
        seconds = time.perf_counter() - began
        state.progress.next_epoch()
    loader.close()
    return seconds / order.clips
