"""From the command line of `telltale study generalise` to its design: which sets are trained on, which are
controls, and what the study's folder depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from telltale import config
from telltale.errors import InputError
from telltale.study.generalisation import Design
from telltale.study.sets import ClipSet, SetOptions, SetSpec


def design_of(
    given: Mapping[str, Any], configs: Mapping[str, config.Config], sets: Mapping[str, ClipSet]
) -> Design:
    """The design that the arguments ask for.

    given: train (or None), combinations, seeds, same_method, same_identity, transfer, merge (numbers or
    None), shots, tune

    Raises InputError for fewer than two sets, for names that are no set, for a control that is trained on,
    for a set to train on that lacks clips, and for a wrong KEY=VALUE of `tune`.
    """
    if len(sets) < 2:
        raise InputError("--set-of: one set; wanted two or more, to train on one and test on another")
    controls = [*given["same_method"], *given["same_identity"]]
    for option in ("train", "same_method"):
        for name in given[option] or ():
            if name not in sets:
                typed = f"--{option.replace('_', '-')}"
                raise InputError(f"{typed} {name}: no such set; wanted one of {', '.join(sets)}")
    train = given["train"] or [name for name in sets if name not in controls and sets[name].can_train()]
    if both := [name for name in train if name in controls]:
        raise InputError(f"--train {both[0]}: is a control; wanted another set, or no control of that name")
    if not train:
        raise InputError(
            "--set-of: no set has genuine and forged clips to train and validate on; wanted one at least"
        )
    for name in train:
        for split in ("train", "validation"):
            sets[name].part(split)
    for settings in configs.values():
        config.override(settings, given["tune"], "--tune")
    shots = [count for count in given["shots"] if count]
    counts = {key: sorted({*shots, *filter(None, [given[key]])}) for key in ("transfer", "merge")}
    return Design(
        configs,
        tuple(dict.fromkeys(train)),
        given["combinations"],
        tuple(dict.fromkeys(given["seeds"])),
        tuple(given["same_method"]),
        tuple(given["same_identity"]),
        tuple(counts["transfer"]),
        tuple(counts["merge"]),
        tuple(given["tune"]),
    )


def about(design: Design, specs: Sequence[SetSpec], options: SetOptions) -> dict[str, Any]:
    """All that the study's results depend on, of JSON's types."""
    configs = {name: config.fingerprint(settings) for name, settings in design.configs.items()}
    sets = [{**asdict(spec), "data": str(spec.data)} for spec in specs]
    return {**asdict(design), "configs": configs, "sets": sets, "options": asdict(options)}


def sizes(sets: Mapping[str, ClipSet]) -> pd.DataFrame:
    """Set, part, and its numbers of genuine and forged clips."""
    rows = [
        {"set": name, "part": split, "genuine": int((part == 0).sum()), "forged": int((part == 1).sum())}
        for name, each in sets.items()
        for split, part in each.clips.groupby("split", sort=False)["target"]
    ]
    return pd.DataFrame(rows)
