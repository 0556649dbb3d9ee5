"""What a search chooses from, and the trials that it draws.

    choices = read_choices(Path("choices.yaml"))
    drawn = draw(settings, choices, count=27, seed=0)

The file has keys with lists of values, and named choices whose options set several keys:

    optim.rate: [1e-3, 3e-4]
    size:
      small: {clip.image_size: 96, clip.frames: 4}
      as_it_is: {}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from telltale import config
from telltale.config import keys
from telltale.errors import InputError
from telltale.files import read_text

GIVEN = "given"  # the trial that is the configuration as it is
WANTED = "wanted KEY: [VALUE, ...] or NAME: {OPTION: {KEY: VALUE}, ...}, with two options or more"


@dataclass(frozen=True)
class Choice:
    """name: a key, or a name. options: what each is called → KEY=VALUE that it sets."""

    name: str
    options: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Trial:
    """One configuration of a search. picks: name of each choice → its option, empty for the configuration as
    it is."""

    name: str
    picks: Mapping[str, str]
    settings: config.Config


@dataclass(frozen=True)
class Drawn:
    """trials: the configuration as it is, then those that were drawn. refused: a sentence on each combination
    that was drawn and is none."""

    trials: list[Trial]
    refused: list[str] = field(default_factory=list)


def read_choices(path: Path) -> tuple[Choice, ...]:
    """The choices of a file. Raises InputError naming the entry that is none."""
    try:
        tree = yaml.safe_load(read_text(path, "a YAML file of choices"))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(tree, dict) or not tree:
        raise InputError(f"{path}: holds no choices; {WANTED}")
    return tuple(Choice(str(name), _options(path, str(name), value)) for name, value in tree.items())


def _options(path: Path, name: str, value: Any) -> dict[str, tuple[str, ...]]:
    if isinstance(value, list):
        if not keys.known(name):
            raise InputError(f"{path}: {keys.unknown(name)}; {WANTED}")
        options: dict[str, tuple[str, ...]] = {_text(each): (_override(name, each),) for each in value}
        if len(options) < len(value):
            raise InputError(f"{path}: {name}: a value is there twice; wanted each once")
    elif isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        options = {
            str(option): tuple(_override(str(key), each) for key, each in sets.items())
            for option, sets in value.items()
        }
    else:
        raise InputError(f"{path}: {name}: {_text(value)}; {WANTED}")
    if len(options) < 2:
        raise InputError(f"{path}: {name}: {len(options)} options; {WANTED}")
    return options


def _override(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value, default=str)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def draw(settings: config.Config, choices: Sequence[Choice], count: int, seed: int) -> Drawn:
    """`count` trials, or as many as there are: the configuration as it is, and combinations of options that
    are drawn without repetition. Two that resolve to the same configuration are one.

    A combination that the schema refuses is none, and is reported. Raises InputError if an option does not
    even fit the configuration by itself, and if there are fewer than two trials.
    """
    for choice in choices:
        for option, own_keys in choice.options.items():
            config.override(settings, list(own_keys), f"{choice.name}: {option}")
    rng = np.random.default_rng(seed)
    sizes = [len(choice.options) for choice in choices]
    drawn = Drawn([Trial(GIVEN, {}, settings)])
    seen, known = set[tuple[int, ...]](), {config.fingerprint(settings)}
    while len(drawn.trials) < count and len(seen) < prod(sizes):
        numbers = tuple(int(rng.integers(size)) for size in sizes)
        if numbers in seen:
            continue
        seen.add(numbers)
        picks = {choice.name: list(choice.options)[at] for choice, at in zip(choices, numbers, strict=True)}
        sets = [text for choice in choices for text in choice.options[picks[choice.name]]]
        try:
            own = config.override(settings, sets, "choices")
        except InputError as error:
            drawn.refused.append(f"{described(picks)} is left out: {error}")
            continue
        if (key := config.fingerprint(own)) not in known:
            known.add(key)
            drawn.trials.append(Trial(f"trial{len(drawn.trials):02}", picks, own))
    if len(drawn.trials) < 2:
        raise InputError("; ".join([*drawn.refused, f"{count} trials of {prod(sizes)} combinations are 1"]))
    return drawn


def described(picks: Mapping[str, str]) -> str:
    """The options of a trial in a line."""
    return ", ".join(f"{name}={option}" for name, option in picks.items()) or "as it is"
