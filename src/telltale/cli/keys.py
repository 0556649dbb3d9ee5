"""Every key of the configuration: its default, what it affects, the values it takes, and what it means.

    telltale keys                      all of them
    telltale keys optim                those with "optim" in their name, else in their meaning
    telltale keys 'augment.*_p'        those that the pattern matches

A key affects one of these:

result    the weights or the scores
seed      the random draws
rounding  the last bits of weights and scores
timeout   which clips are given up because a machine is slow
length    when training ends or is saved, not what a step does
fallback  what the submission says of a clip without a score
rules     whether the run is permitted
speed     how long the run takes, and how much disk

A resumed run may change keys that affect length, rounding or speed. An interrupted prediction may change keys
that affect fallback or speed.
"""

import argparse
import fnmatch
import json
import shutil
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from telltale.errors import InputError

if TYPE_CHECKING:
    from telltale.config.keys import Setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", metavar="PATTERN", help="part of a name, or a pattern with * and ?"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects for programs")


def run(args: argparse.Namespace) -> int:
    """Print the keys. Raises InputError if none matches."""
    from telltale.config.keys import KEYS, suggest

    found = matching(list(KEYS.values()), args.pattern)
    if not found:
        meant = suggest(args.pattern)
        remedy = f"did you mean {meant}?" if meant else "telltale keys lists them all"
        raise InputError(f"no key has {args.pattern!r} in its name or meaning; {remedy}")
    if args.json:
        json.dump([asdict(setting) for setting in found], sys.stdout, indent=1, ensure_ascii=False)
        print()
        return 0
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    print("\n".join(page(setting, width) for setting in found))
    return 0


def matching(settings: "list[Setting]", pattern: str) -> "list[Setting]":
    """Those whose name the pattern is a part of or matches; if there are none, those that have it in their
    meaning."""
    wanted = pattern.lower()
    named = [each for each in settings if wanted in each.name or fnmatch.fnmatchcase(each.name, wanted)]
    return named or [each for each in settings if wanted in each.meaning.lower()]


def page(setting: "Setting", width: int) -> str:
    """A line with name, default, what the key affects, and range; the meaning below it."""
    default = f"= {setting.default}" if setting.default else "(must be given)"
    head = f"{f'{setting.name} {default}':40}  {setting.affects:8}  {setting.range}"
    return "\n".join(
        [head, *textwrap.wrap(setting.meaning, width, initial_indent="    ", subsequent_indent="    ")]
    )
