"""Find clips that are copies of one another: re-encoded, cropped, mirrored or scaled.

    telltale study duplicates --data DIR [--out groups.csv]

Compared are perceptual hashes of what moves in the picture, and of the sound, of each clip's first seconds.
groups.csv has the columns video_name,group,status; `folds.groups` reads it. A forgery that keeps most of its
source's frame or its sound is in its source's group. Two clips of one person are not. A clip that cannot be
read is a group of its own, and its status says why.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file to write (default: groups.csv in the data folder)"
    )
    add_splits(parser, "which clips")
    parser.add_argument("--workers", type=int, metavar="W", help="processes (default: one for each core)")
    parser.add_argument(
        "--timeout-seconds", type=float, default=60.0, metavar="S", help="for one clip (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    from telltale.errors import InputError

    if args.timeout_seconds <= 0 or (args.workers is not None and args.workers < 0):
        raise InputError(
            f"--workers {args.workers} --timeout-seconds {args.timeout_seconds:g}: wanted 0 processes or "
            "more, and more than 0 seconds"
        )
    from telltale.data import near_duplicates
    from telltale.files import write_table
    from telltale.runtime import threads
    from telltale.study.clips import read_clips, rows_of

    clips = read_clips(args.data, tuple(dict.fromkeys(args.splits)))
    workers = threads.cores() if args.workers is None else args.workers
    prints = near_duplicates.fingerprints(rows_of(clips), workers, args.timeout_seconds)
    groups = near_duplicates.group(prints)
    out = args.data / "groups.csv" if args.out is None else args.out
    rows = [(one.video_name, groups[one.video_name], one.status) for one in prints]
    write_table(out, [("video_name", "group", "status"), *rows])
    print(
        near_duplicates.summary(prints, groups, dict(zip(clips["video_name"], clips["split"], strict=True)))
    )
    print(f"wrote {out}")
    return 0
