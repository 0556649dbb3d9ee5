"""Draw a data set, genuine and forged, in the competition's layout.

    telltale demo-data --out demo-data        # the demo's size: about a minute on two cores
    telltale demo-data --out big --train 4000 --validation 800 --test 1200 --workers 16

The people in it are invented: no person was filmed. meta.csv says which clip is which kind of forgery.
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write; new or empty"
    )
    parser.add_argument(
        "--train", type=int, default=240, metavar="N", help="training clips (default %(default)s)"
    )
    parser.add_argument(
        "--validation", type=int, default=60, metavar="N", help="validation clips (default %(default)s)"
    )
    parser.add_argument("--test", type=int, default=160, metavar="N", help="test clips (default %(default)s)")
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="S",
        help="the same seed gives the same bytes (default %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        metavar="F",
        help="mean length of a clip; +-1/6 (default %(default)s)",
    )
    parser.add_argument(
        "--size", type=int, default=160, metavar="PX", help="side of the square picture (default %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=cores, metavar="W", help="processes (default: all cores)"
    )
    parser.add_argument("--force", action="store_true", help="replace a demo data set that is already in DIR")


def run(args: argparse.Namespace) -> int:
    # Imported here because they load OpenCV and SciPy, which --help does not need.
    from telltale.demo.dataset import DatasetSpec, write_dataset
    from telltale.demo.plan import GENUINE, SEEN_KINDS, UNSEEN_KINDS

    started = time.monotonic()
    counts = {"train": args.train, "validation": args.validation, "test": args.test}
    spec = DatasetSpec(counts, seed=args.seed, seconds=args.seconds, size=args.size)
    plans = write_dataset(args.out, spec, workers=args.workers, force=args.force)
    table = Counter((plan.kind, plan.split) for plan in plans)
    print(f"{'kind':<22}" + "".join(f"{split:>12}" for split in counts))
    for kind in (GENUINE, *SEEN_KINDS, *UNSEEN_KINDS):
        print(f"{kind:<22}" + "".join(f"{table[kind, split]:>12}" for split in counts))
    print(f"{'all':<22}" + "".join(f"{count:>12}" for count in counts.values()))
    people = len({plan.identity for plan in plans})
    print(f"{len(plans)} clips of {people} people in {time.monotonic() - started:.0f} s: {args.out}")
    return 0
