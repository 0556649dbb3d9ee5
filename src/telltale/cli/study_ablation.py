"""What each ingredient of a configuration is worth: each is taken out in turn, over seeds.

    telltale study ablation --config C --data DIR --out FOLDER [--off flip=augment.flip_p=0] [--only NAME ...]

Each variant is trained alike and scores clips of kinds of forgery that its training has seen, and of others.
If the test split has methods that training and validation have not, by the column --column, these are the
others; else kinds are held out of training in folds, as in `telltale study unseen`, which --by demands. The
table and the figure show what each ingredient adds to the AUC, with intervals. A detector's ingredients are
listed in the code; --off adds others. The same command continues what was stopped.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_config, add_division, add_overrides, add_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_overrides(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    parser.add_argument(
        "--off",
        action="append",
        default=[],
        metavar="NAME=KEY=VALUE[,KEY=VALUE]",
        help="an ingredient, and the keys that take it out; once for each",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these ingredients alone")
    add_division(parser, required=False)
    parser.add_argument("--pool", action="store_true", help="folds of the clips of all splits")
    parser.add_argument("--where", metavar="COLUMN=VALUE", help="use the clips with this value alone")
    add_study(parser)


def run(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.runtime.signals import watch_signals
    from telltale.study import ablation_ingredients as parts

    settings = config.read(args.config, args.set)
    own = [parts.read_off(text) for text in args.off]
    chosen = parts.ingredients(settings.model.name, own, args.only)
    found = parts.variants(settings, chosen, own)
    with watch_signals() as watch:
        from telltale.study import ablation, ablation_report, unseen
        from telltale.study.runs import Execution

        column, division = ablation.unseen_by(args)
        spec = ablation.AblationSpec(
            {parts.FULL: settings, **found.settings},
            args.data,
            tuple(dict.fromkeys(args.seeds)),
            column,
            division,
            args.pool,
            unseen.only(args.where, "--where"),
        )
        off = {each.name: each.text for each in chosen}
        said = ablation_report.Said(args.config.stem, off, found.left_out)
        how = Execution(args.store, args.jobs, tolerant=True)
        print(ablation_report.study(spec, said, args.out, watch, how, args.resamples))
    return 0
