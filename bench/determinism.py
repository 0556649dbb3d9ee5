"""What comes out the same to the bit, and what does not: a small model trained and used in several ways, one
beside another.

    .venv/bin/python -m bench.determinism [--out determinism] [--table docs/reproducibility.md]

Every row changes one thing against the first run: configs/demo.yaml, two epochs on the demo data. It takes
minutes on four cores.
"""

import argparse
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.measure import ROOT, call, insert
from telltale.data.manifest import read_labels
from telltale.files import sha256
from telltale.models import checkpoint
from telltale.reproduce.tiers import compare, same_weights
from telltale.scores.table import read_scores

FIXED = {"optim.epochs": 2, "threads": 2, "data.workers": 2}
TRAININGS: dict[str, tuple[int, dict[str, Any]]] = {
    "nothing: run again": (1, {}),
    "`data.workers` 2 → 0": (1, {"data.workers": 0}),
    "`data.workers` 2 → 3": (1, {"data.workers": 3}),
    "`deterministic` false → true": (1, {"deterministic": True}),
    "`threads` 2 → 1": (1, {"threads": 1}),
    "`threads` 2 → 4": (1, {"threads": 4}),
    "`torchrun`: 1 → 2 processes": (2, {"threads": 1}),
    "`torchrun`: 2 processes, run again": (2, {"threads": 1}),
}
PREDICTIONS: dict[str, dict[str, Any]] = {
    "nothing: run again": {},
    "`data.workers` 2 → 0": {"data.workers": 0},
    "`threads` 2 → 1": {"threads": 1},
    "`threads` 2 → 4": {"threads": 4},
    "`predict.batch_size` 16 → 5": {"predict.batch_size": 5},
    "`predict.precision` off → bf16": {"predict.precision": "bf16"},
    "`clip.backend` pyav → decord, `clip.sampling` reference → exact": {
        "clip.sampling": "exact",
        "clip.backend": "decord",
    },
}


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench.determinism", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "determinism", help="data, runs and scores")
    parser.add_argument("--table", type=Path, help="write the tables into this document")
    args = parser.parse_args(given)
    data = args.out / "data"
    if not (data / "meta.csv").exists():
        call(Path(sysconfig.get_path("scripts")) / "telltale", "demo-data", "--out", data)
    lines = [f"On {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}.", ""]
    lines += [*trainings(data, args.out), "", *predictions(data, args.out)]
    print("\n".join(lines))
    if args.table is not None:
        insert(args.table, ["", *lines, ""])
    return 0


def train(data: Path, run: Path, processes: int, changed: Mapping[str, Any]) -> Path:
    """Train a run into the folder `run`. Returns the path of its best.pt."""
    settings = [word for key, value in {**FIXED, **changed}.items() for word in ("--set", f"{key}={value}")]
    many = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        if processes > 1
        else []
    )
    words = ["train.py", "--config", "configs/demo.yaml", "--data", data, "--out", run, "--force", *settings]
    call(sys.executable, *many, *words)
    return run / "best.pt"


def trainings(data: Path, out: Path) -> list[str]:
    """The table of trainings. Each run is compared with the first. The repeat of the run in two processes is
    compared with that run.
    """
    first = before = train(data, out / "first", 1, {})
    lines = ["| changed in training | weights of `best.pt` | validation AUC |", "|---|---|---|"]
    for number, (name, (processes, changed)) in enumerate(TRAININGS.items()):
        model = train(data, out / f"training-{number}", processes, changed)
        other = before if name.startswith("`torchrun`: 2") else first
        one, two = checkpoint.load(other), checkpoint.load(model)
        said = same_weights(one["model"], two["model"])[1] + (
            ", the file too" if sha256(other) == sha256(model) else ""
        )
        lines.append(f"| {name} | {said} | {one['metrics']['auc']:.4f}, {two['metrics']['auc']:.4f} |")
        before = model
    return lines


def predictions(data: Path, out: Path) -> list[str]:
    """The table of predictions by the first run's model over the test clips."""
    lines = ["| changed in prediction | fake probabilities |", "|---|---|"]
    scores = []
    for number, changed in enumerate([{}, *PREDICTIONS.values()]):
        settings = [
            word
            for key, value in {"threads": 2, "data.workers": 2, **changed}.items()
            for word in ("--set", f"{key}={value}")
        ]
        target = out / f"prediction-{number}" / "submission.csv"
        call(
            sys.executable,
            "predict.py",
            "--checkpoint",
            out / "first" / "best.pt",
            "--videos",
            data / "test",
            "--out",
            target,
            *settings,
        )
        scores.append(read_scores(target.with_name("scores.csv")))
    labels = read_labels(data / "test_labels.csv")
    for name, now in zip(PREDICTIONS, scores[1:], strict=True):
        moved = compare(scores[0], now, labels)
        said = (
            f"other, by {moved.largest:.2g} at most, {moved.mean:.2g} on average; {moved.ranks} of "
            f"{moved.clips} ranks"
        )
        lines.append(f"| {name} | {said if moved.largest else 'the same to the bit'} |")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
