"""What the first GPU does while a program runs, and the parts of the GPU check that need tensors alone."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from telltale.data import batch, manifest
from telltale.data.loader import ClipLoader, on_device
from telltale.errors import InputError
from telltale.models.output import Output
from telltale.predict.inference import Inference

QUERY = [
    *("nvidia-smi", "-i", "0", "--query-gpu=utilization.gpu,memory.used"),
    *("--format=csv,noheader,nounits", "-lms", "200"),
]


class Card:
    """Utilisation (%) and memory (MB) of the first GPU, sampled by nvidia-smi five times a second."""

    def __init__(self) -> None:
        self.busy: list[float] = []
        self.megabytes: list[float] = []

    @contextmanager
    def sampled(self, device: str) -> Iterator["Card"]:
        """Sample during a `with` block; on another device than "cuda" there are no samples."""
        if device != "cuda":
            yield self
            return
        sampler = subprocess.Popen(QUERY, stdout=subprocess.PIPE, text=True)
        try:
            yield self
        finally:
            sampler.terminate()
            output, _ = sampler.communicate()
            for line in output.splitlines():
                busy, megabytes = (float(part) for part in line.split(","))
                self.busy.append(busy)
                self.megabytes.append(megabytes)

    def figures(self) -> str:
        """Mean utilisation and peak memory in words; "" without samples."""
        if not self.busy:
            return ""
        return f", GPU busy {np.mean(self.busy):.0f} %, peak {max(self.megabytes):,.0f} MB"


class NoiseClips:
    """64 clips of noise, in the form of a data set."""

    def __init__(self) -> None:
        self.rows: Sequence[manifest.Row] = []

    def shapes(self) -> batch.Shapes:
        return batch.Shapes((1, 4, 64, 64, 3), (1, 64, 100))

    def prepare(self) -> None: ...

    def fill(self, key: batch.SampleKey, arrays: batch.SampleArrays) -> batch.SampleInfo:
        rng = np.random.default_rng(key.row)
        arrays.pictures[:] = rng.integers(0, 256, arrays.pictures.shape)
        arrays.mel[:] = rng.normal(size=arrays.mel.shape)
        arrays.has_picture[:] = arrays.has_sound[:] = True
        return batch.SampleInfo(key.row, f"{key.row}.mp4", 0.0, "ok")


class HungryModel(torch.nn.Module):
    """A model that takes 100 MB of memory for each view."""

    def forward(self, mel: torch.Tensor, **_: Any) -> Output:
        logit = mel.new_ones(len(mel), 25_000_000).mean(1)
        return Output(logit, heads={}, maps=None, features=logit.unsqueeze(1))


def pinned() -> str:
    """Compare batches that were copied on the side stream with those in the host's memory."""
    device, clips = torch.device("cuda", 0), NoiseClips()
    keys = [[batch.SampleKey(row, 0) for row in range(at, at + 8)] for at in range(0, 64, 8)]
    for sent, kept in zip(
        on_device(ClipLoader(clips, 0, timeout_seconds=60).read(keys), device),
        ClipLoader(clips, 0, timeout_seconds=60).read(keys),
        strict=True,
    ):
        for name, tensor in kept.arrays().items():
            if not torch.equal(getattr(sent, name).cpu(), tensor):
                raise InputError(f"{name} is not what was sent")
    return f"{len(keys)} batches equal to the bit"


def halving() -> str:
    """Allow only 2 GB of the card's memory: the number of views at once is halved until they fit."""
    free, total = torch.cuda.mem_get_info(0)
    given = batch.read_batch(NoiseClips(), [batch.SampleKey(row, 0) for row in range(64)])
    infer = Inference(HungryModel(), torch.device("cuda", 0), "off")
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2e9 / total), 0)
    try:
        logits = infer(given)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, 0)
    if not np.isfinite(logits).all():
        raise InputError("a view has no logit")
    return f"64 views in 2 GB, of {free / 1e9:.0f} GB free"
