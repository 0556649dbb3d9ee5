"""Runs of train.py side by side: the keys of config.yaml in which they differ, and how good each is.

    telltale runs runs/                                 every run below a folder
    telltale runs runs/ --sort auc                      the best first
    telltale runs a b --sort optim.rate --csv runs.csv

auc and tpr@fpr=1e-3 are those of the validation split in the best epoch, held_out_auc and
held_out_tpr@fpr=1e-3 those of the clips that section folds held out of training. unseen_auc is the mean
AUC of the kinds of forgery that training did not see: it appears once telltale evaluate --groups has written
its --out below a run.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="a run, or a folder that holds runs"
    )
    parser.add_argument(
        "--sort", metavar="KEY", help="a column: results fall, settings rise (default: by name)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there too")


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises InputError if there is no run, or no such column."""
    from telltale.train import runs

    table = runs.compare(runs.find(args.folders))
    if args.sort:
        table = runs.ordered(table, args.sort)
    print(runs.text(table))
    if args.csv:
        runs.write_csv(table, args.csv)
        print(f"wrote {args.csv}")
    return 0
