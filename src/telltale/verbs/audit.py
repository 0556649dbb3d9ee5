"""`telltale audit RUN`: whether a run keeps the competition's rules, from its audit.json; exit status 1 where it does not."""

import argparse
from pathlib import Path

from telltale import audits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training run")


def run(args: argparse.Namespace) -> int:
    audit = audits.read(args.run / "audit.json")
    print(audits.table(audit))
    return 0 if audit.passed else 1
