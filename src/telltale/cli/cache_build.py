"""Decode the training and validation clips into a store, which training and prediction then read from.

The configuration says how: a store keeps data.spans spans of each training clip. What the store will take is
estimated from a few clips first, and refused if there is no room.
"""

import argparse
import sys
import time
from pathlib import Path

from telltale.cli.options import add_config, add_overrides, add_store
from telltale.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    add_overrides(parser, "data.spans=4")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Fill the store. Raises InputError for settings that no store can serve, and if there is no room."""
    from telltale import config
    from telltale.data import folds

    settings = config.read(args.config, args.set)
    if not settings.data.spans:
        raise InputError(
            "training takes a span anywhere in the clip, which no store can hold; wanted --set data.spans=N"
        )
    splits = folds.read_splits(args.data, settings)
    # Now torch, which takes seconds to load.
    from telltale.config import detectors
    from telltale.data import store_filling
    from telltale.data.dataset import open_store

    store = open_store(args.store, settings, detectors.reads(settings.model), required=True)
    if (sentence := store.unread()) is not None:
        print(sentence, file=sys.stderr, flush=True)
    work = [
        store_filling.Pass(splits.train.rows, settings.data.spans),
        *(store_filling.Pass(split.rows, spans=1) for split in splits.manifests[1:]),
    ]
    needs, workers = store_filling.estimate(work, settings, store), store_filling.workers(settings)
    print(
        f"{needs.clips} clips: about {needs.bytes / 1e9:.3f} GB and {needs.seconds / workers / 60:.1f} min "
        f"with {workers} processes; {needs.held_bytes / 1e9:.3f} GB are there, "
        f"room for {max(needs.free_bytes, 0) / 1e9:.3f} GB more",
        flush=True,
    )
    store_filling.check_room(needs, store)
    began = time.monotonic()
    filled = store_filling.fill(work, settings, store)
    print(
        f"{args.store}: {filled.misses} clips decoded, {filled.hits} were there, {len(filled.unread)} cannot "
        f"be read, in {time.monotonic() - began:.0f} s; it holds {store.packed.total_bytes() / 1e9:.3f} GB"
    )
    if filled.unread:
        more = f" and {len(filled.unread) - 5} more" if len(filled.unread) > 5 else ""
        print("not read: " + "; ".join(filled.unread[:5]) + more)
    return 0
