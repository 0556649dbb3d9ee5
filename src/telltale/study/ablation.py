"""What each ingredient of a configuration is worth: each is taken out in turn, over seeds.

    spec = AblationSpec(unseen, {"full": settings, "pairs": without_pairs}, column="kind")
    scores = execute(study, tasks(spec), watch)

Each variant is trained alike, and scores seen clips and unseen ones. If the test split has methods that
training and validation have not, they are the unseen ones, and the rest of the test split is seen. Otherwise
folds hold kinds of forgery out of training, and the validation split is seen.
"""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from telltale import config
from telltale.data.columns import METHOD
from telltale.data.manifest import Manifest, Row
from telltale.errors import InputError
from telltale.study import unseen
from telltale.study.clips import manifest_of, read_clips, require_column, rows_of
from telltale.study.estimate import never_seen
from telltale.study.task import Task
from telltale.study.unseen import UNSEEN, VALIDATION, Division, UnseenSpec, plain_settings

SEEN = "seen"
NEW = "new"  # stands for a fold's name if the test split has new methods


@dataclass(frozen=True)
class AblationSpec:
    """What an ablation is made of.

    variants: name → settings, "full" first
    data: folder in the competition's layout
    seeds: of the runs
    column: of the label files or meta.csv, which names the methods of which the test split has new ones; None
        if folds are used
    division: into folds; None if `column` is used
    pool, only: as of `UnseenSpec`; with `column`, nothing is pooled
    """

    variants: Mapping[str, config.Config]
    data: Path
    seeds: tuple[int, ...] = (1, 2, 3)
    column: str | None = None
    division: Division | None = None
    pool: bool = False
    only: tuple[str, str] | None = None

    @cached_property
    def folds(self) -> UnseenSpec:
        """The study of unseen kinds that is made if folds are used."""
        assert self.division is not None
        return UnseenSpec(
            self.data, dict(self.variants), self.division, self.seeds, pool=self.pool, only=self.only
        )

    @cached_property
    def clips(self) -> pd.DataFrame:
        """All clips that are used. Raises InputError."""
        return self.folds.clips if self.column is None else labelled(self.data, self.column, self.only)

    @cached_property
    def tested(self) -> dict[str, tuple[Row, ...]]:
        """The seen and the unseen clips, if `column` is used. The validation split is seen if the test split
        has no forged clip of a seen method."""
        assert self.column is not None
        unseen_clips = never_seen(self.clips, self.column)
        test = self.clips[self.clips["split"] == "test"]
        seen = test[(test["target"] == 0) | ~test["video_name"].isin(unseen_clips["video_name"])]
        if seen["target"].nunique() < 2:
            seen = self.clips[self.clips["split"] == "validation"]
        return {UNSEEN: rows_of(unseen_clips), SEEN: rows_of(seen)}


def labelled(data: Path, column: str, only: tuple[str, str] | None) -> pd.DataFrame:
    """The clips of all three splits, those with one value of a column if `only` says so. Raises
    InputError."""
    clips = read_clips(data)
    for each in (column, *(only or ())[:1]):
        require_column(clips, each, data)
    return clips if only is None else clips[clips[only[0]] == only[1]].reset_index(drop=True)


def has_new_methods(data: Path, column: str, only: tuple[str, str] | None) -> bool:
    """Whether the test split has genuine clips, and forged ones of methods that training and validation have
    not."""
    if not (data / "test_labels.csv").exists():
        return False
    try:
        clips = labelled(data, column, only)
    except InputError:  # such as for a column that only folds by clusters can do without
        return False
    return never_seen(clips, column)["target"].nunique() == 2


def unseen_by(args: Namespace) -> tuple[str | None, Division | None]:
    """What the unseen clips are by a command line: the column of methods of which the test split has new
    ones, or the division into folds. Without --by it is the former where there are such methods.

    Raises InputError for options that do not go together.
    """
    column = args.column or METHOD
    demanded = args.by is not None or args.clusters is not None or args.folds or args.pool
    if not demanded and has_new_methods(args.data, column, unseen.only(args.where, "--where")):
        return column, None
    args.by = args.by or ("methods" if args.clusters is None else "clusters")
    return None, unseen.division(args)


def tasks(spec: AblationSpec) -> list[Task]:
    """A run for each variant, fold and seed, named VARIANT/FOLD/seedN; the fold's name is "new" if the test
    split has new methods. Each scores the sets "seen" and "unseen"."""
    if spec.column is None:
        return [_named_seen(task) for task in unseen.tasks(spec.folds)]
    return [
        Task(
            f"{name}/{NEW}/seed{seed}",
            plain_settings(settings, seed),
            spec.data,
            _manifest(spec, "train", settings),
            _manifest(spec, "validation", settings),
            spec.tested,
        )
        for name, settings in spec.variants.items()
        for seed in spec.seeds
    ]


def _manifest(spec: AblationSpec, split: str, settings: config.Config) -> Manifest:
    """A split, with the kinds of forgery if the column that train.py would read is there."""
    method = settings.data.method_column or METHOD
    clips = spec.clips[spec.clips["split"] == split]
    return manifest_of(clips, split, method if method in clips else None)


def _named_seen(task: Task) -> Task:
    return replace(task, scored={UNSEEN: task.scored[UNSEEN], SEEN: task.scored[VALIDATION]})
