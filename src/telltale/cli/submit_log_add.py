"""Note a submission in the ledger, a text file to keep in git; the first one begins it.


The competition allows 5 submissions a day on validation and 2 on test. One over the day's limit, the same
bytes a second time, and a submission of another model than the bundle's are refused.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from telltale.cli.options import add_ledger
from telltale.competition.ledger import LIMITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the submission: CSV of video_name and a column of scores"
    )
    parser.add_argument("--phase", required=True, choices=LIMITS)
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help="the bundle that it comes from: a folder with bundle.json"
    )
    parser.add_argument(
        "--when",
        default="",
        metavar="ISO",
        help="when it was submitted (default: now); no offset: ledger's zone",
    )
    parser.add_argument(
        "--own-auc", type=float, metavar="X", help="AUC on our own validation set (default: the bundle's)"
    )
    parser.add_argument(
        "--unseen-auc", type=float, metavar="X", help="AUC estimated for clusters that training did not see"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="one line")
    parser.add_argument(
        "--timezone", default="", metavar="NAME", help="whose days count; set by the first use (default: UTC)"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="note it although it is over the day's limit, or the same bytes again",
    )
    add_ledger(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.competition import submissions

    digest = submissions.submission_sha256(args.file)
    model, auc = submissions.model_that_wrote(args.file, args.bundle)
    facts = {
        "phase": args.phase,
        "file": args.file.as_posix(),
        "sha256": digest,
        "bundle": "" if args.bundle is None else args.bundle.as_posix(),
        "model_sha256": model,
        "own_auc": auc if args.own_auc is None else args.own_auc,
        "unseen_auc": args.unseen_auc,
        "note": args.note,
    }
    begun = not args.ledger.exists()
    after, entry = submissions.add(
        args.ledger, facts, now=datetime.now(UTC), when=args.when, timezone=args.timezone, force=args.force
    )  # fmt: skip
    day, limit, zone = after.day(entry.submitted), LIMITS[entry.phase], after.zone.key
    used = len(after.on(day, entry.phase))
    of_model = f", model {model[:16]}" if model else ""
    if begun:
        print(f"{args.ledger}: begun; its days are those of {zone}")
    print(f"submission {entry.id}: {entry.file}, sha256 {digest[:16]}{of_model}")
    print(f"{used} of {limit} {entry.phase} submissions of {day} ({zone}) are used")
    if used == limit:
        print(f"warning: that was the last {entry.phase} submission of {day}")
    if entry.forced:
        print(f"warning: noted by force: {entry.forced}")
    return 0
