"""Pseudo-unseen folds: whole kinds of forgery and genuine clips held out of training, as the split "unseen".

    splits = read_splits(Path("/data"), settings)
    splits.train, splits.validation, splits.unseen      # unseen is None without folds
    splits.said                                         # one line: what became of every clip

The kinds are clusters of forgeries, or methods that a column names. They are divided into `folds.count`
folds of about as many clips each, and so are the genuine clips: by person if a column names the person, else
by near-duplicate group if there is a file of groups, else one by one. Fold number `folds.fold` is held out.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from telltale import config
from telltale.data.columns import METHOD, find_column, read_column
from telltale.data.manifest import Manifest, Row, read_data
from telltale.errors import InputError

UNSEEN = "unseen"
CLUSTER, GROUP, IDENTITY = "cluster", "group", "identity"
# Second number of the random generators' seeds.
KINDS, GENUINE = 0, 1


class Splits(NamedTuple):
    """The splits of a run, what is held out of training, and a line on what became of every clip."""

    train: Manifest
    validation: Manifest
    unseen: Manifest | None = None
    said: str = ""

    @property
    def pair(self) -> tuple[Manifest, Manifest]:
        """Training and validation."""
        return self.train, self.validation

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The splits that there are."""
        return self.pair if self.unseen is None else (*self.pair, self.unseen)


@dataclass(frozen=True)
class Facts:
    """What is known of clips, by video name; a clip without an entry, or with an empty one, is unknown.

    kinds: cluster or method of forged clips.
    identities: the person.
    groups: the near-duplicate group.
    """

    kinds: Mapping[str, str]
    identities: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def read_splits(root: Path, settings: config.Config) -> Splits:
    """The splits below `root`, as `manifest.read_data` reads them, divided as `settings.folds` says.

    Raises InputError as `read_data` does, for a file of clusters, groups or columns that cannot be read, and
    as `split` does.
    """
    train, validation = read_data(root, settings.data)
    if settings.folds.by == "none":
        return Splits(train, validation)
    return split(train, validation, _facts(root, settings, train), settings.folds)


def given_files(settings: config.Config, root: Path) -> list[tuple[str, Path]]:
    """(kind, path) of the files beside the labels that the splits are read from."""
    folds = settings.folds
    named = [("columns", settings.data.meta)]
    if folds.by != "none":
        named.append(("groups", folds.groups))
        named += [("clusters", folds.clusters)] if folds.by == "clusters" else []
    return [(kind, root / name) for kind, name in named if name is not None]


def assign(sizes: Mapping[str, int], count: int, seed: int, purpose: int) -> dict[str, int]:
    """Divide units into folds of about as many clips each; returns the fold of each unit, from 0.

    sizes: number of clips of each unit. purpose: which division it is, for the random generator.

    The largest unit goes first, and each to the fold with the fewest clips (longest-processing-time rule of
    Graham, 1969). Units of one size are in random order. The order of `sizes` does not count.
    """
    import numpy as np

    names = sorted(sizes)
    names = [names[at] for at in np.random.default_rng([seed, purpose]).permutation(len(names))]
    folds = [(0, number) for number in range(count)]
    found = {}
    for name in sorted(names, key=lambda name: -sizes[name]):
        clips, number = heapq.heappop(folds)
        found[name] = number
        heapq.heappush(folds, (clips + sizes[name], number))
    return found


def split(train: Manifest, validation: Manifest, facts: Facts, settings: config.FoldSettings) -> Splits:
    """Divide the training clips into training and "unseen".

    Forged clips of the fold's kinds, and the fold's genuine clips, are unseen. Three sorts of clips are left
    out of everything: training clips with an unseen near-duplicate; forged training clips of unknown kind;
    forged validation clips of a held-out kind.

    Raises InputError if training, validation or unseen is left with one class or none.
    """
    unseen, kinds = _held_out(train.rows, facts, settings)
    groups = {facts.groups[name] for name in unseen if facts.groups.get(name)}
    twins, unknown, stay = [], [], []
    for row in train.rows:
        name = row.video_name
        if name in unseen:
            continue
        if facts.groups.get(name) in groups:
            twins.append(name)
        elif row.target == 1 and not facts.kinds.get(name):
            unknown.append(name)
        else:
            stay.append(row)
    in_validation = [
        row for row in validation.rows if row.target != 1 or facts.kinds.get(row.video_name) not in kinds
    ]
    divided = (
        _having(train, stay),
        _having(validation, in_validation),
        Manifest(UNSEEN, tuple(row for row in train.rows if row.video_name in unseen), (), ()),
    )
    lost = f"; {len(twins)} are left out as near-duplicates of unseen clips" if twins else ""
    lost += f"; {len(unknown)} forged are left out because their kind is not known" if unknown else ""
    away = len(validation.rows) - len(in_validation)
    lost += f"; {away} forged validation clips of these kinds are left out" if away else ""
    said = (
        f"fold {settings.fold} of {settings.count} by {settings.by} holds out {_few(kinds)}: "
        f"of {len(train.rows)} training clips {len(stay)} stay and {len(unseen)} are unseen{lost}"
    )
    for each in divided:
        _check(each, said, settings)
    return Splits(*divided, said)


def _held_out(
    rows: Iterable[Row], facts: Facts, settings: config.FoldSettings
) -> tuple[set[str], tuple[str, ...]]:
    """Names of the training clips of the fold, and its kinds of forgery."""
    kind_of = {
        row.video_name: facts.kinds[row.video_name]
        for row in rows
        if row.target == 1 and facts.kinds.get(row.video_name)
    }
    unit_of = {row.video_name: _unit(row.video_name, facts) for row in rows if row.target == 0}
    held = set()
    kinds = assign(Counter(kind_of.values()), settings.count, settings.seed, KINDS)
    units = assign(Counter(unit_of.values()), settings.count, settings.seed, GENUINE)
    held |= {name for name, kind in kind_of.items() if kinds[kind] == settings.fold}
    held |= {name for name, unit in unit_of.items() if units[unit] == settings.fold}
    return held, tuple(sorted(kind for kind, number in kinds.items() if number == settings.fold))


def _unit(name: str, facts: Facts) -> str:
    """What a genuine clip stays together with."""
    if identity := facts.identities.get(name):
        return f"identity {identity}"
    if group := facts.groups.get(name):
        return f"group {group}"
    return f"clip {name}"


def _having(manifest: Manifest, rows: Collection[Row]) -> Manifest:
    names = {row.video_name for row in rows}
    gone = tuple(row.video_name for row in manifest.rows if row.video_name not in names)
    return replace(manifest, rows=tuple(rows), held_out=gone)


def _few(kinds: tuple[str, ...]) -> str:
    more = f" and {len(kinds) - 8} more" if len(kinds) > 8 else ""
    return f"{', '.join(kinds[:8])}{more}" if kinds else "no kind of forgery"


def _check(manifest: Manifest, said: str, settings: config.FoldSettings) -> None:
    if manifest.n_genuine and manifest.n_forged:
        return
    remedy = (
        "fewer folds (folds.count), at most as many as there are kinds of forgery and genuine clips"
        if manifest.split == UNSEEN
        else "another fold, more folds, or labels with more kinds"
    )
    raise InputError(
        f"folds.fold={settings.fold}: {manifest.split} is left with {manifest.n_genuine} genuine and "
        f"{manifest.n_forged} forged clips ({said}); wanted both classes, give {remedy}"
    )


def _facts(root: Path, settings: config.Config, train: Manifest) -> Facts:
    data, folds = settings.data, settings.folds
    if folds.by == "clusters":
        assert folds.clusters is not None  # the section's own check
        path = root / folds.clusters
        kinds = read_column(path, CLUSTER)
        if not any(kinds.get(row.video_name) for row in train.rows if row.target == 1):
            raise InputError(
                f"{path}: names none of the forged clips of {root / data.train_labels}; wanted the clusters "
                "of this data set"
            )
    else:
        kinds = _methods(root, data, train)
    groups = {} if folds.groups is None else read_column(root / folds.groups, GROUP)
    return Facts(kinds, _identities(root, settings), groups)


def _methods(root: Path, data: config.DataSettings, train: Manifest) -> dict[str, str]:
    """The methods of training clips, and of validation clips where they are known."""
    name = data.method_column or METHOD
    kinds = find_column(root / data.validation_labels, name) or {}
    if data.meta is not None:
        kinds |= find_column(root / data.meta, name) or {}
    methods = {row.video_name: row.method for row in train.rows if row.target == 1 and row.method}
    if not methods:
        raise InputError(
            f"{root / data.train_labels}: no forged clip has a method in a column '{name}'; for folds by "
            "methods give the column's name (data.method_column), and its file if it is another (data.meta)"
        )
    return kinds | methods


def _identities(root: Path, settings: config.Config) -> dict[str, str]:
    """The persons of training clips. Raises InputError if a column is named and in neither file."""
    data, wanted = settings.data, settings.folds.identity_column
    paths = [root / name for name in (data.meta, data.train_labels) if name is not None]
    for path in paths:
        if (found := find_column(path, wanted or IDENTITY)) is not None:
            return found
    if wanted is not None:
        raise InputError(
            f"folds.identity_column={wanted}: {' and '.join(map(str, paths))} have no such column; wanted "
            "the one that names the person"
        )
    return {}
