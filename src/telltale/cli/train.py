"""Train one model and keep everything about it in one folder.

    python train.py --config configs/baseline.yaml --data DIR --out RUN [--set optim.epochs=3 ...]
        [--resume | --force]
    torchrun --nproc-per-node=2 train.py --config configs/audiovisual.yaml --data DIR --out RUN

`telltale train` is the same. DIR holds train_labels.csv, validation_labels.csv and the videos below train/
and validation/. Each path can be set on its own (--set data.train_videos=/elsewhere). SIGTERM or Ctrl-C
saves; the same command with --resume goes on from that very step.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_config, add_overrides
from telltale.runtime.entry import guarded
from telltale.runtime.signals import watch_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run; must be new or empty")
    add_overrides(parser)
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="keep decoded clips here, and take them from here"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out, or begin it if nothing was saved yet",
    )
    again.add_argument("--force", action="store_true", help="replace the run in --out")


def train(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.competition import access
    from telltale.data import folds

    with watch_signals() as watch, access.recorded() as access_log:
        settings = config.read(args.config, args.set)
        configs = tuple(access.new_files(access_log))
        splits = folds.read_splits(args.data, settings)
        # Torch takes seconds to load: mistakes in the settings and labels are reported before that.
        from telltale.competition import rules
        from telltale.runtime import distributed
        from telltale.train import run_audit, run_folder, training
        from telltale.train.context import RunContext, RunInputs

        rules.enforce_settings(settings)
        with distributed.join(settings.threads, deterministic=settings.deterministic) as process:
            context = RunContext(settings, process, watch)
            context.say(training.beginning(splits, context))
            resumed = run_folder.prepare(args.out, settings, process, resume=args.resume, force=args.force)
            inputs = RunInputs(args.out, args.data, *splits.pair, configs, args.store, resumed, splits.unseen)
            model, objective = training.build(inputs, context)
            of_model = rules.audit(model, settings)
            audit = run_audit.begin(inputs, context, of_model, access_log)
            rules.enforce(of_model, settings)
            done = training.run(model, objective, inputs, context, audit)
            context.say(training.result(done, inputs, audit))
    return 0


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return parser.parse_args(given)


def main() -> int:
    return guarded(lambda: train(arguments()), "telltale train")


run = train  # the name that telltale calls a verb by
