"""Named sets of clips, each with the parts train, validation and test: what a study of generalisation trains
and tests on.

    specs = [parse_spec("swap=data:kind=face_swap+face_resampled"), parse_spec("mouth=data:kind=mouth")]
    sets = read_sets(specs, SetOptions())       # name → ClipSet
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from telltale.errors import InputError
from telltale.scores.score import first_few
from telltale.study.clips import SPLITS, read_clips, require_column

_SPEC = re.compile(r"(?P<name>[A-Za-z0-9][\w-]*)=(?P<data>.+?)(?::(?P<column>\w+)=(?P<values>.*))?")
HELD_OUT = 0.2  # share of the training identities for a part that has no labels
# Purposes of random draws.
DIVIDE, HOLD_OUT, WITHHOLD = range(3)


@dataclass(frozen=True)
class SetSpec:
    """What `NAME=DIR` or `NAME=DIR:COLUMN=VALUE+VALUE` says: all clips of a data set, or the forged ones with
    one of the values and a share of the genuine ones."""

    name: str
    data: Path
    column: str | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetOptions:
    """How sets of one data folder share its clips.

    identity: the column that names the person
    share_genuine: whether each of them has all genuine clips; otherwise no person's are in two sets
    same_identity: names of the sets that are made of the people of other sets' training
    seed: of the draws
    """

    identity: str = "identity"
    share_genuine: bool = False
    same_identity: tuple[str, ...] = ()
    seed: int = 1


@dataclass(frozen=True)
class ClipSet:
    """spec: where it comes from; clips: as of `read_clips`, with unique names over all sets; "split" is the
    part."""

    spec: SetSpec
    clips: pd.DataFrame = field(repr=False)

    @property
    def name(self) -> str:
        return self.spec.name

    def part(self, split: str) -> pd.DataFrame:
        """The clips of a part. Raises InputError if it lacks genuine or forged clips."""
        part = self.clips[self.clips["split"] == split]
        forged = int(part["target"].sum())
        if not 0 < forged < len(part):
            raise InputError(
                f"set {self.name}: its part {split} has {len(part) - forged} genuine and {forged} forged "
                "clips; wanted both classes"
            )
        return part

    def can_train(self) -> bool:
        """Whether its parts train and validation have both classes."""
        parts = (self.clips.loc[self.clips["split"] == split, "target"] for split in SPLITS[:2])
        return all(part.nunique() == 2 for part in parts)


def parse_spec(text: str) -> SetSpec:
    """The set that `text` describes. Raises InputError with the form that is wanted."""
    wanted = "wanted NAME=DIR or NAME=DIR:COLUMN=VALUE+VALUE"
    found = _SPEC.fullmatch(text)
    if found is None:
        raise InputError(f"--set-of {text}: {wanted}, with a NAME of letters, digits, '_' and '-'")
    values = tuple((found["values"] or "").split("+")) if found["column"] else ()
    if "" in values or len(set(values)) < len(values):
        raise InputError(f"--set-of {text}: a value is empty or given twice; {wanted}")
    return SetSpec(found["name"], Path(found["data"]), found["column"], values)


def read_sets(specs: Sequence[SetSpec], options: SetOptions) -> dict[str, ClipSet]:
    """The sets by name, in the order of `specs`.

    A part validation or test whose label file a folder lacks is made of `HELD_OUT` of the training
    identities. Sets of one folder divide its genuine clips by identity, unless they share them. If there are
    several folders, a clip's name begins with the name of its folder's first set.

    Raises InputError for a name given twice, a column or value that the folder does not have, a forged clip
    in two sets, and as `read_clips`.
    """
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise InputError(f"--set-of: {first_few([n for n in names if names.count(n) > 1])} is given twice")
    if unknown := [name for name in options.same_identity if name not in names]:
        raise InputError(f"--same-identity {unknown[0]}: no such set; wanted one of {', '.join(names)}")
    folders = list(dict.fromkeys(spec.data for spec in specs))
    sets: dict[str, ClipSet] = {}
    for folder in folders:
        own = [spec for spec in specs if spec.data == folder]
        for spec, clips in _of_folder(folder, own, options).items():
            prefix = f"{own[0].name}-" if len(folders) > 1 else ""
            sets[spec.name] = ClipSet(spec, clips.assign(video_name=prefix + clips["video_name"]))
    return {name: sets[name] for name in names}


def _of_folder(data: Path, specs: Sequence[SetSpec], options: SetOptions) -> dict[SetSpec, pd.DataFrame]:
    labelled = [split for split in SPLITS if (data / f"{split}_labels.csv").exists() or split == "train"]
    clips = read_clips(data, labelled)
    for number, split in enumerate(SPLITS):
        if split not in labelled:
            _require_identity(clips, options, data, f"a part {split} without labels is held out by it")
            clips = _held_out(clips, split, options, number)
    forged = {spec: clips[(clips["target"] == 1) & _chosen(clips, spec)] for spec in specs}
    counted = pd.concat(list(forged.values()))["video_name"]
    if twice := counted[counted.duplicated()].tolist():
        raise InputError(
            f"{data}: {len(twice)} forged clips are in two sets: {first_few(twice)}; wanted each in one"
        )
    genuine = clips[clips["target"] == 0]
    same = [spec for spec in specs if spec.name in options.same_identity]
    withheld = genuine.iloc[:0]
    if same:
        _require_identity(clips, options, data, "--same-identity compares it")
        withheld = _withheld(genuine, options)
        genuine = genuine.drop(withheld.index)
    others = [spec for spec in specs if spec not in same]
    if len(others) > 1 and not options.share_genuine:
        _require_identity(clips, options, data, "genuine clips are divided by it; or give --share-genuine")
        shares = _divided(genuine, {spec: forged[spec] for spec in others}, options)
    else:
        shares = dict.fromkeys(others, genuine)
    sets = {spec: pd.concat([forged[spec], shares[spec]]).sort_index() for spec in others}
    for spec in same:
        clips_of = pd.concat([forged[spec], withheld]).sort_index()
        sets[spec] = clips_of[clips_of["split"] == "train"].assign(split="test")
    identity = clips[options.identity] if options.identity in clips else clips["video_name"]
    return {
        spec: part.assign(identity=identity.loc[part.index]).reset_index(drop=True)
        for spec, part in sets.items()
    }


def _require_identity(clips: pd.DataFrame, options: SetOptions, data: Path, why: str) -> None:
    if options.identity not in clips:
        require = "name the column with --identity (video_name: each clip is a person of its own)"
        raise InputError(f"{data}: has no column '{options.identity}', and {why}; {require}")


def _chosen(clips: pd.DataFrame, spec: SetSpec) -> pd.Series:
    """Whether each clip has one of the values."""
    if spec.column is None:
        return pd.Series(True, index=clips.index)
    require_column(clips, spec.column, spec.data)
    known = set(clips.loc[clips["target"] == 1, spec.column])
    if unknown := [value for value in spec.values if value not in known]:
        raise InputError(
            f"set {spec.name}: no forged clip of {spec.data} has {spec.column}={unknown[0]}; there are "
            f"{', '.join(sorted(known))}"
        )
    return clips[spec.column].isin(spec.values)


def _held_out(clips: pd.DataFrame, split: str, options: SetOptions, number: int) -> pd.DataFrame:
    people = sorted(set(clips.loc[clips["split"] == "train", options.identity]))
    order = np.random.default_rng([options.seed, HOLD_OUT, number]).permutation(len(people))
    held = {people[index] for index in order[: max(1, round(HELD_OUT * len(people)))]}
    moved = (clips["split"] == "train") & clips[options.identity].isin(held)
    return clips.assign(split=clips["split"].mask(moved, split))


def _withheld(genuine: pd.DataFrame, options: SetOptions) -> pd.DataFrame:
    """One genuine training clip of each person who has two or more."""
    rng = np.random.default_rng([options.seed, WITHHOLD])
    train = genuine[genuine["split"] == "train"]
    groups = [group for _, group in train.groupby(options.identity) if len(group) > 1]
    return train.loc[[group.index[rng.integers(len(group))] for group in groups]]


def _divided(
    genuine: pd.DataFrame, forged: Mapping[SetSpec, pd.DataFrame], options: SetOptions
) -> dict[SetSpec, pd.DataFrame]:
    """Genuine clips of each set: those of its own people, about as many for each set that has forged clips in
    the same part."""
    rng = np.random.default_rng([options.seed, DIVIDE])
    owner: dict[str, int] = {}
    for split in SPLITS:
        clips = genuine[genuine["split"] == split]
        sizes = {str(person): len(group) for person, group in clips.groupby(options.identity)}
        totals = np.array([0.0 if (part["split"] == split).any() else np.inf for part in forged.values()])
        if np.isinf(totals).all():
            totals[:] = 0
        for person in sizes.keys() & owner.keys():
            totals[owner[person]] += sizes[person]
        people = sorted(sizes.keys() - owner.keys())
        for index in rng.permutation(len(people)):
            owner[people[index]] = int(np.argmin(totals))
            totals[owner[people[index]]] += sizes[people[index]]
    owners = genuine[options.identity].map(owner)
    return {spec: genuine[owners == number] for number, spec in enumerate(forged)}
