"""How well configurations detect kinds of forgery that their training has not seen.

    telltale study unseen --config C.yaml [D.yaml ...] --data DIR --out FOLDER --by methods --column kind
    telltale study unseen --config C.yaml --data DIR --out FOLDER --by clusters --clusters clusters.csv

The kinds of forgery in training are divided into folds: methods that a column of the labels or of meta.csv
names, or clusters of `telltale study cluster`. Each configuration is trained for each fold and seed without
the fold's forgeries and without its genuine clips, and scores them. The table has the mean over folds, the
worst fold, the spread over seeds and folds, and plain validation beside it. Configurations are compared on
the same folds in pairs. The same command continues a study that was stopped.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_configs, add_division, add_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_configs(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    add_division(parser)
    parser.add_argument(
        "--pool", action="store_true", help="divide the clips of all splits, not those of training alone"
    )
    parser.add_argument("--only", metavar="COLUMN=VALUE", help="use the clips with this value alone")
    add_study(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.runtime.signals import watch_signals
    from telltale.study import unseen, unseen_report
    from telltale.study.runs import Execution

    spec = unseen.UnseenSpec(
        args.data,
        unseen.read_configs(args.config, args.set),
        unseen.division(args),
        tuple(args.seeds),
        args.pool,
        unseen.only(args.only),
    )
    with watch_signals() as watch:
        print(unseen_report.study(spec, args.out, watch, Execution(args.store, args.jobs), args.resamples))
    return 0
