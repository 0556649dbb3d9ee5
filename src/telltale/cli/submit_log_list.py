"""All submissions, and how far our estimates were from the scores."""

import argparse
import dataclasses
import json
from pathlib import Path

from telltale.cli.options import add_ledger
from telltale.competition import ledger_file
from telltale.competition.ledger import LIMITS, Ledger
from telltale.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it for programs")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw estimates and scores over time")
    add_ledger(parser)


def run(args: argparse.Namespace) -> int:
    from telltale.competition import submissions

    held = ledger_file.read(args.ledger)
    if args.plot:
        _plot(held, args.plot)
    groups = {"all": held.entries} | {
        phase: [e for e in held.entries if e.phase == phase] for phase in LIMITS
    }
    gaps = {
        name: {estimate: submissions.gap(entries, estimate) for estimate in submissions.ESTIMATES}
        for name, entries in groups.items()
    }
    if args.json:
        rows = [
            dataclasses.asdict(e) | {"submitted": e.submitted.astimezone(held.zone).isoformat()}
            for e in held.entries
        ]
        tree = {
            name: {f"{key}_minus_score": {"mean": mean, "n": n} for key, (mean, n) in of.items()}
            for name, of in gaps.items()
        }
        print(
            json.dumps(
                {"timezone": held.zone.key, "limits": dict(LIMITS), "submissions": rows, "gaps": tree},
                indent=2,
            )
        )
        return 0
    print("\n".join(submissions.table(held)))
    for estimate, name in submissions.ESTIMATES.items():
        parts = [
            f"{group} {mean:+.4f} (n = {n})"
            for group, of in gaps.items()
            for mean, n in [of[estimate]]
            if mean is not None
        ]
        print(f"{name} minus returned AUC, mean: {', '.join(parts) or 'not known (n = 0)'}")
    if args.plot:
        print(f"wrote {args.plot}")
    return 0


def _plot(held: Ledger, path: Path) -> None:
    from telltale.competition import ledger_figure

    if path.suffix.lower() != ".png":
        raise InputError(f"--plot {path}: wanted the name of a .png file")
    if not held.entries:
        raise InputError(f"--plot {path}: the ledger holds no submission yet; wanted one to draw")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ledger_figure.over_time(held.entries, held.zone, path)
    except OSError as error:
        raise InputError(
            f"--plot {path}: cannot be written ({error.strerror}); give a place that can"
        ) from None
