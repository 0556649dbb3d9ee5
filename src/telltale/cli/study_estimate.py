"""Whether pseudo-unseen folds predict the AUC on methods that training has not seen.

    telltale study estimate --config A.yaml B.yaml ... --data ZOO --out FOLDER --column kind \\
        --clusters picture=p/clusters.csv sound=s/clusters.csv --methods

For data whose methods are known and whose test split has methods of its own, such as a zoo of `telltale
demo-data`. Each configuration is trained plainly and for each fold of each division. The table compares what
plain validation and the folds promise with the AUC on the new methods: mean absolute error, rank correlation,
and the configuration that would have been chosen.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_configs, add_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_configs(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    parser.add_argument("--column", required=True, metavar="NAME", help="that names the method, such as kind")
    parser.add_argument(
        "--clusters", nargs="+", default=[], metavar="NAME=CSV", help="files of `telltale study cluster`"
    )
    parser.add_argument("--methods", action="store_true", help="estimate by folds of the true methods too")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="of each division (default: 5)")
    add_study(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.runtime.signals import watch_signals
    from telltale.study import estimate_report, unseen
    from telltale.study.estimate import EstimateSpec, divisions
    from telltale.study.runs import Execution

    named = divisions(args.clusters, args.column if args.methods else None, args.folds)
    configs = unseen.read_configs(args.config, args.set)
    first = next(iter(named.values()))
    spec = EstimateSpec(unseen.UnseenSpec(args.data, configs, first, tuple(args.seeds)), named, args.column)
    with watch_signals() as watch:
        print(estimate_report.study(spec, args.out, watch, Execution(args.store, args.jobs)))
    return 0
