"""`telltale models [NAME ...] [--json] [--time]`: every detector, its source, what it reads, its size and its
cost.

Each is as its file in configs/ says. Parameters and multiply-adds are those of prediction, counted as the
audit of a run counts them; milliseconds, with --time, are one clip's way through the model on this machine,
without decoding.
"""

import argparse
import hashlib
import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from telltale.config.detectors import DETECTORS
from telltale.errors import InputError

COLUMNS = (
    "name",
    "inputs",
    "parameters",
    "thop_parameters",
    "macs",
    "milliseconds_per_clip",
    "objective",
    "source",
)
# What `measure` gave for each detector as it is shipped, so that a list needs no torch. `python -m
# bench.counts` renews it.
COUNTS = Path(__file__).resolve().parent.parent / "models" / "counts.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="detectors to show (default: all)")
    parser.add_argument("--json", action="store_true", help="print a list of objects for programs")
    parser.add_argument(
        "--time", action="store_true", help="build each, count it anew, and measure milliseconds"
    )


def run(args: argparse.Namespace) -> int:
    """Print a row for each detector. Raises InputError for a name that is none."""
    if unknown := [name for name in args.names if name not in DETECTORS]:
        raise InputError(
            f"telltale models: no detector is called {unknown[0]!r}; wanted one of {', '.join(DETECTORS)}"
        )
    rows = []
    for name in args.names or DETECTORS:
        rows.append(describe(name, timed=args.time))
        if not args.json:
            print(line(rows[-1], header=len(rows) == 1), flush=True)
    if args.json:
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        print()
    return 0


def describe(name: str, *, timed: bool) -> dict[str, Any]:
    """One detector's row; milliseconds_per_clip is None where it is not `timed`. One that COUNTS does not
    know is measured."""
    from telltale import config

    entry = DETECTORS[name]
    settings = config.read(Path("configs", entry.config))
    known = {} if timed else counted().get(name, {})
    return {
        "name": name,
        "source": entry.source,
        "config": f"configs/{entry.config}",
        "reads": list(entry.reads),
        "inputs": inputs(settings, entry.reads),
        "backbone": settings.model.picture_backbone
        if "picture" in entry.reads
        else settings.model.sound_backbone,
        "objective": entry.objective,
        **(
            known["counts"]
            if known.get("settings") == fingerprint(settings)
            else measure(settings, timed=timed)
        ),
    }


@cache
def counted() -> dict[str, Any]:
    """Of each detector in COUNTS: the fingerprint of its "settings", and its "counts"."""
    return json.loads(COUNTS.read_text(encoding="utf-8"))


def fingerprint(settings: Any) -> str:
    """16 hex digits of what the counts depend on: what the file says of model, mel and clip."""
    sections = (settings.model, settings.mel, settings.clip)
    said = [section.model_dump(mode="json", exclude_unset=True) for section in sections]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def measure(settings: Any, *, timed: bool) -> dict[str, Any]:
    """Build the model, count it as an audit does, and time it if `timed`."""
    from telltale import models
    from telltale.competition import rules

    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    audit = rules.audit(model, settings)
    counts = {"parameters": audit.parameters, "thop_parameters": audit.thop_parameters, "macs": audit.macs}
    return {**counts, "milliseconds_per_clip": milliseconds(model, settings) if timed else None}


def inputs(settings: Any, reads: tuple[str, ...]) -> str:
    """What one view of a clip is, such as "8 frames of 224 x 224, mel 128 x 251"."""
    from telltale.data.mel import n_columns

    clip, mel = settings.clip, settings.mel
    frames = f"{clip.frames} frame{'s' * (clip.frames > 1)} of {clip.image_size} x {clip.image_size}"
    parts = {"picture": frames, "sound": f"mel {mel.n_mels} x {n_columns(mel, clip.seconds)}"}
    return ", ".join(parts[tower] for tower in reads)


def milliseconds(model: Any, settings: Any, turns: int = 3) -> float:
    """The median time of a clip, alone, through the model, on the GPU where there is one, after one turn to
    warm up."""
    import numpy as np
    import torch

    from telltale.data.batch import Batch, SampleInfo
    from telltale.data.mel import n_columns
    from telltale.predict.inference import Inference

    clip, mel = settings.clip, settings.mel
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = torch.randint(
        0, 256, (1, 1, clip.frames, clip.image_size, clip.image_size, 3), dtype=torch.uint8
    )
    image, there = (
        torch.zeros(1, 1, mel.n_mels, n_columns(mel, clip.seconds)),
        torch.ones(1, 1, dtype=torch.bool),
    )
    times = torch.linspace(0, clip.seconds, clip.frames).view(1, 1, -1)
    batch = Batch(
        [SampleInfo(0, "noise.mp4", 0.0, "ok")], pictures, image, there, there, times, torch.zeros(1), there
    )
    infer, taken = Inference(model, device, "off"), []
    for _ in range(turns + 1):
        began = time.perf_counter()
        infer(batch)
        taken.append(time.perf_counter() - began)
    return round(1e3 * float(np.median(taken[1:])), 1)


def line(row: dict[str, Any], *, header: bool) -> str:
    """A row of the table, the header above the first."""
    shown = {
        **row,
        "macs": f"{row['macs'] / 1e9:.2f} G",
        "milliseconds_per_clip": row["milliseconds_per_clip"] or "-",
    }
    shown |= {key: f"{row[key]:,}" for key in ("parameters", "thop_parameters")}
    titles = {"macs": "MACs", "milliseconds_per_clip": "ms/clip", "thop_parameters": "by thop"}
    widths = {
        "name": 16,
        "inputs": 36,
        "parameters": 12,
        "thop_parameters": 12,
        "macs": 9,
        "milliseconds_per_clip": 8,
    }
    widths |= {"objective": 11, "source": 0}

    def cells(values: dict[str, Any]) -> str:
        left = ("name", "inputs", "objective", "source")
        return "  ".join(f"{values[key]:{'<' if key in left else '>'}{widths[key]}}" for key in COLUMNS)

    above = cells({key: titles.get(key, key) for key in COLUMNS}) + "\n" if header else ""
    return above + cells(shown)
