"""The GPU check, `telltale selftest --gpu`: what only a GPU can show, as a table.

Most rows call `telltale train` and `telltale predict` on demo data, as processes of their own. `--device cpu`
is a dry run: all rows that need no CUDA, at a small size, which tests the check itself without a GPU.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from telltale import config
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.reproduce import gpu_card
from telltale.scores.table import read_scores

CONFIGS, PRECISIONS = ("baseline", "audiovisual", "sbi", "lav"), ("off", "bf16", "fp16")
SKIPPED = "skipped: needs CUDA"
COUNTS = {
    "cuda": {"train": 64, "validation": 16, "test": 32},
    "cpu": {"train": 8, "validation": 4, "test": 4},
}
CLIP = {"cuda": (4.0, 224), "cpu": (1.2, 64)}  # seconds, pixels
# The size of the dry run, which measures nothing.
SMALL = (
    "clip.frames=1",
    "clip.image_size=64",
    "data.batch_size=4",
    "predict.batch_size=4",
    "data.workers=1",
    "threads=1",
)


@dataclass(frozen=True)
class CheckRow:
    """One row of the table. status: "ok", "FAILED: why" or `SKIPPED`; figures: the measurement in words."""

    name: str
    status: str
    figures: str = ""


class Check:
    """Runs the programs of the check. Methods that return a text raise InputError if the GPU fails.

    folder: where the programs write.
    data: a demo data set.
    device: "cuda", or "cpu" for the dry run.
    """

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
        with gpu_card.Card().sampled(self.device) as card:
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
        """Measure the second epoch of a run whose clips are all in a store."""
        self.train("baseline", "cold", "data.spans=1", store=True)
        with gpu_card.Card().sampled(self.device) as card:
            run = self.train("baseline", "warm", "data.spans=1", "optim.epochs=2", store=True)
        header, *_, last = (run / "history.csv").read_text(encoding="utf-8").splitlines()
        rate = dict(zip(header.split(","), last.split(","), strict=True))["clips_per_second"]
        return f"{float(rate):.1f} clips/s{card.figures()}"

    def deterministic(self) -> str:
        """Train twice with `deterministic=true` and compare the weights."""
        runs = [self.train("baseline", f"same-{turn}", "deterministic=true") for turn in range(2)]
        weights = [checkpoint.load(run / "best.pt")["model"] for run in runs]
        if differing := [key for key, value in weights[0].items() if not torch.equal(value, weights[1][key])]:
            raise InputError(
                f"two runs differ in {len(differing)} of {len(weights[0])} tensors, {differing[0]} first"
            )
        return f"{len(weights[0])} tensors equal to the bit"

    def compiled(self) -> str:
        """Compare the scores of the compiled network with those of the plain one."""
        run = self.train("baseline", "eager")
        plain, compiled = (
            self.predict(run, "eager-scores"),
            self.predict(run, "compiled-scores", "predict.compile=true"),
        )
        return f"scores within {float(np.abs(plain - compiled).max()):.1e} of those without"

    def nccl(self) -> str:
        """Train in one process for each card."""
        cards = torch.cuda.device_count()
        self.train("baseline", "nccl", processes=max(cards, 1))
        return f"{cards} card{'s' * (cards != 1)}" + (
            "" if cards > 1 else ": one process, which needs no NCCL"
        )


def checks(device: str) -> list[tuple[str, Callable[[Check], str] | None]]:
    """The name of each row and the function that does it; None for what the device cannot do."""
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
    cuda: list[tuple[str, Callable[[Check], str]]] = [
        ("NCCL, all cards", Check.nccl),
        ("pinned copies", lambda _: gpu_card.pinned()),
        ("halving on out-of-memory", lambda _: gpu_card.halving()),
    ]
    return rows + [(name, work if device == "cuda" else None) for name, work in cuda]


def run(check: Check, only: Sequence[str] = ()) -> list[CheckRow]:
    """Do every row, or those whose name begins with one of `only`, and print each when it is done."""
    rows = []
    for name, work in checks(check.device):
        if only and not name.startswith(tuple(only)):
            continue
        try:
            rows.append(CheckRow(name, SKIPPED) if work is None else CheckRow(name, "ok", work(check)))
        except (InputError, RuntimeError) as error:
            rows.append(CheckRow(name, f"FAILED: {' '.join(str(error).split())[:300]}"))
        print(line(rows[-1]), flush=True)
    return rows


def line(row: CheckRow) -> str:
    """A row as it is printed."""
    return f"{row.name:28}{row.status}{': ' * bool(row.figures)}{row.figures}"


def page(rows: Sequence[CheckRow], device: str) -> str:
    """The text of docs/gpu.md with these rows."""
    machine = "the CPU, a dry run that measures nothing" if device == "cpu" else torch.cuda.get_device_name(0)
    head = (
        f"# GPU check\n\nWritten by `make check-gpu` (`telltale selftest --gpu`) on {machine}; torch "
        f"{torch.__version__}.\n\n"
    )
    table = "".join(f"| {row.name} | {row.status} | {row.figures} |\n" for row in rows)
    return f"{head}| what | status | figures |\n|---|---|---|\n{table}"


def device_of(asked: str) -> str:
    """The device that was asked for. Raises InputError if it is CUDA and torch finds none."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "selftest --gpu: torch finds no CUDA device on this machine; wanted one with a GPU (--device "
            "cpu is a dry run)"
        )
    config.locate(Path(CONFIGS[0]))
    return asked
