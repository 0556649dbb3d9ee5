"""Everything that only a GPU can show, run once through the real programs, as a table: `telltale selftest
--gpu`.

Each row is one or more calls of `telltale train` and `telltale predict` as processes of their own, on demo
data. `--device cpu` is a dry run: all but what needs CUDA, at a small size, so that the check itself is known
to work before it meets a card.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telltale import config
from telltale.data import batch, manifest
from telltale.data.loader import ClipLoader, on_device
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.models.output import Output
from telltale.predict.inference import Inference
from telltale.scores.table import read_scores

CONFIGS, PRECISIONS = ("baseline", "audiovisual", "sbi", "lav"), ("off", "bf16", "fp16")
SKIPPED = "skipped: needs CUDA"
COUNTS = {
    "cuda": {"train": 64, "validation": 16, "test": 32},
    "cpu": {"train": 8, "validation": 4, "test": 4},
}
CLIP = {"cuda": (4.0, 224), "cpu": (1.2, 64)}  # seconds, pixels
# The dry run's size: it is no measurement.
SMALL = (
    "clip.frames=1",
    "clip.image_size=64",
    "data.batch_size=4",
    "predict.batch_size=4",
    "data.workers=1",
    "threads=1",
)


@dataclass(frozen=True)
class Row:
    """status: "ok", "FAILED: why" or `SKIPPED`; figures: what was measured, in words."""

    name: str
    status: str
    figures: str = ""


class Card:
    """Utilisation and memory of the first card while a program runs, by nvidia-smi; without CUDA nothing."""

    def __init__(self) -> None:
        self.busy: list[float] = []
        self.megabytes: list[float] = []

    @contextmanager
    def watch_signals(self, device: str) -> Any:
        if device != "cuda":
            yield self
            return
        query = [
            "nvidia-smi",
            "-i",
            "0",
            "--query-gpu=utilization.gpu,memory.used",
            "--format=csv,noheader,nounits",
        ]
        query += ["-lms", "200"]
        watcher = subprocess.Popen(query, stdout=subprocess.PIPE, text=True)
        try:
            yield self
        finally:
            watcher.terminate()
            said, _ = watcher.communicate()
            for line in said.splitlines():
                busy, held = (float(part) for part in line.split(","))
                self.busy.append(busy)
                self.megabytes.append(held)

    def figures(self) -> str:
        if not self.busy:
            return ""
        return f", GPU busy {np.mean(self.busy):.0f} %, peak {max(self.megabytes):,.0f} MB"


class Check:
    """folder: to work in; data: a demo data set; device: "cuda", or "cpu" for the dry run."""

    def __init__(self, folder: Path, data: Path, device: str) -> None:
        self.folder, self.data, self.device = folder, data, device

    def program(self, *words: str, cpu: bool = False, processes: int = 1) -> str:
        """Run `telltale WORDS`, on the CPU or on all cards; its output. Raises InputError with its last line
        if it fails."""
        launch = ["-m", "telltale"]
        if processes > 1:
            launch = [
                "-m",
                "torch.distributed.run",
                "--standalone",
                f"--nproc-per-node={processes}",
                "-m",
                "telltale",
            ]
        environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if cpu or self.device == "cpu" else {})}
        done = subprocess.run(
            [sys.executable, *launch, *words], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise InputError(f"telltale {words[0]} ended with status {done.returncode}: {lines[-1][-300:]}")
        return done.stdout

    def train(self, name: str, out: str, *settings: str, store: bool = False, processes: int = 1) -> Path:
        """A short training run of a shipped configuration; its folder."""
        small = SMALL if self.device == "cpu" else ()
        words = [word for value in ("optim.epochs=1", *small, *settings) for word in ("--set", value)]
        kept = ["--store", str(self.folder / "store")] if store else []
        run = self.folder / out
        given = ("--config", name, "--data", str(self.data), "--out", str(run), "--force")
        self.program("train", *given, *kept, *words, processes=processes)
        return run

    def predict(self, run: Path, out: str, *settings: str, cpu: bool = False) -> np.ndarray:
        """Probabilities of the test clips, in the order of their names."""
        words = [word for value in settings for word in ("--set", value)]
        file = self.folder / out / "submission.csv"
        given = (
            "--checkpoint",
            str(run / "best.pt"),
            "--videos",
            str(self.data / "test"),
            "--out",
            str(file),
        )
        self.program("predict", *given, *words, cpu=cpu)
        found = read_scores(file.with_name("scores.csv"))
        return np.array([score.fake_probability for _, score in sorted(found.items())], np.float64)

    def precision(self, name: str, precision: str) -> str:
        """Train and predict; GPU against CPU scores of the same checkpoint."""
        # A sharpness-aware step takes two gradients, which fp16's scaler has no form for.
        plain = ("optim.sam_rho=0",) if (name, precision) == ("sbi", "fp16") else ()
        began = time.perf_counter()
        with Card().watch_signals(self.device) as card:
            run = self.train(name, f"{name}-{precision}", f"optim.autocast={precision}", *plain)
        taken = time.perf_counter() - began
        scores = self.predict(run, f"{name}-{precision}-scores")
        if not np.isfinite(scores).all():
            raise InputError("a test clip has no score")
        other = self.predict(run, f"{name}-{precision}-cpu", "predict.precision=off", cpu=True)
        apart = float(np.abs(scores - other).max())
        return (
            f"{taken:.0f} s with start-up{card.figures()}; scores within {apart:.1e} of the CPU's in float32"
        )

    def warm_store(self) -> str:
        """The second epoch of a run, all of whose clips a store has."""
        self.train("baseline", "cold", "data.spans=1", store=True)
        with Card().watch_signals(self.device) as card:
            run = self.train("baseline", "warm", "data.spans=1", "optim.epochs=2", store=True)
        header, *_, last = (run / "history.csv").read_text(encoding="utf-8").splitlines()
        rate = dict(zip(header.split(","), last.split(","), strict=True))["clips_per_second"]
        return f"{float(rate):.1f} clips/s{card.figures()}"

    def deterministic(self) -> str:
        runs = [self.train("baseline", f"same-{turn}", "deterministic=true") for turn in range(2)]
        weights = [checkpoint.load(run / "best.pt")["model"] for run in runs]
        if differing := [key for key, value in weights[0].items() if not torch.equal(value, weights[1][key])]:
            raise InputError(
                f"two runs differ in {len(differing)} of {len(weights[0])} tensors, {differing[0]} first"
            )
        return f"{len(weights[0])} tensors equal to the bit"

    def compiled(self) -> str:
        run = self.train("baseline", "eager")
        plain, compiled = (
            self.predict(run, "eager-scores"),
            self.predict(run, "compiled-scores", "predict.compile=true"),
        )
        return f"scores within {float(np.abs(plain - compiled).max()):.1e} of those without"

    def nccl(self) -> str:
        cards = torch.cuda.device_count()
        self.train("baseline", "nccl", processes=max(cards, 1))
        return f"{cards} card{'s' * (cards != 1)}" + (
            "" if cards > 1 else ": one process, which needs no NCCL"
        )

    def pinned(self) -> str:
        """Batches that crossed on the side stream against those of the host."""
        device, clips = torch.device("cuda", 0), _Noise()
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

    def halving(self) -> str:
        """A card of which only a little may be used: the number of views at once is halved until it
        suffices."""
        free, total = torch.cuda.mem_get_info(0)
        clips = _Noise()
        given = batch.read_batch(clips, [batch.SampleKey(row, 0) for row in range(64)])
        infer = Inference(_Hungry(), torch.device("cuda", 0), "off")
        torch.cuda.set_per_process_memory_fraction(min(1.0, 2e9 / total), 0)
        try:
            found = infer(given)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, 0)
        if not np.isfinite(found).all():
            raise InputError("a view has no logit")
        return f"64 views in 2 GB, of {free / 1e9:.0f} GB free"


class _Noise:
    """Clips of noise, for what needs tensors alone."""

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


class _Hungry(torch.nn.Module):
    """Takes 100 MB a view."""

    def forward(self, mel: torch.Tensor, **_: Any) -> Output:
        logit = mel.new_ones(len(mel), 25_000_000).mean(1)
        return Output(logit, heads={}, maps=None, features=logit.unsqueeze(1))


def checks(device: str) -> list[tuple[str, Callable[[Check], str] | None]]:
    """Each row's name and what does it; None for what the device cannot do."""
    rows: list[tuple[str, Callable[[Check], str] | None]] = [
        (f"{name}, {precision}", partial(Check.precision, name=name, precision=precision))
        for name in CONFIGS
        for precision in PRECISIONS
    ]
    rows += [
        ("warm store", Check.warm_store),
        ("deterministic, twice", Check.deterministic),
        ("compile", Check.compiled),
    ]
    cuda = [
        ("NCCL, all cards", Check.nccl),
        ("pinned copies", Check.pinned),
        ("halving on out-of-memory", Check.halving),
    ]
    return rows + [(name, work if device == "cuda" else None) for name, work in cuda]


def run(check: Check, only: Sequence[str] = ()) -> list[Row]:
    """Every row, or those whose name begins with one of `only`; each is printed when it is done."""
    rows = []
    for name, work in checks(check.device):
        if only and not name.startswith(tuple(only)):
            continue
        try:
            rows.append(Row(name, SKIPPED) if work is None else Row(name, "ok", work(check)))
        except (InputError, RuntimeError) as error:
            rows.append(Row(name, f"FAILED: {' '.join(str(error).split())[:300]}"))
        print(line(rows[-1]), flush=True)
    return rows


def line(row: Row) -> str:
    return f"{row.name:28}{row.status}{': ' * bool(row.figures)}{row.figures}"


def page(rows: Sequence[Row], device: str) -> str:
    """docs/gpu.md of these rows."""
    where = "the CPU, a dry run that measures nothing" if device == "cpu" else torch.cuda.get_device_name(0)
    head = (
        f"# GPU check\n\nWritten by `make check-gpu` (`telltale selftest --gpu`) on {where}; torch "
        f"{torch.__version__}.\n\n"
    )
    table = "".join(f"| {row.name} | {row.status} | {row.figures} |\n" for row in rows)
    return f"{head}| what | status | figures |\n|---|---|---|\n{table}"


def device_of(asked: str) -> str:
    """Raises InputError if a card is asked for and none is here."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "selftest --gpu: torch finds no CUDA device on this machine; wanted one with a GPU (--device "
            "cpu is a dry run)"
        )
    config.locate(Path(CONFIGS[0]))
    return asked
