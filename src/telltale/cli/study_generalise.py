"""Train on some sets of clips, test on all: how much a detector loses on what it has not seen, and what a few
examples give back.

    telltale study generalise --out FOLDER --config meso4 mel_cnn.yaml
        --set-of swap=DIR:kind=face_swap+face_resampled --set-of mouth=DIR:kind=mouth_regenerated
        --set-of other=OTHER_DIR [--seeds 1 2 3] [--combinations pairs] [--shots 0 4 8 16 32]

A set is a data folder, or the clips of a folder that have one of the values in a column of its label files or
meta.csv. Sets of one folder divide its genuine clips, so that nobody's are in two of them. A part without
labels is held out of the training part by identity. FOLDER/index.html has the tables: degradation in
percentage points, AUC, controls, few-shot curves, seeds. The same command continues what was stopped.
"""

import argparse
from pathlib import Path
from typing import Any

from telltale.cli.options import add_overrides, add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder of the study")
    add("--config", type=Path, required=True, nargs="+", metavar="C", help="configurations to compare")
    add(
        "--set-of",
        action="append",
        required=True,
        metavar="NAME=DIR[:COLUMN=VALUE+VALUE]",
        help="a set; once for each, two or more",
    )
    add("--train", nargs="+", metavar="NAME", help="sets to train on (default: all that have the clips)")
    add(
        "--combinations",
        choices=("singles", "pairs", "all"),
        default="singles",
        help="train on each set, on each two of them too, or on every combination (default: %(default)s)",
    )
    add("--same-method", nargs="+", default=[], metavar="NAME", help="controls of the same kinds of forgery")
    add(
        "--same-identity",
        nargs="+",
        default=[],
        metavar="NAME",
        help="controls of the same people: forged training clips of the set, and genuine ones kept back",
    )
    add("--seeds", nargs="+", type=int, default=[1], metavar="S", help="of training (default: 1)")
    number: dict[str, Any] = {"type": examples, "metavar": "N"}
    add("--transfer", **number, help="fine-tune the last two layers on N old and N new clips")
    add("--merge", **number, help="fine-tune everything on N old and N new clips")
    add("--shots", nargs="+", default=[], **number, help="do both with each of these numbers")
    add("--tune", action="append", default=[], metavar="KEY=VALUE", help="a setting of the fine-tuning")
    add("--identity", default="identity", metavar="COLUMN", help="of the person (default: %(default)s)")
    add("--share-genuine", action="store_true", help="give each set of a folder all its genuine clips")
    add_overrides(parser)
    add_runs(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.runtime.signals import watch_signals

    with watch_signals() as watch:
        from telltale.study import generalisation, generalisation_page, sets
        from telltale.study.folder import StudyFolder
        from telltale.study.generalise import about, design_of, sizes

        configs = generalisation.read_configs(args.config, args.set)
        specs = [sets.parse_spec(text) for text in args.set_of]
        options = sets.SetOptions(args.identity, args.share_genuine, tuple(args.same_identity))
        found = sets.read_sets(specs, options)
        design = design_of(vars(args), configs, found)
        cells = generalisation.plan(design, found)
        study = StudyFolder(args.out, "generalise", about(design, specs, options))
        from telltale.study.runs import Execution, execute

        scores = execute(study, list(cells.values()), watch, Execution(args.store, args.jobs))
        results = generalisation.measure(cells, scores, design, list(found))
        table = generalisation_page.write(study, results, sizes(found))
    print(printed(table))
    print(f"wrote {args.out}/index.html, results.csv")
    return 0


def printed(table: Any) -> str:
    """The table of degradation as text."""
    return "" if table.empty else table.to_string(index=False, float_format="{:.2f}".format, na_rep="-")


def examples(text: str) -> int:
    """A number of clips, 0 or an even one. Raises ArgumentTypeError, as argparse wants it."""
    if not text.isdecimal() or int(text) % 2:
        raise argparse.ArgumentTypeError(
            f"wanted an even number of examples, half of them forged, got '{text}'"
        )
    return int(text)
