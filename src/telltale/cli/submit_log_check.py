"""How many submissions are left today; status 1 if none is."""

import argparse
from datetime import UTC, datetime

from telltale.cli.options import add_ledger
from telltale.competition import ledger_file
from telltale.competition.ledger import LIMITS
from telltale.competition.local_time import parse_time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", choices=LIMITS, help="(default: both; status 1 if neither has one left)")
    parser.add_argument("--now", default="", metavar="ISO", help="another time than now, for planning")
    add_ledger(parser)


def run(args: argparse.Namespace) -> int:
    held = ledger_file.read(args.ledger)
    now = parse_time(args.now, held.zone) if args.now else datetime.now(UTC).replace(microsecond=0)
    day, ends = held.day(now), held.day_ends(now)
    phases = [args.phase] if args.phase else list(LIMITS)
    left = {phase: max(0, LIMITS[phase] - len(held.on(day, phase))) for phase in phases}
    for phase, count in left.items():
        used = len(held.on(day, phase))
        print(f"{phase}: {count} left on {day} ({held.zone.key}), {used} of {LIMITS[phase]} used")
        if count == 1:
            print(f"warning: the next {phase} submission is the last of {day}")
    minutes = int((ends - now).total_seconds() // 60)
    local = ends.astimezone(held.zone)
    print(
        f"the day ends at {local.isoformat()} ({ends:%Y-%m-%dT%H:%MZ}), in {minutes // 60} h "
        f"{minutes % 60:02} min"
    )
    return 0 if any(left.values()) else 1
