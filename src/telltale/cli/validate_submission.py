"""`telltale validate-submission submission.csv --list template.csv`: check a submission the way an
organiser's script would.

Its header must be the template's: video_name,y_pred for a template with these columns, video_name,score for
names alone. Prints "valid: N rows" and ends with status 0, or prints each problem and ends with status 1.
Notes make nothing invalid.
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

    found = inspect_submission(args.submission, args.list, args.score_column)
    for problem in found.problems[:SHOWN]:
        print(problem)
    if len(found.problems) > SHOWN:
        print(f"... and {len(found.problems) - SHOWN:,} more")
    for note in found.notes:
        print(f"note: {note}")
    print(f"invalid: {len(found.problems):,} problems" if found.problems else f"valid: {found.rows:,} rows")
    return 1 if found.problems else 0
