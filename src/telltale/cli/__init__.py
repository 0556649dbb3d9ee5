"""`telltale COMMAND ...`: the program that runs the command that is typed, one of the table in commands.py.

Each command has a module in this package: `cache build` is in cache_build.py. A module has
`add_arguments(parser)` and `run(args)`, which returns the exit status, and its docstring is the text of
`telltale COMMAND --help`. Only the module of the command that was typed is imported, so `--help` is instant.
"""

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from telltale import __version__
from telltale.cli.commands import COMMANDS, GROUPS, USERS
from telltale.runtime.entry import guarded


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the command; returns the exit status."""
    module, parsed = parse(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: module.run(parsed), f"telltale {parsed.verb}")


def parse(given: Sequence[str]) -> tuple[ModuleType, argparse.Namespace]:
    """The module of the command that was typed, and its arguments.

    Raises SystemExit, as argparse does, for wrong ones and for --help.
    """
    typed = [word for word in given if not word.startswith("-")]
    parser = argparse.ArgumentParser(
        prog="telltale",
        usage="telltale [-h] [--version] COMMAND ...",
        description="Audio-visual deepfake detection.",
        epilog=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"telltale {__version__}")
    verbs = parser.add_subparsers(
        prog="telltale", dest="verb", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    known = list(dict.fromkeys(command.words.split()[0] for command in COMMANDS))
    if typed and typed[0] not in known:
        meant = difflib.get_close_matches(typed[0], known, 1)
        parser.error(
            f"unknown command {typed[0]}; "
            + (f"did you mean {meant[0]}?" if meant else f"wanted one of {', '.join(known)}")
        )
    nested = {
        group: verbs.add_parser(group, description=text).add_subparsers(
            dest="action", metavar="ACTION", required=True
        )
        for group, text in GROUPS.items()
    }
    module = None
    for command in COMMANDS:
        group, _, action = command.words.partition(" ")
        # `telltale --help` has its own list, by who needs a command: argparse's would have no groups.
        subparser = (nested[group] if action else verbs).add_parser(
            action or group,
            help=command.summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"example: {command.example}",
        )
        if command.words.split() == typed[: 2 if action else 1]:
            module = importlib.import_module(command.module)
            subparser.description = module.__doc__
            module.add_arguments(subparser)
    parsed = parser.parse_args(given)
    assert module is not None  # argparse has refused every other word
    return module, parsed


def overview() -> str:
    """The commands by who needs them, each with its summary and an example."""
    lines = []
    for user, purpose in USERS.items():
        lines += ["", f"{user}: {purpose}"]
        for command in COMMANDS:
            if command.user == user:
                lines += [f"  {command.words:<20} {command.summary}", f"  {'':<20} $ {command.example}"]
    return "\n".join(lines[1:])
