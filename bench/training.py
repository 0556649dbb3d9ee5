"""A training step with its data path, against the same step on tensors in memory, which is the limit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.measure import Row, seconds
from telltale import config, models
from telltale.config import detectors
from telltale.data.batch import SampleKey, read_batch
from telltale.data.dataset import ClipDataset
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row as Clip
from telltale.data.order import TrainOrder
from telltale.data.views import Views
from telltale.runtime import distributed
from telltale.runtime.signals import SignalWatch
from telltale.train import objectives
from telltale.train.context import RunContext
from telltale.train.loaders import TrainClips
from telltale.train.loop import backward, train_epoch, update, usable_part
from telltale.train.state import initial_state

ROOT = Path(__file__).resolve().parent.parent


def measure(paths: Sequence[Path], repeats: int) -> list[Row]:
    """Measure the demo's model on real clips. The smallest network waits longest for its data."""
    settings = config.read(ROOT / "configs/demo.yaml")
    settings = settings.model_copy(
        update={"data": settings.data.model_copy(update={"workers": None, "balance": False})}
    )
    rows = [Clip(f"{n}.mp4", path, n % 2) for n, path in enumerate(paths)]
    dataset = ClipDataset(rows, settings, detectors.reads(settings.model), Views(training=True))
    with distributed.join(settings.threads) as process:
        model = models.build(settings.model, settings.mel, settings.clip, initialise=True)
        state = initial_state(
            model.to(memory_format=torch.channels_last), settings.optim, process.device.type
        )
        order = TrainOrder(np.array([row.target for row in rows]), settings, 0, 1)
        loader = ClipLoader(dataset, process.workers(None, len(rows)), timeout_seconds=60)
        clips, context = TrainClips(loader, order), RunContext(settings, process, SignalWatch())
        one = read_batch(
            dataset, [SampleKey(row, 0) for row in range(min(len(rows), settings.data.batch_size))]
        )
        part = usable_part(one, one.usable.any(1), "clips")
        objective = objectives.build(settings, rows)

        def epoch() -> None:
            for _ in train_epoch(state.model, state, objective, clips, context):
                pass
            state.progress.next_epoch()

        def bare() -> None:
            for _ in range(len(order)):
                backward(
                    state.model, state, objective, part, len(part.infos) / len(one.infos), settings.optim
                )
                update(state, settings.optim, 1e-3)

        epoch()  # the workers have started
        taken = [(seconds(epoch), seconds(bare)) for _ in range(repeats)]
        loader.close()
    ours, theirs = (len(rows) / float(np.median(column)) for column in zip(*taken, strict=True))
    detail = (
        f"{ours:.1f} clips/s, decoded and augmented on the same cores, against {theirs:.1f}; "
        "configs/demo.yaml"
    )
    return [
        Row("training step: rate against the bare step on tensors at hand", ours / theirs, None, True, detail)
    ]
