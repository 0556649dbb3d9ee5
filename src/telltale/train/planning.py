"""What a run over many clips will cost on this machine, from a short measurement of the real loops on a few
clips.

costs = measure(settings, clips, here)
costs.predict_seconds(178_000)
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telltale import STARTED, config, models
from telltale.config.detectors import DETECTORS
from telltale.data.batch import EVALUATION, SampleKey, read_batch
from telltale.data.clip import read_clip, whole_spans
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import TrainBatches, evaluation_batches
from telltale.decode import jpeg
from telltale.errors import InputError
from telltale.predict.inference import Inference
from telltale.predict.profile import Profile
from telltale.predict.scoring import score
from telltale.runtime.distributed import Process
from telltale.runtime.memory import PeakMemory
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch
from telltale.train import objectives, state
from telltale.train.loop import train_epoch

# Enough for every core to be busy a while; the loops' first batches, which wait for the workers to start, are
# not counted.
SECONDS, BATCHES = 6.0, 4
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Costs:
    """Of one clip: seconds by loop, bytes of its file, and of a store's entry as pixels and as JPEGs of
    quality 95.

    memory in bytes at its peak, shared memory counted once; files_bytes: what a run's checkpoints take.
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


def measure(settings: config.Config, clips: Sequence[Path], process: Process, spans: int) -> Costs:
    """Measure with `clips`, over and over, as the settings read, score and train them. spans: of each clip in
    a store.

    Raises InputError where none of the clips can be scored by this model.
    """
    reads = DETECTORS[settings.model.name].reads
    entry, jpegs = _entries(settings, clips, reads, spans)
    objective = objectives.build(settings, _rows(clips, 2))
    model = models.build(
        settings.model, settings.mel, settings.clip, initialise=False, methods=objective.methods
    )
    start_up = time.perf_counter() - STARTED
    with PeakMemory() as predicting:
        decode, predict = _loops(model, settings, clips, reads, process)
    with PeakMemory() as training:
        train = _training(model, objective, settings, clips, reads, process)
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


def _entries(
    settings: config.Config, clips: Sequence[Path], reads: tuple[str, ...], spans: int
) -> tuple[float, float]:
    """Mean bytes of a clip's entries in a store, as pixels and as JPEGs; what cannot be read has none."""
    sizes = []
    for path in clips:
        pixels = coded = sound = 0
        clip = read_clip(path, whole_spans(spans), settings.clip, settings.mel.rate_hz, reads)
        for view in clip.views:
            sound += 0 if view.wave is None else view.wave.samples.nbytes
            if view.frames is not None:
                pixels += view.frames.pixels.nbytes
                coded += sum(
                    map(len, jpeg.encode(view.frames.pixels, settings.clip.jpeg_quality or JPEG_QUALITY))
                )
        sizes.append((pixels + sound, coded + sound))
    entry, jpegs = np.mean(sizes, axis=0)
    if not entry:
        raise InputError(
            f"not one of {len(clips)} clips can be read by {settings.model.name} ({clips[0]}, ...);"
            " wanted clips as the run will have them"
        )
    return float(entry), float(jpegs)


def _rows(clips: Sequence[Path], count: int) -> list[Row]:
    return [Row(f"{n}.mp4", path, n % 2) for n, path in enumerate(islice(cycle(clips), count))]


def _loader(
    settings: config.Config,
    rows: list[Row],
    reads: tuple[str, ...],
    batches: Any,
    process: Process,
    spans: int,
    *,
    blends: bool = False,
) -> ClipLoader:
    workers = process.workers(settings.data.workers, len(rows))
    dataset = ClipDataset(rows, settings, reads, spans=spans, training=True, blends=blends)
    return ClipLoader(dataset, batches, workers, timeout_seconds=settings.data.timeout_seconds)


def _loops(
    model: torch.nn.Module,
    settings: config.Config,
    clips: Sequence[Path],
    reads: tuple[str, ...],
    process: Process,
) -> tuple[float, float]:
    """Seconds of a clip in the data path alone, and in prediction."""
    predict = settings.predict
    rows = _rows(clips, 10_000)
    fixed = evaluation_batches([0] * len(rows), predict.batch_size)
    precision = settings.optim.autocast if predict.precision == "trained" else predict.precision
    infer = Inference(
        model, process.device, precision, flip=predict.flip and "picture" in reads, compiled=predict.compile
    )
    infer(read_batch(ClipDataset(rows, settings, reads, spans=predict.spans), [SampleKey(0, EVALUATION)]))
    found = []
    for scored in (False, True):
        loader = _loader(settings, rows, reads, fixed, process, predict.spans)
        shown = bar(len(fixed), "", "batch", False)
        batches = score(infer, loader, SignalWatch(), shown, Profile()) if scored else iter(loader)
        found.append(_pace(batches, predict.batch_size))
        loader.close()
    return found[0], found[1]


def _pace(batches: Any, size: int) -> float:
    """Seconds of a clip, from the first batches' end to `SECONDS` later, and `BATCHES` at least."""
    for _ in range(2):
        next(batches)
    began, done = time.perf_counter(), 0
    while done < BATCHES or time.perf_counter() - began < SECONDS:
        next(batches)
        done += 1
    taken = time.perf_counter() - began
    batches.close()
    return taken / (done * size)


def _training(
    model: torch.nn.Module,
    objective: objectives.Objective,
    settings: config.Config,
    clips: Sequence[Path],
    reads: tuple[str, ...],
    process: Process,
) -> float:
    """Seconds of a clip in training: a short epoch of the real loop, the second of two so that the workers
    have started."""
    steps = BATCHES
    rows = _rows(clips, steps * settings.data.batch_size)
    batches = TrainBatches(np.array([row.target for row in rows]), settings, 0, 1, objective.unit)
    now = state.begin(
        model.to(process.device).to(memory_format=torch.channels_last), settings.optim, process.device.type
    )
    loader = _loader(settings, rows, reads, batches, process, 1, blends=objective.unit == "genuine")
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        train_epoch(
            now.model, now, loader, settings, process, SignalWatch(), objective, lambda: None, lambda *_: None
        )
        seconds = time.perf_counter() - began
        now.progress.next_epoch()
    loader.close()
    return seconds / batches.clips
