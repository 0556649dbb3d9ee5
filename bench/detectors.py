"""`make detectors`: train every detector briefly on one demo data set and write a table of the results.

    .venv/bin/python -m bench.detectors [--out detectors] [--only NAME ...] [--jobs 2]
        [--table docs/detectors.md]

Pictures are small, epochs few and weights random. So the table says that each detector learns, not which one
is best on real data. Each run calls train.py and predict.py with the detector's file in configs/ and the
settings below. Finished runs are kept, so a second call continues. With --only the rows of the other
detectors in the document do not change.

Detectors of pictures alone are trained and evaluated on forgeries of the picture, detectors of sound alone on
forgeries of the voice. The labels have the kind of forgery as `method`.
"""

import argparse
import json
import re
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from bench.measure import BEGIN, END, ROOT, call, insert
from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.metrics.resampling import group_aucs
from telltale.report import interval_figures
from telltale.scores.table import read_scores

COUNTS = {"train": 480, "validation": 90, "test": 240}
SIZE, SECONDS = 128, 1.5
# The kinds of demo forgery by what a detector must read to find them. Shifted or replaced sound needs both.
SEEN_BY = {
    "picture": ("face_swap", "mouth_regenerated", "face_resampled", "whole_face_reenacted"),
    "sound": ("voice_resynthesised", "voice_converted"),
    "both": ("sound_shifted", "sound_replaced"),
}
UNSEEN = ("whole_face_reenacted", "sound_shifted", "sound_replaced", "voice_converted")
BUDGET = {
    "clip.image_size": SIZE,
    "clip.frames": 2,
    "clip.seconds": 1.2,
    "data.batch_size": 16,
    "data.balance": True,
    "data.workers": 1,
    "data.allow_unlisted": True,
    "threads": 2,
    "augment.crop_p": 0.0,
    "augment.jpeg_p": 0.0,
    "augment.blur_p": 0.0,
    "augment.noise_p": 0.0,
    "optim.name": "adamw",
    "optim.rate": 1e-3,
    "optim.weight_decay": 0.01,
    "optim.schedule": "cosine",
    "optim.warmup_steps": 15,
    "optim.clip_norm": 1.0,
    "optim.epochs": 5,
    "optim.accumulate": 1,
    "optim.autocast": "off",
}
# Other settings for some detectors. ShallowNet's dropout after every layer keeps it at chance for many
# epochs. MesoNet's running statistics adapt slowly. SBI learns from its own forgeries only and computes two
# gradients a step, so it learns slowest: it gets a smaller network than EfficientNet-B4, and more epochs.
OWN: dict[str, dict[str, Any]] = {
    "frame_cnn": {"optim.epochs": 12},
    "meso4": {"optim.rate": 3e-3, "optim.epochs": 30},
    "mesoinception4": {"optim.rate": 3e-3, "optim.epochs": 30},
    "shallownet_v3": {"optim.rate": 3e-4, "model.dropout": 0.0},
    **{name: {"clip.frames": 1} for name in ("f3net", "ucf", "lav")},  # two networks each
    # At the size of a CPU, with settings of its own as in configs/flagship_small.yaml.
    "flagship": {
        **{f"model.flagship_{part}_channels": 12 for part in ("native", "mouth", "sound")},
        "model.picture_backbone": "test_resnet.r160_in1k",
        "model.width": 64,
        "model.flagship_layers": 1,
        "model.flagship_depth": 1,
        "model.flagship_step_hz": 12.5,
        "clip.native_size": 64,
        "clip.mouth_frames": 16,
        "clip.mouth_size": 48,
        "mel.rate_hz": 16000,
        "mel.n_fft": 512,
        "mel.hop_length": 160,
        "mel.n_mels": 64,
        "mel.fmax_hz": 8000,
        "mel.linear_bands": 64,
        "optim.select": "validation",
        "predict.spans": 1,
        "predict.crops": 1,
        "predict.flip": False,
    },
    "sbi": {
        "model.picture_backbone": "resnet18.tv_in1k",
        "data.batch_size": 8,
        "optim.epochs": 24,
        "augment.colour_p": 0.0,
    },
}
COLUMNS = (
    "detector",
    "AUC, kinds seen in training",
    "AUC, unseen kinds",
    "parameters",
    "MACs",
    "ms a clip",
    "training",
)
COLUMNS += ("loss per", "made")
HEADER, RULE = f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench.detectors", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "detectors", help="data, runs and results")
    parser.add_argument("--only", nargs="+", choices=DETECTORS, default=list(DETECTORS), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, of two threads each")
    parser.add_argument(
        "--table", type=Path, help="write the table into this document, and its picture beside it"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="for all of them, after their own"
    )
    args = parser.parse_args(given)
    make_data(args.out)
    with ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(lambda name: measure(name, args.out, args.set), args.only))
    for row, cost in zip(rows, costs(args.only), strict=True):
        row |= cost
    print("\n".join(table(rows)))
    if args.table is not None:
        lines = merged(args.table.read_text(encoding="utf-8"), rows)
        insert(args.table, lines)
        interval_figures.detectors([aucs(line) for line in lines[2:]], args.table.with_suffix(".png"))
    return 0


def make_data(out: Path) -> None:
    """Make the demo data, and label files for detectors that read pictures, sound or both."""
    data = out / "data"
    if not (data / "meta.csv").exists():
        telltale = Path(sysconfig.get_path("scripts")) / "telltale"
        counts = [word for split, count in COUNTS.items() for word in (f"--{split}", count)]
        call(telltale, "demo-data", "--out", data, *counts, "--seconds", SECONDS, "--size", SIZE)
    meta = pd.read_csv(data / "meta.csv").rename(columns={"kind": "method"})
    for way in ("picture", "sound", "both"):
        for split in ("train", "validation"):
            rows = meta[
                (meta["split"] == split) & ((meta["target"] == 0) | meta["method"].isin(perceived(way)))
            ]
            rows[["video_name", "target", "method"]].to_csv(data / f"{split}_{way}.csv", index=False)


def perceived(way: str) -> tuple[str, ...]:
    return SEEN_BY[way] if way != "both" else sum(SEEN_BY.values(), ())


def way_of(name: str) -> str:
    reads = DETECTORS[name].modalities
    return reads[0] if len(reads) == 1 else "both"


def measure(name: str, out: Path, overrides: list[str]) -> dict[str, Any]:
    """Train one detector, predict and evaluate. A finished run is used again unless its settings changed."""
    way, run = way_of(name), out / name
    labels = {f"data.{split}_labels": f"{split}_{way}.csv" for split in ("train", "validation")}
    values = {**BUDGET, **OWN.get(name, {}), **labels}
    given = [*(f"{key}={value}" for key, value in values.items()), *overrides]
    settings = [word for text in given for word in ("--set", text)]
    chosen = config.read(ROOT / "configs" / DETECTORS[name].config, given)
    fingerprint = config.fingerprint(chosen)
    done = run / "done.json"
    if not done.exists() or json.loads(done.read_text())["settings"] != fingerprint:
        began = time.perf_counter()
        train = (
            "train.py",
            "--config",
            f"configs/{DETECTORS[name].config}",
            "--data",
            out / "data",
            "--out",
            run,
            "--force",
        )
        call(sys.executable, *train, *settings, log=out / f"{name}.log")
        seconds = time.perf_counter() - began
        predict = ("predict.py", "--checkpoint", run / "best.pt", "--videos", out / "data/test")
        call(sys.executable, *predict, "--out", run / "submission.csv")
        record = {"settings": fingerprint, "seconds": seconds, "made": date.today().isoformat()}
        done.write_text(json.dumps(record), encoding="utf-8")
    record = json.loads(done.read_text())
    found = {
        "name": name,
        "training_seconds": record["seconds"],
        "made": record["made"],
        "per": chosen.objective.per,
    }
    found |= judge(name, out, run)
    print(f"{name}: {found['seen']}, {found['unseen']}", flush=True)
    return found


def judge(name: str, out: Path, run: Path) -> dict[str, Any]:
    """AUC with its interval on seen and on unseen kinds of forgery that the detector can find.

    The genuine clips are the same for both.
    """
    meta = pd.read_csv(out / "data/meta.csv")
    meta = meta[
        (meta["split"] == "test") & ((meta["target"] == 0) | meta["kind"].isin(perceived(way_of(name))))
    ]
    scores = read_scores(run / "scores.csv")
    probability = (
        meta["video_name"].map(lambda video: scores[video].fake_probability).astype(float).to_numpy()
    )
    groups = ["unseen" if kind in UNSEEN else "seen" for kind in meta["kind"]]
    return group_aucs(meta["target"].to_numpy(), probability, groups, resamples=2000, seed=0)


def costs(names: list[str]) -> list[dict[str, Any]]:
    """What `telltale models` prints for the shipped configuration of each detector."""
    telltale = Path(sysconfig.get_path("scripts")) / "telltale"
    return json.loads(call(telltale, "models", "--json", "--time", *names))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The table in Markdown."""

    def auc(entry: dict[str, float]) -> str:
        return f"{entry['value']:.3f} [{entry['low']:.3f}, {entry['high']:.3f}]"

    lines = [HEADER, RULE]
    for row in rows:
        cells = [f"`{row['name']}`", auc(row["seen"]), auc(row["unseen"]), f"{row['parameters']:,}"]
        cells += [
            f"{row['macs'] / 1e9:.2f} G",
            f"{row['milliseconds_per_clip']:.0f}",
            f"{row['training_seconds']:.0f} s",
        ]
        cells += [row["per"], row["made"]]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def merged(text: str, rows: list[dict[str, Any]]) -> list[str]:
    """The table of `rows` and of the other rows in the document `text`, in the order of DETECTORS."""
    before = text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    if before and before[0] != HEADER:
        raise SystemExit(
            "the document's table has other columns; run all detectors, without --only, into an empty one"
        )
    lines = {named(line): line for line in [*before[2:], *table(rows)[2:]]}
    return [HEADER, RULE, *(lines[name] for name in DETECTORS if name in lines)]


def named(line: str) -> str:
    """The detector of a row."""
    return line.split("`")[1]


def aucs(line: str) -> tuple[str, dict[str, float], dict[str, float]]:
    """Name, AUC on seen and on unseen kinds of a row, as `interval_figures.detectors` takes them."""
    seen, unseen = (
        dict(zip(("value", "low", "high"), map(float, re.findall(r"[\d.]+", cell)), strict=True))
        for cell in line.split("|")[2:4]
    )
    return named(line), seen, unseen


if __name__ == "__main__":
    raise SystemExit(main())
