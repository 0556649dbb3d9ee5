"""Collect in one folder what shows where a run's numbers come from, and what it takes to get them again.

The bundle holds config, checkpoint, score files with their labels and figures, hashes of the data, golden
clips that telltale draws, the program and its image's recipe, checksums of everything, and a README for the
organiser. `telltale reproduce` reads it.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from telltale.errors import InputError
from telltale.files import sha256
from telltale.runtime.entry import require_files

GOLDEN_CLIPS, GOLDEN_SEED, GOLDEN_SIZE, GOLDEN_SECONDS = 6, 20261121, 160, 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished training run")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder it was trained on"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="BUNDLE", help="folder to write; must not exist"
    )
    parser.add_argument(
        "--test", nargs=3, type=Path, action="append", default=[], metavar=("SCORES", "LABELS", "VIDEOS"),
        help=(
            "scores.csv of predict.py, the labels and the folder below DIR of videos beyond the validation "
            "split"
        ),
    )  # fmt: skip
    parser.add_argument(
        "--spread", nargs="+", type=Path, default=[], metavar="RUN",
        help="runs of the same config with other seeds: how far a repeated training may end from this one",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace a bundle that is in --out already")


def run(args: argparse.Namespace) -> int:
    """Write the bundle. Raises InputError for what does not belong together."""
    require_files(
        args.run,
        args.data,
        *args.spread,
        *(path for scores, labels, _ in args.test for path in (scores, labels)),
    )
    from telltale.reproduce import bundle, bundling

    if args.out.exists():
        if not args.force:
            raise InputError(
                f"--out {args.out}: is there already; give another, or --force to replace a bundle"
            )
        bundle.read(args.out)  # raises InputError for another folder, which must not be deleted
    written = bundling.make(args.run, args.data, args.out, args.test, args.spread, draw)
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(
        f"{args.out}: {written.model} {written.model_sha256[:16]}, "
        f"validation AUC {written.validation_auc:.4f}"
    )
    names = ", ".join(one.name for one in written.sets)
    print(f"score sets: {names}; {len(written.files)} files, {size / 1e6:.1f} MB")
    if written.spread is None:
        print("no --spread: a repeated training passes only with weights that are the same to the bit")
    print(f"SHA-256 of bundle.json, to publish: {sha256(args.out / bundle.MANIFEST)}")
    return 0


def draw(into: Path) -> None:
    """Draw the golden clips into the folder `into`: genuine ones, forged ones, and one that is cut short."""
    from telltale.demo.dataset import DatasetSpec, write_dataset

    counts = {"train": 2, "validation": 2, "test": GOLDEN_CLIPS}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        spec = DatasetSpec(counts, seed=GOLDEN_SEED, seconds=GOLDEN_SECONDS, size=GOLDEN_SIZE)
        write_dataset(data, spec, workers=1)
        shutil.move(data / "test", into)
    whole = min(into.glob("*.mp4")).read_bytes()
    (into / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
