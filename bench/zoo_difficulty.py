"""How hard each kind of the zoo is: the AUC of three small detectors that are trained on that kind alone.

    python -m bench.zoo --difficulty --out FOLDER [--families] [--only NAME ...] [--data DIR]

Without --data, a zoo of one kind (one family) is written for each into FOLDER/data. A detector that does not
read what a kind forges must be at chance: if it is not, the clips have a shortcut. The same command continues
what was stopped. FOLDER has difficulty.csv, difficulty.png and index.html.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bench.measure import ROOT
from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.demo.dataset import write_dataset
from telltale.metrics import delong
from telltale.report.page import Page
from telltale.report.style import FAINT, FORGED, GENUINE, INK, legend_below, save_figure, style_axes
from telltale.runtime.signals import watch_signals
from telltale.study.clips import manifest_of, read_clips, require_column
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, execute
from telltale.study.task import Task
from telltale.zoo.dataset import ZooSpec
from telltale.zoo.kinds import OTHER_SPEECH, chosen

BACKBONE = "test_resnet.r160_in1k"
SMALL = (
    "data.batch_size=16",
    "data.workers=1",
    "data.balance=true",
    "optim.name=adamw",
    "optim.rate=3e-3",
    "optim.weight_decay=0.02",
    "optim.schedule=cosine",
    "optim.warmup_steps=30",
    "optim.clip_norm=1.0",
    "augment.crop_p=0",
    "augment.jpeg_p=0",
    "augment.blur_p=0",
    "augment.noise_p=0",
    "clip.image_size=96",
)
PICTURES = ("clip.frames=4", f"model.picture_backbone={BACKBONE}")
MEL = ("mel.n_fft=512", "mel.hop_length=160", "mel.n_mels=64")
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "mel_cnn": ("baseline.yaml", (*MEL, f"model.sound_backbone={BACKBONE}")),
    "frame_cnn": ("frame_cnn.yaml", PICTURES),
    "audiovisual": ("demo.yaml", ("clip.frames=4",)),
}
COLOURS = {"mel_cnn": GENUINE, "frame_cnn": FORGED, "audiovisual": INK}
SPLITS = ("train", "validation", "test")
FEWEST = 8  # forged clips of a split below which a kind gets no result


@dataclass(frozen=True)
class Unit:
    """A kind or a family. reads: what it forges, of picture and sound."""

    name: str
    column: str
    reads: frozenset[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, metavar="FOLDER", help="folder of --difficulty")
    add("--families", action="store_true", help="the difficulty of families, not of kinds")
    add("--only", nargs="+", metavar="NAME", help="the difficulty of these kinds or families")
    add("--train", type=int, default=240, help="training clips of a kind (default: %(default)s)")
    add("--seconds", type=float, default=1.5, help="of a clip (default: %(default)s)")
    add("--size", type=int, default=96, help="of written clips in pixels (default: %(default)s)")
    add("--epochs", type=int, default=18, help="of a training (default: %(default)s)")
    add("--seed", type=int, default=1, help="of clips and training (default: %(default)s)")
    add("--workers", type=int, default=1, help="processes that write clips (default: %(default)s)")
    add("--store", type=Path, metavar="DIR", help="folder of decoded clips")


def study(args: argparse.Namespace) -> None:
    """Write and print the table. args: of `add_arguments`, and `data`."""
    if args.out is None:
        raise SystemExit("--difficulty: wanted --out FOLDER")
    settings = {name: read(name, args) for name in FILES}
    about = {name: getattr(args, name) for name in ("families", "train", "seconds", "size", "epochs", "seed")}
    about |= {"data": args.data and str(args.data.absolute())}
    about |= {"configs": {name: config.fingerprint(each) for name, each in settings.items()}}
    folder = StudyFolder(args.out, "zoo difficulty", about)
    with watch_signals() as watch:
        tasks: list[Task] = []
        rows: list[dict[str, Any]] = []
        found = units(args.families, args.only)
        for unit in found:
            clips, data = clips_of(unit, args)
            if reason := too_few(clips):
                rows.append({"name": unit.name, "status": reason})
                continue
            splits = {split: manifest_of(clips[clips["split"] == split], split) for split in SPLITS}
            tested = {"test": splits["test"].rows}
            tasks += [
                Task(f"{plain(unit.name)}/{name}", each, data, splits["train"], splits["validation"], tested)
                for name, each in settings.items()
            ]
        scores = execute(folder, tasks, watch, Execution(args.store))
    table = measure(scores, found, rows)
    folder.table("difficulty", table)
    write(folder.path, table, about)
    print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))


def read(name: str, args: argparse.Namespace) -> config.Config:
    """The settings of a small detector."""
    file, own = FILES[name]
    further = [f"optim.epochs={args.epochs}", f"seed={args.seed}", f"clip.seconds={0.8 * args.seconds:g}"]
    return config.read(ROOT / "configs" / file, [*SMALL, *own, *further])


def units(families: bool, only: list[str] | None) -> list[Unit]:
    """The kinds or the families, in the zoo's order. Raises InputError for an unknown name."""
    found: dict[str, set[str]] = {}
    for kind in chosen(only or ["zoo"], "--only"):
        reads = found.setdefault(kind.family if families else kind.name, set())
        # The sound of a lip-sync is genuine speech.
        sounds = set(kind.sound) - {OTHER_SPEECH}
        reads |= {what for what, parts in (("picture", kind.picture), ("sound", sounds)) if parts}
    column = "family" if families else "kind"
    return [Unit(name, column, frozenset(reads)) for name, reads in found.items()]


def clips_of(unit: Unit, args: argparse.Namespace) -> tuple[pd.DataFrame, Path]:
    """Genuine clips and the unit's, of --data or of a zoo that is written; and the folder."""
    data = args.data
    if data is None:
        data = args.out / "data" / plain(unit.name)
        if not data.exists():
            counts = {"train": args.train, "validation": args.train // 4, "test": args.train // 2}
            spec = ZooSpec(counts, args.seed, args.seconds, args.size, kinds=unit.name, hold_out="none")
            write_dataset(data, spec, workers=args.workers)
    clips = read_clips(data, SPLITS)
    require_column(clips, unit.column, data)
    return clips[(clips["target"] == 0) | (clips[unit.column] == unit.name)].reset_index(drop=True), data


def too_few(clips: pd.DataFrame) -> str:
    """Why the clips give no result, or ""."""
    for split in SPLITS:
        count = int((clips["split"].eq(split) & clips["target"].eq(1)).sum())
        if count < FEWEST:
            return f"{count} forged clips in {split}; wanted {FEWEST} or more"
    return ""


def plain(name: str) -> str:
    """A name of a folder."""
    return name.replace("+", "-and-")


def measure(scores: pd.DataFrame, found: list[Unit], refused: list[dict[str, Any]]) -> pd.DataFrame:
    """A row for each unit and detector: AUC on test clips with DeLong's 95 % interval, and what it means.

    scores: of `execute`; refused: rows of units without a result.
    """
    rows = list(refused)
    left = {row["name"] for row in refused}
    for unit in (unit for unit in found if unit.name not in left):
        for name in FILES:
            run = scores[scores["task"] == f"{plain(unit.name)}/{name}"]
            scored = run[run["fake_probability"].notna()]
            auc = delong.interval(scored["target"].to_numpy(), scored["fake_probability"].to_numpy())
            reads = bool(unit.reads & set(DETECTORS[name].reads))
            rows.append(
                {
                    "name": unit.name,
                    "detector": name,
                    "auc": auc["value"],
                    "low": auc["low"],
                    "high": auc["high"],
                    "forged": int(scored["target"].sum()),
                    "genuine": int((scored["target"] == 0).sum()),
                    "unscored": len(run) - len(scored),
                    "reads_it": "yes" if reads else "no",
                    "status": status(reads, auc),
                }
            )
    table = pd.DataFrame(rows)
    # The ends of an interval are None for an AUC of 1.
    return table.astype({name: float for name in ("auc", "low", "high") if name in table})


def status(reads: bool, auc: dict[str, float | None]) -> str:
    """What an AUC says of a kind for a detector that reads, or does not read, what is forged."""
    value, low, high = auc["value"], auc["low"], auc["high"]
    assert value is not None
    chance = low is not None and high is not None and low <= 0.5 <= high
    if not reads:
        return "at chance, as it must be" if chance else "not at chance, though it reads nothing forged"
    return "not told from chance" if chance else "found" if value > 0.5 else "below chance"


def write(folder: Path, table: pd.DataFrame, about: dict[str, Any]) -> None:
    """Write the picture and the page."""
    page = Page("How hard each kind of the zoo is")
    what = "family" if about["families"] else "kind"
    page.text(
        f"AUC on test clips of three small detectors, each trained on one {what} alone: mel_cnn reads sound, "
        "frame_cnn pictures, audiovisual both. Training and test have different people. Intervals are "
        "DeLong's, at 95 %: of the detectors that read nothing forged, 1 in 20 is outside chance by accident."
    )
    if "auc" in table:
        draw(table.dropna(subset="auc"), folder / "difficulty.png")
        page.figure("difficulty.png", f"AUC of each {what}. Hollow: the detector reads nothing forged.")
    page.table(table, f"AUC of each {what} and detector")
    page.write(folder / "index.html")


def draw(table: pd.DataFrame, path: Path) -> None:
    """A row for each unit, a point with its interval for each detector."""
    names = list(dict.fromkeys(table["name"]))
    figure = Figure(figsize=(7.5, 1.5 + 0.42 * len(names)), dpi=120, layout="constrained")
    axes = figure.subplots()
    style_axes(axes)
    for row in table.itertuples():
        height = names.index(row.name) + 0.24 * (list(FILES).index(row.detector) - 1)
        colour = COLOURS[row.detector]
        axes.plot((row.low, row.high), (height, height), color=colour, linewidth=1.6, alpha=0.6)
        fill = colour if row.reads_it == "yes" else "white"
        axes.plot(row.auc, height, "o", color=colour, markerfacecolor=fill, markersize=5)
    for name, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=name)
    axes.axvline(0.5, color=FAINT, linewidth=1, linestyle="--")
    axes.set(yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6), xlabel="AUC (dashed: chance)")
    axes.set_yticklabels([name.replace("_", " ") for name in names])
    axes.set(xlim=(min(0.3, float(table["auc"].min()) - 0.05), 1.02), title="Trained on one kind alone")
    axes.grid(visible=False, axis="y")
    legend_below(figure, 3)
    save_figure(figure, path)
