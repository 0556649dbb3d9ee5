"""Note the score that came back for a submission."""

import argparse

from telltale.cli.options import add_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, metavar="ID", help="as add and list print it")
    parser.add_argument("--auc", type=float, required=True, metavar="X")
    parser.add_argument("--tpr", type=float, metavar="Y", help="true positive rate, if one came back")
    parser.add_argument("--force", action="store_true", help="replace the score that is there")
    add_ledger(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.competition import submissions

    entry = submissions.score(args.ledger, args.id, args.auc, args.tpr, force=args.force)
    print(
        f"submission {entry.id}: AUC {entry.score_auc}"
        + ("" if entry.score_tpr is None else f", TPR {entry.score_tpr}")
    )
    for estimate, name in submissions.ESTIMATES.items():
        mean, _ = submissions.gap([entry], estimate)
        if mean is not None:
            side = "above" if mean >= 0 else "below"
            print(f"{name} {getattr(entry, estimate):.4f}, {abs(mean):.4f} {side} it")
    return 0
