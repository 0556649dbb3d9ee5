"""What a store holds: its size, and the entries by the way they were decoded."""

import argparse
import json
from dataclasses import asdict

from telltale.cli.options import add_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print numbers for programs")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print the contents. Raises InputError for a folder that is no store."""
    from telltale.data import store_listing

    held = store_listing.contents(args.store)
    if args.json:
        tree = asdict(held)
        print(json.dumps({"specs": tree.pop("decodings"), **tree}, indent=1))
        return 0
    print(
        f"{args.store}: {held.bytes / 1e9:.3f} GB in {held.shards} shards, and "
        f"{held.unreferenced_bytes / 1e9:.3f} GB without an entry"
    )
    for one in held.decodings:
        print(
            f"{one.spec}  {one.entries:,} entries of {one.clips:,} clips, {one.bytes / 1e9:.3f} GB, "
            f"{one.bytes / one.clips / 1e3:.0f} kB a clip"
        )
        print(f"  {one.decoded}")
    return 0
