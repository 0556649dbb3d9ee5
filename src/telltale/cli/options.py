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


def add_configs(parser: argparse.ArgumentParser) -> None:
    """--config FILE [FILE ...], and --set for all of them."""
    parser.add_argument(
        "--config", type=Path, nargs="+", required=True, metavar="FILE", help="files of configs/, or your own"
    )
    add_overrides(parser)


def add_division(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """How forged clips are divided into folds: read by `study/unseen.py`. required: whether --by must be
    given."""
    parser.add_argument(
        "--by", choices=("methods", "clusters"), required=required, help="what a fold holds out"
    )
    parser.add_argument("--column", metavar="NAME", help="that names the method (default: method)")
    parser.add_argument("--clusters", type=Path, metavar="CSV", help="of `telltale study cluster`")
    parser.add_argument(
        "--folds", type=int, default=0, metavar="N", help="default: one for each method, 5 for clusters"
    )
    parser.add_argument("--identity", metavar="NAME", help="column of persons (default: identity, if any)")
    parser.add_argument("--groups", type=Path, metavar="CSV", help="near-duplicates, which no fold separates")


def add_splits(parser: argparse.ArgumentParser, what: str) -> None:
    """--splits SPLIT [SPLIT ...]. what: for the help, what is taken of them."""
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=("train", "validation", "test"),
        default=["train", "validation"],
        metavar="SPLIT",
        help=f"{what} (default: train validation)",
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """What every study of training runs has: its folder, seeds, a store, and the bootstrap."""
    parser.add_argument("--out", type=Path, required=True, help="folder of this study")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="S", help="of the runs (default: 1 2 3)"
    )
    add_runs(parser)
    parser.add_argument(
        "--resamples", type=int, default=1000, metavar="N", help="of the bootstrap (default: %(default)s)"
    )


def add_runs(parser: argparse.ArgumentParser) -> None:
    """How training runs of a study are made: --store DIR, --jobs N."""
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="keep decoded clips here, and take them from here"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="runs side by side, each a process (default: 1)"
    )
