"""Options that several commands have, each defined once."""

import argparse
from pathlib import Path


def add_overrides(parser: argparse.ArgumentParser, example: str = "optim.epochs=3") -> None:
    """--set KEY=VALUE, any number of times."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override one key, such as {example}",
    )


def add_config(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """--config FILE."""
    parser.add_argument("--config", type=Path, required=required, help="a file of configs/, or your own")


def add_ledger(parser: argparse.ArgumentParser) -> None:
    """--ledger FILE."""
    parser.add_argument(
        "--ledger",
        type=Path,
        default=Path("submissions.csv"),
        metavar="FILE",
        help="default: %(default)s",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """--store DIR."""
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="the store")
