"""Search among configurations, cheap first: brief trainings of many, longer ones of the best.

    telltale study search --config C --choices choices.yaml --data DIR --out FOLDER --by methods --column kind

choices.yaml has keys with the values to try, and named choices whose options set several keys:

    optim.rate: [1e-3, 3e-4]
    size:
      small: {clip.image_size: 96, clip.frames: 4}
      as_it_is: {}

The configuration as it is and drawn combinations are trained for a fraction of the epochs, once for each fold
of held-out kinds of forgery. The best 1/ETA go on to ETA times as many epochs. The best few are trained in
full with several seeds, beside the configuration as it is. FOLDER/best.yaml is the best one. The same command
continues what was stopped.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_config, add_division, add_overrides, add_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_config(parser)
    add_overrides(parser)
    add("--choices", type=Path, required=True, metavar="FILE", help="YAML of what to choose from")
    add("--data", type=Path, required=True, help="folder in the competition's layout")
    add("--trials", type=int, default=9, metavar="N", help="configurations (default: %(default)s)")
    add("--eta", type=int, default=3, metavar="N", help="one of so many goes on (default: %(default)s)")
    add("--finalists", type=int, default=3, metavar="N", help="trained in full (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="S", help="of the draw and the rungs (default: %(default)s)")
    add_division(parser)
    add("--pool", action="store_true", help="divide the clips of all splits, not those of training alone")
    add("--only", metavar="COLUMN=VALUE", help="use the clips with this value alone")
    add_study(parser)


def run(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.runtime.signals import watch_signals
    from telltale.study import search_choices

    settings = config.read(args.config, args.set)
    choices = search_choices.read_choices(args.choices)
    drawn = search_choices.draw(settings, choices, args.trials, args.seed)
    with watch_signals() as watch:
        from telltale.study import search, search_report, unseen
        from telltale.study.runs import Execution

        seeds = tuple(dict.fromkeys(args.seeds))
        rungs = search.plan(
            len(drawn.trials), settings.optim.epochs, args.eta, args.finalists, seeds, args.seed
        )
        division, only = unseen.division(args), unseen.only(args.only)
        folds = unseen.UnseenSpec(args.data, {}, division, seeds, args.pool, only)
        spec = search.SearchSpec(folds, drawn.trials, rungs)
        asked = search_report.Asked(args.config.stem, drawn.refused)
        how = Execution(args.store, args.jobs, tolerant=True)
        print(search_report.study(spec, asked, args.out, watch, how, args.resamples))
    return 0
