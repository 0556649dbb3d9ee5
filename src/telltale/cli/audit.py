"""Whether a run keeps the competition's rules, on one page.

What training wrote down in audit.json is believed. What can be looked at again is looked at now: the folder's
files of weights, best.pt by its SHA-256, config.yaml against the settings in best.pt, and with --submission
that FILE holds this model's numbers. A rule passes, fails or is not known. The exit status is 0, with
--strict 1 unless every rule passes.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training run")
    parser.add_argument("--strict", action="store_true", help="exit status 1 unless every rule passes")
    parser.add_argument(
        "--submission",
        type=Path,
        metavar="FILE",
        help="a submission of this run, with its score file and side file beside it",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, with every SHA-256 in full")


def run(args: argparse.Namespace) -> int:
    """Print the page; the exit status. Raises InputError if RUN holds no audit."""
    from telltale.competition import audit
    from telltale.train.run_folder import FREE

    review = audit.review(args.run, FREE, args.submission)
    print(review.as_json() if args.json else "\n".join(review.page()))
    return 0 if review.verdict or not args.strict else 1
