"""`telltale evaluate`: how well scores tell forged clips from genuine ones, and what that is worth where
forged clips are rare.

    telltale evaluate --labels L --scores S [S ...] [--groups META.csv:COLUMN ...] [--out DIR]
    telltale evaluate --sok SCORES [SCORES ...] --protocol P --forged-column 0|1 [--out DIR]
    telltale evaluate --base-rates TPR FPR [--base-rate B ...]

`S` is a scores.csv, or a submission with video_name and a column of scores, whatever its name (--score-column
names one of several); names are joined one to one with `L` (video_name,target). Prints every metric with its
95 % interval; with --out it writes metrics.json and figures. Several score files are compared on the same
clips.
"""

import argparse
from pathlib import Path

from telltale.errors import InputError
from telltale.runtime.entry import demand

FORMS = {
    "scores": (
        "labels",
        "groups",
        "by_status",
        "choose_on",
        "choose_labels",
        "choose",
        "scored_only",
        "score_column",
    ),
    "sok": ("protocol", "forged_column"),
    "base_rates": ("base_rate",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("score files")
    files.add_argument("--labels", type=Path, metavar="CSV", help="video_name,target: 1 forged, 0 genuine")
    files.add_argument(
        "--scores",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="scores.csv or submission.csv, of one or more models",
    )
    files.add_argument(
        "--groups", action="append", metavar="META.csv:COLUMN",
        help="AUC and rates of each group, as the column names them; "
        "repeatable; a column 'split' in the same file tells which groups were seen in training"
    )  # fmt: skip
    files.add_argument(
        "--score-column", metavar="NAME", help="of submissions that have several (default: the only one)"
    )
    files.add_argument("--by-status", action="store_true", help="also by the status column of scores.csv")
    files.add_argument(
        "--scored-only", action="store_true", help="leave out clips that have a status and no score"
    )
    files.add_argument(
        "--choose-on", type=Path, nargs="+", metavar="CSV",
        help="scores of other clips to choose the threshold on, a file for "
        "each of --scores"
    )  # fmt: skip
    files.add_argument("--choose-labels", type=Path, metavar="CSV", help="labels of those clips")
    files.add_argument("--choose", metavar="RULE", help="fpr=RATE, eer, youden or f1 (default: fpr=0.01)")
    layout = parser.add_argument_group("score files of the SoK's form: <id> <target|-> <pred> [p0, p1]")
    layout.add_argument(
        "--sok", type=Path, nargs="+", metavar="SCORES", help="one file, or several to compare"
    )
    layout.add_argument("--protocol", type=Path, metavar="FILE", help="lines '<id> bonafide|spoof'")
    layout.add_argument(
        "--forged-column",
        type=int,
        choices=(0, 1),
        nargs="+",
        help="which probability is that of forged; one, or one a file",
    )
    rates = parser.add_argument_group("no files: what a TPR and an FPR are worth")
    rates.add_argument(
        "--base-rates", type=float, nargs=2, metavar=("TPR", "FPR"), help="rates from 0 to 1, such as 0.9 0.1"
    )
    rates.add_argument(
        "--base-rate", type=float, nargs="+", metavar="B", help="shares of forged clips (default: eight)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write metrics.json and the figures there")
    parser.add_argument(
        "--threshold", type=float, metavar="X", help="flag clips from this fake probability on (default: 0.5)"
    )
    parser.add_argument(
        "--intervals",
        choices=("bootstrap", "delong"),
        default="bootstrap",
        help="of the AUC (default: %(default)s)",
    )
    parser.add_argument(
        "--resamples", type=int, default=1000, help="bootstrap resamples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    form = _form(args)
    if form == "base_rates":
        _calculate(args)
        return 0
    if args.choose and not args.choose_on:
        raise InputError(
            f"--choose {args.choose} without --choose-on and --choose-labels; wanted scores of other clips"
        )
    named = (
        args.labels,
        args.protocol,
        args.choose_labels,
        *(args.scores or args.sok),
        *(args.choose_on or ()),
    )
    demand(*(path for path in named if path is not None))
    from telltale.evaluate import evaluation

    options = evaluation.Options(
        resamples=args.resamples,
        seed=args.seed,
        intervals=args.intervals,
        threshold=args.threshold,
        scored_only=args.scored_only,
        score_column=args.score_column,
        **({"choose": args.choose} if args.choose else {}),
    )
    if form == "sok":
        found = evaluation.of_sok(args.sok, args.protocol, args.forged_column, options)
    else:
        found = evaluation.of_files(
            args.labels,
            args.scores,
            options,
            args.groups or (),
            args.by_status,
            args.choose_on or (),
            args.choose_labels,
        )
    print(found.text())
    if args.out:
        print(f"\nwrote {', '.join(found.write(args.out))} to {args.out}")
    return 0


def _form(args: argparse.Namespace) -> str:
    """Which of FORMS is asked for. Raises InputError unless it is one, with what it needs and nothing of the
    others."""
    asked = [form for form in FORMS if getattr(args, form) is not None]
    if len(asked) != 1:
        came = " and ".join(f"--{form.replace('_', '-')}" for form in asked) or "none of them"
        raise InputError(
            f"{came} given; wanted --labels and --scores, or --sok and --protocol, or --base-rates"
        )
    (form,) = asked
    for other in FORMS:
        for name in FORMS[other] if other != form else ():
            if getattr(args, name):
                raise InputError(
                    f"--{name.replace('_', '-')} goes with --{other.replace('_', '-')}, not with --{form}"
                )
    needed = {"scores": "labels", "sok": "protocol"}.get(form)
    if needed and getattr(args, needed) is None:
        raise InputError(f"--{form} without --{needed}; wanted the file that says which clips are forged")
    return form


def _calculate(args: argparse.Namespace) -> None:
    from telltale.evaluate import text
    from telltale.metrics import decisions

    if args.out or args.threshold is not None:
        raise InputError(
            "--base-rates with --out or --threshold; wanted two rates alone, it reads and writes no files"
        )
    tpr, fpr = args.base_rates
    rows = decisions.base_rates(tpr, fpr, rates=args.base_rate or decisions.BASE_RATES)
    print("\n".join([f"TPR {tpr:g}, FPR {fpr:g}", "", *text.precisions(rows)]))
