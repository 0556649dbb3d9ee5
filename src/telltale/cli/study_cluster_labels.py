"""Compare ways to label forged clips: by cluster, by name, by kind, not at all.

    telltale study cluster-labels --config C --data DIR --out FOLDER --method-column kind

Some kinds are held out: those of --hold-out, else those that the training split lacks, else a drawn quarter.
For each seed the detector is trained without labels, with clusters of its own features as labels, with the
names of --name-column, and with every kind by itself. FOLDER/labels.csv has the Calinski-Harabasz index of
the held-out kinds in the features of each. The same command continues what was stopped.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_config, add_overrides, add_runs

WEIGHT = "objective.method_weight"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the study")
    parser.add_argument("--method-column", required=True, metavar="NAME", help="the kind of each forged clip")
    parser.add_argument("--name-column", metavar="NAME", help="coarser names, such as families")
    parser.add_argument("--hold-out", nargs="+", default=[], metavar="KIND", help="kinds that no run sees")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="S", help="default: 1 2 3")
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=("train", "validation", "test"),
        default=["train", "validation", "test"],
        metavar="SPLIT",
        help="whose clips of held-out kinds are looked at (default: all)",
    )
    add_runs(parser)
    add_overrides(parser, f"{WEIGHT}=0.5 (here 1 if it is not set)")


def run(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.runtime.entry import require_files
    from telltale.runtime.signals import watch_signals

    set_already = any(text.startswith(f"{WEIGHT}=") for text in args.set)
    settings = config.read(args.config, [*args.set, *([] if set_already else [f"{WEIGHT}=1"])])
    require_files(args.data)
    with watch_signals() as watch:
        from telltale.study.cluster_labels import LabelOptions, compare

        splits = tuple(dict.fromkeys(args.splits))
        options = LabelOptions(
            settings,
            args.data,
            args.out,
            args.method_column,
            args.name_column,
            tuple(args.hold_out),
            tuple(dict.fromkeys(args.seeds)),
            splits,
            args.store,
            args.jobs,
        )
        table = compare(options, watch)
    print(table.to_string(index=False, float_format=lambda number: f"{number:.3f}"))
    print(f"wrote {args.out}/labels.csv, runs.csv, index.html")
    return 0
