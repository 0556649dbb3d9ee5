"""What a run over N clips will cost in time, disk and memory on this machine.

    telltale plan --videos 178000 --config configs/baseline.yaml --clips DIR/test
    telltale plan --videos 242000 --config configs/audiovisual.yaml --set data.spans=4 --json

The real training and prediction loops run on a few clips, and their figures are scaled up to N.
The memory of a training step on a GPU is estimated without one.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.cli.options import add_config, add_overrides
from telltale.errors import InputError
from telltale.runtime.entry import require_files

if TYPE_CHECKING:
    from telltale import config
    from telltale.train.footprint import Footprint
    from telltale.train.planning import Costs

SYNTHETIC = {"train": 6, "validation": 2, "test": 2}
SYNTHETIC_SECONDS, SYNTHETIC_SIDE = 6.0, 384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=int, required=True, metavar="N", help="clips of the run")
    add_config(parser)
    parser.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="measure on videos below DIR (default: on clips drawn for it)",
    )
    add_overrides(parser)
    parser.add_argument(
        "--card-gb",
        type=float,
        metavar="GB",
        help="memory of the GPU to plan for (default: this machine's)",
    )
    parser.add_argument("--json", action="store_true", help="print numbers for programs")


def run(args: argparse.Namespace) -> int:
    from telltale import config

    if args.videos < 1:
        raise InputError(f"--videos {args.videos}: wanted 1 clip or more")
    settings = config.read(args.config, args.set)
    require_files(*([args.clips] if args.clips else []), wanted="a folder of videos like those of the run")
    # Now torch, which takes seconds to load.
    from telltale.train import footprint

    step, card = footprint.estimate(settings), _card_bytes(args.card_gb)
    if not args.json:
        # Before the measurement, which ends with an error on a GPU that is too small.
        print(step.verdict(card), flush=True)
    plan = Plan(
        args.videos,
        max(settings.data.spans, 1),
        settings.optim.epochs,
        _measure(settings, args.clips),
        shutil.disk_usage(Path.cwd()).free,
        settings.data.repeats,
    )
    print(as_json(plan, step, card) if args.json else as_table(plan, args.config, args.clips))
    return 0


@dataclass(frozen=True)
class Plan:
    """What a run is planned from.

    videos, spans, epochs: of the run, spans of each clip.
    costs: of one clip, as they were measured.
    free_bytes: of the disk that holds the current folder.
    repeats: how often an epoch takes each clip.
    """

    videos: int
    spans: int
    epochs: int
    costs: "Costs"
    free_bytes: int
    repeats: int = 1

    @property
    def predict_seconds(self) -> float:
        return self.costs.predict_seconds(self.videos)

    @property
    def epoch_seconds(self) -> float:
        return self.repeats * self.costs.epoch_seconds(self.videos)

    @property
    def train_seconds(self) -> float:
        return self.epochs * self.epoch_seconds

    @property
    def store_bytes(self) -> float:
        return self.videos * self.costs.entry_bytes

    @property
    def jpeg_store_bytes(self) -> float:
        return self.videos * self.costs.jpeg_entry_bytes


def as_json(plan: Plan, step: "Footprint", card_bytes: float | None) -> str:
    """The plan for programs.

    step: what a training step takes of a GPU's memory.
    card_bytes: what the GPU has, None if there is none.
    """
    device = {
        "step": step.as_dict(),
        "card_bytes": card_bytes,
        "fits": None if card_bytes is None else step.total <= card_bytes,
    }
    tree = {
        "videos": plan.videos,
        "predict_seconds": plan.predict_seconds,
        "epoch_seconds": plan.epoch_seconds,
        "train_seconds": plan.train_seconds,
        "store_bytes": plan.store_bytes,
        "jpeg_store_bytes": plan.jpeg_store_bytes,
        "free_bytes": plan.free_bytes,
        "device": device,
        "clip": plan.costs.as_dict(),
    }
    return json.dumps(tree, indent=1)


def as_table(plan: Plan, configuration: Path, clips: Path | None) -> str:
    """The plan for people: a line for prediction, for an epoch of training and for filling a store."""
    costs, spans = plan.costs, plan.spans
    source = f"clips of {clips}" if clips else f"drawn clips, {SYNTHETIC_SIDE} px, {SYNTHETIC_SECONDS:g} s"
    lines = [
        f"{plan.videos:,} clips, {configuration}; measured on {costs.clips_measured} {source}; "
        f"{_size(plan.free_bytes)} free here"
    ]
    decode = costs.decode_clip_seconds * spans
    all_epochs = f"{plan.epochs} in {_time(plan.train_seconds)}"
    stores = f"{_size(plan.store_bytes)}; as JPEG {_size(plan.jpeg_store_bytes)}"
    each = f"{spans} span{'s' * (spans > 1)} a clip"
    predicting, training = (
        f"{_size(memory)} of memory" for memory in (costs.predict_memory_bytes, costs.train_memory_bytes)
    )
    for name, seconds, clip_seconds, used, note in (
        ("predict.py", plan.predict_seconds, costs.predict_clip_seconds, predicting, ""),
        ("train.py, an epoch", plan.epoch_seconds, costs.train_clip_seconds, training, all_epochs),
        ("telltale cache build", plan.videos * decode, decode, each, stores),
    ):
        lines.append(f"{name:22}{_time(seconds):>14}{1 / clip_seconds:9.1f} clips/s   {used:20}  {note}")
    lines.append(
        f"to read in each pass: {_size(plan.videos * costs.file_bytes)}; a run's folder: "
        f"{_size(costs.files_bytes)}"
    )
    return "\n".join(lines)


def _measure(settings: "config.Config", clips: Path | None) -> "Costs":
    """The costs of one clip of those below `clips`; None: of drawn ones."""
    from telltale.runtime import distributed
    from telltale.train.planning import measure

    spans = max(settings.data.spans, 1)
    with tempfile.TemporaryDirectory() as scratch, distributed.join(settings.threads) as process:
        return measure(settings, _clips(clips, Path(scratch)), process, spans)


def _card_bytes(given_gb: float | None) -> float | None:
    """Bytes of memory of the GPU to plan for; None if none is named and this machine has none."""
    import torch

    if given_gb is not None:
        if not given_gb > 0:
            raise InputError(f"--card-gb {given_gb}: wanted the GPU's memory in GB, such as 24")
        return given_gb * 1e9
    return float(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else None


def _clips(folder: Path | None, scratch: Path) -> list[Path]:
    """Up to 24 videos, evenly spaced in the list of those below `folder`; None: drawn below `scratch`."""
    from telltale.runtime import threads

    if folder is None:
        from telltale.demo.dataset import DatasetSpec, write_dataset

        folder = scratch / "clips"
        spec = DatasetSpec(SYNTHETIC, seed=1, seconds=SYNTHETIC_SECONDS, size=SYNTHETIC_SIDE)
        write_dataset(folder, spec, workers=threads.cores())
    videos = sorted(folder.rglob("*.mp4"))
    if not videos:
        raise InputError(f"--clips {folder}: holds no .mp4; wanted a folder of videos like those of the run")
    return videos[:: max(1, len(videos) // 24)][:24]


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60:02} s"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.{0 if unit == 'bytes' else 1}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
