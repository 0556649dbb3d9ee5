"""Draw a data set, genuine and forged, in the competition's layout.

    telltale demo-data --out demo-data        # the demo's size: about a minute on two cores
    telltale demo-data --out big --train 4000 --validation 800 --test 1200 --workers 16

    telltale demo-data --out zoo --kinds zoo    # many kinds; half of the families in the test split only

The people in it are invented: no person was filmed. meta.csv says which clip is which kind of forgery.
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telltale.demo.dataset import DatasetSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write; new or empty")
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
    parser.add_argument(
        "--kinds",
        default="demo",
        metavar="NAMES",
        help="demo, zoo (all its kinds), or kinds and families of the zoo: a,b (default %(default)s)",
    )
    parser.add_argument(
        "--hold-out",
        metavar="NAMES",
        help="of the zoo: families or kinds that only the test split has; half (of the families), none, or "
        "names (default half)",
    )
    parser.add_argument("--list-kinds", action="store_true", help="print the kinds of the zoo and stop")
    parser.add_argument("--force", action="store_true", help="replace a demo data set that is already in DIR")


def run(args: argparse.Namespace) -> int:
    # Imported here because they load OpenCV and SciPy, which --help does not need.
    from telltale.demo.dataset import write_dataset
    from telltale.errors import InputError

    if args.list_kinds:
        from telltale.zoo.kinds import listing

        print(listing())
        return 0
    if args.out is None:
        raise InputError("--out is missing: wanted the folder to write.")
    started = time.monotonic()
    spec, kinds = _spec(args)
    plans = write_dataset(args.out, spec, workers=args.workers, force=args.force)
    table = Counter((plan.kind, plan.split) for plan in plans)
    width = max(22, *(len(kind) + 2 for kind in kinds))
    print(f"{'kind':<{width}}" + "".join(f"{split:>12}" for split in spec.counts))
    for kind in kinds:
        print(f"{kind:<{width}}" + "".join(f"{table[kind, split]:>12}" for split in spec.counts))
    print(f"{'all':<{width}}" + "".join(f"{count:>12}" for count in spec.counts.values()))
    people = len({plan.identity for plan in plans})
    print(f"{len(plans)} clips of {people} people in {time.monotonic() - started:.0f} s: {args.out}")
    return 0


def _spec(args: argparse.Namespace) -> tuple["DatasetSpec", list[str]]:
    """The data set that was asked for, and its kinds in the order of the printed table."""
    from telltale.demo.dataset import DatasetSpec
    from telltale.demo.plan import GENUINE, SEEN_KINDS, UNSEEN_KINDS
    from telltale.errors import InputError

    counts = {"train": args.train, "validation": args.validation, "test": args.test}
    if args.kinds == "demo":
        if args.hold_out:
            raise InputError(f"--hold-out {args.hold_out}: the demo's kinds are fixed; give --kinds zoo too.")
        spec = DatasetSpec(counts, seed=args.seed, seconds=args.seconds, size=args.size)
        return spec, [GENUINE, *SEEN_KINDS, *UNSEEN_KINDS]
    from telltale.zoo.dataset import ZooSpec

    zoo = ZooSpec(
        counts,
        seed=args.seed,
        seconds=args.seconds,
        size=args.size,
        kinds=args.kinds,
        hold_out=args.hold_out or "half",
    )
    selection = zoo.selection()
    return zoo, [GENUINE, *(kind.name for kind in (*selection.seen, *selection.unseen))]
