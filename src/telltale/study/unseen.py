"""Pseudo-unseen folds: how well does a configuration detect kinds of forgery that its training has not seen?

    spec = UnseenSpec(data, configs, Division("methods", "kind"), seeds=(1, 2, 3))
    scores = execute(study, tasks(spec), watch)

The kinds of forgery are divided into folds, see `data/folds.py`. Each configuration is trained once for each
fold and seed on everything else, and scores what was held out.
"""

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from telltale import config
from telltale.config import FoldSettings
from telltale.data.columns import METHOD, read_column
from telltale.data.folds import CLUSTER, GROUP, IDENTITY, Facts, Splits, assign, split
from telltale.data.manifest import Manifest, Row
from telltale.errors import InputError
from telltale.study.clips import manifest_of, read_clips, require_column
from telltale.study.task import Task

UNSEEN, VALIDATION = "unseen", "validation"
POOLED_SHARE = 5  # one of so many parts of pooled clips validates
POOLED = 2  # purpose of the random division, beside those of `data/folds.py`


@dataclass(frozen=True)
class Division:
    """How forged clips are grouped, and into how many folds the groups are divided.

    by: "methods", by a column; "clusters", by a file
    kind: the column that names the method, or the path of clusters.csv
    count: folds; 0: for methods one for each, for clusters five
    identity: column that names the person; None: "identity", if there is one
    groups: groups.csv of near-duplicates, None for none
    seed: of the division
    """

    by: str
    kind: str
    count: int = 0
    identity: str | None = None
    groups: Path | None = None
    seed: int = 1


@dataclass(frozen=True)
class UnseenSpec:
    """What a study of unseen kinds is made of.

    data: folder in the competition's layout
    configs: name → settings, whose section folds is not used
    division: into folds
    seeds: of the runs
    pool: whether the clips of all splits are divided; else only the training clips are, and the validation
        split validates
    only: (column, value) of the clips to use, None for all
    """

    data: Path
    configs: dict[str, config.Config]
    division: Division
    seeds: tuple[int, ...] = (1, 2, 3)
    pool: bool = False
    only: tuple[str, str] | None = None

    @cached_property
    def clips(self) -> pd.DataFrame:
        """The clips of the study, as `read_clips` gives them. Raises InputError."""
        splits = ("train", "validation", "test") if self.pool else ("train", "validation")
        clips = read_clips(self.data, splits)
        if self.only is not None:
            column, value = self.only
            require_column(clips, column, self.data)
            clips = clips[clips[column] == value].reset_index(drop=True)
            if clips.empty:
                raise InputError(f"--only {column}={value}: no clip of {self.data} has this value")
        return clips

    @cached_property
    def facts(self) -> Facts:
        """What is known of the clips. Raises InputError for a column or a file that is missing."""
        division, clips = self.division, self.clips
        if division.by == "clusters":
            kinds = read_column(Path(division.kind), CLUSTER)
        else:
            require_column(clips, division.kind, self.data)
            forged = clips[clips["target"] == 1]
            kinds = dict(zip(forged["video_name"], forged[division.kind], strict=True))
        if division.identity is not None:
            require_column(clips, division.identity, self.data)
        column = division.identity or IDENTITY
        identities = dict(zip(clips["video_name"], clips[column], strict=True)) if column in clips else {}
        groups = {} if division.groups is None else read_column(division.groups, GROUP)
        return Facts(kinds, identities, groups)

    @cached_property
    def folds(self) -> dict[str, Splits]:
        """Name of each fold → its splits. A fold of one kind has the kind's name. Raises InputError."""
        train = self.clips if self.pool else self.clips[self.clips["split"] == "train"]
        forged = train.loc[train["target"] == 1, "video_name"]
        kinds = {kind for name in forged if (kind := self.facts.kinds.get(name))}
        default = len(kinds) if self.division.by == "methods" else 5
        count = self.division.count or default
        if not 2 <= count <= len(kinds):
            raise InputError(
                f"{self.data}: {count} folds of {len(kinds)} kinds of forgery in training; wanted 2 folds or "
                "more and as many kinds at least"
            )
        named = {}
        for number in range(count):
            splits = self._divided(number, count)
            assert splits.unseen is not None
            names = [row.video_name for row in splits.unseen.rows if row.target == 1]
            held = sorted({self.facts.kinds[name] for name in names})
            named[held[0] if len(held) == 1 and self.division.by == "methods" else f"fold{number}"] = splits
        return named

    def _divided(self, number: int, count: int) -> Splits:
        division = self.division
        settings = FoldSettings(by="methods", fold=number, count=count, seed=division.seed)
        if not self.pool:
            parts = dict(list(self.clips.groupby("split", sort=False)))
            for name in ("train", "validation"):
                if name not in parts:
                    raise InputError(
                        f"{self.data}: no clip of {name} is left; give --pool, or another --only"
                    )
            train, validation = (manifest_of(parts[name], name) for name in ("train", "validation"))
            return split(train, validation, self.facts, settings)
        everything = manifest_of(self.clips, "train")
        splits = split(everything, everything, self.facts, settings)
        train, validation = _validating(splits.train, self.facts, division.seed)
        for part in (train, validation):
            if not (part.n_genuine and part.n_forged):
                raise InputError(
                    f"{self.data}: {part.split} is left with {part.n_genuine} genuine and {part.n_forged} "
                    f"forged clips ({splits.said}); wanted both classes, give other folds or more clips"
                )
        return splits._replace(train=train, validation=validation)


def _validating(manifest: Manifest, facts: Facts, seed: int) -> tuple[Manifest, Manifest]:
    """Divide pooled clips into training and validation, by person if persons are known. Persons with genuine
    clips are divided apart from those that are only in forgeries, so that both classes validate."""
    unit = {
        row.video_name: facts.identities.get(row.video_name)
        or facts.groups.get(row.video_name)
        or row.video_name
        for row in manifest.rows
    }
    has_genuine = {unit[row.video_name] for row in manifest.rows if row.target == 0}
    validates = set()
    for genuine in (True, False):
        sizes = Counter(each for each in unit.values() if (each in has_genuine) == genuine)
        folds = assign(sizes, POOLED_SHARE, seed, POOLED)
        validates |= {each for each, fold in folds.items() if fold == 0}
    parts: tuple[list[Row], list[Row]] = ([], [])
    for row in manifest.rows:
        parts[unit[row.video_name] in validates].append(row)
    return replace(manifest, rows=tuple(parts[0])), Manifest(VALIDATION, tuple(parts[1]), (), ())


def tasks(spec: UnseenSpec, prefix: str = "") -> list[Task]:
    """A run for each configuration, fold and seed, named PREFIX CONFIG/FOLD/seedN."""
    listed = []
    for name, settings in spec.configs.items():
        for fold, splits in spec.folds.items():
            assert splits.unseen is not None
            scored = {UNSEEN: splits.unseen.rows, VALIDATION: splits.validation.rows}
            for seed in spec.seeds:
                own = plain_settings(settings, seed)
                folder = f"{prefix}{name}/{_plain(fold)}/seed{seed}"
                listed.append(Task(folder, own, spec.data, splits.train, splits.validation, scored))
    return listed


def plain_settings(settings: config.Config, seed: int) -> config.Config:
    """The settings of a run whose clips the study has divided: if they choose the epoch by what folds hold
    out, they choose it by plain validation, because what was held out is to be estimated, not fitted."""
    by_held_out = settings.optim.select in ("unseen", "both")
    optim = settings.optim.model_copy(update={"select": "validation"} if by_held_out else {})
    return settings.model_copy(update={"seed": seed, "folds": FoldSettings(), "optim": optim})


def _plain(name: str) -> str:
    """A name of a folder: letters, digits, dots and hyphens."""
    return "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in name)


def read_configs(paths: Sequence[Path], overrides: list[str]) -> dict[str, config.Config]:
    """Name of each file → its settings with the overrides. Raises InputError if two have one name."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        raise InputError(f"--config {' '.join(map(str, paths))}: two have one name; wanted different names")
    return {name: config.read(path, overrides) for name, path in zip(names, paths, strict=True)}


def division(args: Namespace) -> Division:
    """The division that a command line asks for. Raises InputError for options that do not go together."""
    if args.by == "clusters" and args.clusters is None:
        raise InputError("--by clusters: wanted --clusters too, the clusters.csv of `telltale study cluster`")
    if args.by == "clusters" and args.column is not None:
        raise InputError(f"--column {args.column}: is for --by methods; leave it out")
    if args.by == "methods" and args.clusters is not None:
        raise InputError(f"--clusters {args.clusters}: is for --by clusters; leave it out")
    kind = str(args.clusters) if args.by == "clusters" else args.column or METHOD
    return Division(args.by, kind, args.folds, args.identity, args.groups)


def only(text: str | None, option: str = "--only") -> tuple[str, str] | None:
    """Column and value of an option such as --only. Raises InputError if the text is not COLUMN=VALUE."""
    if text is None:
        return None
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise InputError(f"{option} {text}: wanted COLUMN=VALUE, such as has_audio=yes")
    return column, value
