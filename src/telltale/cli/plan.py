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
from pathlib import Path

from telltale.cli.options import add_config, add_overrides
from telltale.errors import InputError
from telltale.runtime.entry import require_files

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
    from telltale.runtime import distributed
    from telltale.train import footprint
    from telltale.train.planning import measure

    spans, step, card = max(settings.data.spans, 1), footprint.estimate(settings), _card_bytes(args.card_gb)
    if not args.json:
        # Before the measurement, which ends with an error on a GPU that is too small.
        print(step.verdict(card), flush=True)
    with tempfile.TemporaryDirectory() as scratch, distributed.join(settings.threads) as process:
        costs = measure(settings, _clips(args.clips, Path(scratch)), process, spans)
    epochs, free = settings.optim.epochs, shutil.disk_usage(Path.cwd()).free
    predict, epoch = costs.predict_seconds(args.videos), costs.epoch_seconds(args.videos)
    if args.json:
        totals = {"predict_seconds": predict, "epoch_seconds": epoch, "train_seconds": epochs * epoch}
        sizes = {
            "store_bytes": args.videos * costs.entry_bytes,
            "jpeg_store_bytes": args.videos * costs.jpeg_entry_bytes,
        }
        device = {
            "step": step.as_dict(),
            "card_bytes": card,
            "fits": None if card is None else step.total <= card,
        }
        tree = {
            "videos": args.videos,
            **totals,
            **sizes,
            "free_bytes": free,
            "device": device,
            "clip": costs.as_dict(),
        }
        print(json.dumps(tree, indent=1))
        return 0
    source = (
        str(args.clips) if args.clips else f"clips drawn for it, {SYNTHETIC_SIDE} px, {SYNTHETIC_SECONDS:g} s"
    )
    print(
        f"{args.videos:,} clips, {args.config}; measured on {costs.clips_measured} clips of {source}; "
        f"{_size(free)} free here"
    )
    pixels, jpegs = args.videos * costs.entry_bytes, args.videos * costs.jpeg_entry_bytes
    stored = args.videos * costs.decode_clip_seconds * spans
    for name, seconds, clip, memory, note in (
        ("predict.py", predict, costs.predict_clip_seconds, costs.predict_memory_bytes, ""),
        (
            "train.py, an epoch",
            epoch,
            costs.train_clip_seconds,
            costs.train_memory_bytes,
            f"{epochs} in {_time(epochs * epoch)}",
        ),
        (
            "telltale cache build",
            stored,
            costs.decode_clip_seconds * spans,
            0,
            f"{_size(pixels)}; as JPEG {_size(jpegs)}",
        ),
    ):
        used = f"{_size(memory)} of memory" if memory else f"{spans} span{'s' * (spans > 1)} a clip"
        print(f"{name:22}{_time(seconds):>14}{1 / clip:9.1f} clips/s   {used:20}  {note}")
    print(
        f"to read in each pass: {_size(args.videos * costs.file_bytes)}; a run's folder: "
        f"{_size(costs.files_bytes)}"
    )
    return 0


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
