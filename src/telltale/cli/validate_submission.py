"""Check a submission as an organiser's script would.

Its header must be the template's: video_name,y_pred for a template with these columns, video_name,score for
a template with names alone. Prints "valid: N rows" and ends with status 0, or prints each problem and ends
with status 1. A note does not make a submission invalid.
"""

import argparse
from pathlib import Path

SHOWN = 20  # problems printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("submission", type=Path, help="CSV of video_name and a column of scores")
    parser.add_argument(
        "--list", type=Path, required=True, metavar="CSV", help="the names asked for, in a column video_name"
    )
    parser.add_argument(
        "--score-column", metavar="NAME", help="of the submission (default: as in --list, or score)"
    )


def run(args: argparse.Namespace) -> int:
    from telltale.scores.submission import inspect_submission

    report = inspect_submission(args.submission, args.list, args.score_column)
    for problem in report.problems[:SHOWN]:
        print(problem)
    if len(report.problems) > SHOWN:
        print(f"... and {len(report.problems) - SHOWN:,} more")
    for note in report.notes:
        print(f"note: {note}")
    print(
        f"invalid: {len(report.problems):,} problems" if report.problems else f"valid: {report.rows:,} rows"
    )
    return 1 if report.problems else 0
