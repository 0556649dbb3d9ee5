"""Every detector: its source, what it reads, its size and its cost.

Each is as its file in configs/ says. Parameters and multiply-adds are those of prediction, counted as the
audit of a run counts them. --time adds the milliseconds that one clip takes through the model on this
machine, without decoding.
"""

import argparse
import json
import sys
from typing import Any

from telltale.config.detectors import DETECTORS
from telltale.errors import InputError

COLUMNS = (
    "name",
    "inputs",
    "parameters",
    "thop_parameters",
    "macs",
    "milliseconds_per_clip",
    "objective",
    "source",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="detectors to show (default: all)")
    parser.add_argument("--json", action="store_true", help="print a list of objects for programs")
    parser.add_argument(
        "--time", action="store_true", help="build each, count it anew, and measure milliseconds"
    )


def run(args: argparse.Namespace) -> int:
    """Print a row for each detector. Raises InputError for a name that is none."""
    if unknown := [name for name in args.names if name not in DETECTORS]:
        raise InputError(
            f"telltale models: no detector is called {unknown[0]!r}; wanted one of {', '.join(DETECTORS)}"
        )
    from telltale.train.detector_costs import describe

    rows = []
    for name in args.names or DETECTORS:
        rows.append(describe(name, timed=args.time))
        if not args.json:
            print(line(rows[-1], header=len(rows) == 1), flush=True)
    if args.json:
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        print()
    return 0


def line(row: dict[str, Any], *, header: bool) -> str:
    """A row of the table, the header above the first."""
    shown = {
        **row,
        "macs": f"{row['macs'] / 1e9:.2f} G",
        "milliseconds_per_clip": row["milliseconds_per_clip"] or "-",
    }
    shown |= {key: f"{row[key]:,}" for key in ("parameters", "thop_parameters")}
    titles = {"macs": "MACs", "milliseconds_per_clip": "ms/clip", "thop_parameters": "by thop"}
    widths = {
        "name": 16,
        "inputs": 36,
        "parameters": 12,
        "thop_parameters": 12,
        "macs": 9,
        "milliseconds_per_clip": 8,
    }
    widths |= {"objective": 11, "source": 0}

    def cells(values: dict[str, Any]) -> str:
        left = ("name", "inputs", "objective", "source")
        return "  ".join(f"{values[key]:{'<' if key in left else '>'}{widths[key]}}" for key in COLUMNS)

    above = cells({key: titles.get(key, key) for key in COLUMNS}) + "\n" if header else ""
    return above + cells(shown)
