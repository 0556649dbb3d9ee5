"""Free what no entry of a store needs, and the entries that are named."""

import argparse

from telltale.cli.options import add_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--spec", action="append", default=[], metavar="FP", help="entries decoded so; as `info` prints it"
    )
    chosen.add_argument("--keep-gb", type=float, metavar="X", help="the oldest entries, until X GB are left")
    chosen.add_argument("--all", action="store_true", help="all entries")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Remove entries. Raises InputError for a folder that is no store and for an unknown --spec."""
    from telltale.data import store_listing

    keep_bytes = None if args.keep_gb is None else args.keep_gb * 1e9
    pruned = store_listing.prune(args.store, store_listing.Selection(args.spec, keep_bytes, args.all))
    print(
        f"{args.store}: {pruned.entries} entries removed, {pruned.freed_bytes / 1e9:.3f} GB freed, "
        f"{pruned.left_bytes / 1e9:.3f} GB left"
    )
    return 0
