"""`telltale evaluate`: how well scores separate forged clips from genuine ones, and what that is worth if
forged clips are rare.

    telltale evaluate --labels L --scores S [S ...] [--groups META.csv:COLUMN ...] [--out DIR]
    telltale evaluate --sok SCORES [SCORES ...] --protocol P --forged-column 0|1 [--out DIR]
    telltale evaluate --base-rates TPR FPR [--base-rate B ...]

`S` is a scores.csv, or a submission with video_name and a column of scores, whatever its name; --score-column
names one of several. Names are joined one to one with `L` (video_name,target). Every metric is printed with
its 95 % interval. With --out, metrics.json and figures are written. Several score files are compared on the
same clips.
"""

import argparse
from pathlib import Path

from telltale.evaluate import forms
from telltale.runtime.entry import require_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_score_files(parser.add_argument_group("score files"))
    _add_sok(parser.add_argument_group("score files of the SoK's form: <id> <target|-> <pred> [p0, p1]"))
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


def _add_score_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--labels", type=Path, metavar="CSV", help="video_name,target: 1 forged, 0 genuine")
    group.add_argument(
        "--scores",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="scores.csv or submission.csv, of one or more models",
    )
    group.add_argument(
        "--groups",
        action="append",
        metavar="META.csv:COLUMN",
        help="AUC and rates of each group, as the column names them; repeatable; a column 'split' in the "
        "same file tells which groups were seen in training",
    )
    group.add_argument(
        "--score-column", metavar="NAME", help="of submissions that have several (default: the only one)"
    )
    group.add_argument("--by-status", action="store_true", help="also by the status column of scores.csv")
    group.add_argument(
        "--scored-only", action="store_true", help="leave out clips that have a status and no score"
    )
    group.add_argument(
        "--choose-on",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="scores of other clips to choose the threshold on, a file for each of --scores",
    )
    group.add_argument("--choose-labels", type=Path, metavar="CSV", help="labels of those clips")
    group.add_argument("--choose", metavar="RULE", help="fpr=RATE, eer, youden or f1 (default: fpr=0.01)")


def _add_sok(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sok", type=Path, nargs="+", metavar="SCORES", help="one file, or several to compare"
    )
    group.add_argument("--protocol", type=Path, metavar="FILE", help="lines '<id> bonafide|spoof'")
    group.add_argument(
        "--forged-column",
        type=int,
        choices=(0, 1),
        nargs="+",
        help="which probability is that of forged; one, or one a file",
    )


def run(args: argparse.Namespace) -> int:
    """Print the evaluation, and write it with --out. Raises InputError for options that do not go together,
    and for files that do not."""
    form = forms.check(vars(args))
    if form == "base_rates":
        from telltale.evaluate import text

        tpr, fpr = args.base_rates
        print(text.base_rates(tpr, fpr, args.base_rate))
        return 0
    files = [args.labels, args.protocol, args.choose_labels]
    files += [*(args.scores or args.sok), *(args.choose_on or ())]
    require_files(*(path for path in files if path is not None))
    from telltale.evaluate.evaluation import of_files, of_sok
    from telltale.evaluate.options import Options, ScoreFiles

    options = Options(
        resamples=args.resamples,
        seed=args.seed,
        intervals=args.intervals,
        threshold=args.threshold,
        scored_only=args.scored_only,
        score_column=args.score_column,
        **({"choose": args.choose} if args.choose else {}),
    )
    if form == "sok":
        evaluation = of_sok(args.sok, args.protocol, args.forged_column, options)
    else:
        score_files = ScoreFiles(args.labels, args.scores, args.choose_labels, args.choose_on or ())
        evaluation = of_files(score_files, options, args.groups or (), args.by_status)
    print(evaluation.text())
    if args.out:
        print(f"\nwrote {', '.join(evaluation.write(args.out))} to {args.out}")
    return 0
