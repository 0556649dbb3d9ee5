"""The three forms of `telltale evaluate`, by the option that each begins with, and which options go with it.

Light: the command line imports it before it knows whether there is anything to evaluate.
"""

from collections.abc import Mapping
from typing import Any

from telltale.errors import InputError

# Options of one form alone, by their argparse names; all others go with the two forms that read files.
OPTIONS = {
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
TRUTH = {"scores": "labels", "sok": "protocol"}  # the option that names the file with the targets


def check(arguments: Mapping[str, Any]) -> str:
    """Which of "scores", "sok" and "base_rates" is asked for.

    arguments: option → value, None, False or empty if it was not given. Raises InputError unless it is one
    form, with what it needs and nothing of the others.
    """
    given = [form for form in OPTIONS if arguments[form] is not None]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(map(_typed, given)) or 'none of them'} given; wanted --labels and --scores, or "
            "--sok and --protocol, or --base-rates"
        )
    (form,) = given
    for other, options in OPTIONS.items():
        for option in options if other != form else ():
            if arguments[option]:
                raise InputError(f"{_typed(option)} goes with {_typed(other)}, not with {_typed(form)}")
    if form in TRUTH and arguments[TRUTH[form]] is None:
        raise InputError(
            f"--{form} without --{TRUTH[form]}; wanted the file that says which clips are forged"
        )
    if arguments["choose"] and not arguments["choose_on"]:
        raise InputError(
            f"--choose {arguments['choose']} without --choose-on and --choose-labels; wanted scores of other "
            "clips"
        )
    if form == "base_rates" and (arguments["out"] or arguments["threshold"] is not None):
        raise InputError(
            "--base-rates with --out or --threshold; wanted two rates alone, it reads and writes no files"
        )
    return form


def _typed(option: str) -> str:
    """An option as it is typed."""
    return f"--{option.replace('_', '-')}"
