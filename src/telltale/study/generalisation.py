"""How well detectors that were trained on some sets of clips do on others, before and after they are
fine-tuned on a few clips of these.

    design = Design({"meso4": settings}, train=("swap", "mouth"), seeds=(1, 2), shots=(8, 32))
    cells = plan(design, sets)                      # Cell → Task
    results = measure(cells, execute(study, list(cells.values()), watch), design, sets)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from telltale import config
from telltale.data.manifest import Manifest
from telltale.errors import InputError
from telltale.metrics.delong import interval
from telltale.metrics.rates import check
from telltale.study.clips import manifest_of, rows_of
from telltale.study.degradation import SAME_IDENTITY, SAME_METHOD, TRAINED, UNSEEN, detector_name
from telltale.study.sets import ClipSet
from telltale.study.task import Task

TRANSFER, MERGE = "transfer", "merge"
TRAINED_LAYERS = {TRANSFER: "last", MERGE: "all"}
COMBINATIONS = ("singles", "pairs", "all")
EXAMPLES = 7  # purpose of random draws


@dataclass(frozen=True)
class Design:
    """What a study of generalisation trains and tests.

    configs: name → settings
    train: names of the sets that are trained on
    combinations: "singles", each of them; "pairs", and each two of them; "all", every combination
    seeds: of training
    same_method, same_identity: names of the controls
    transfer, merge: clips of the old and as many of the new sets that fine-tuning of either kind takes, each
    tune: KEY=VALUE of the fine-tuning's settings
    """

    configs: Mapping[str, config.Config]
    train: tuple[str, ...]
    combinations: str = "singles"
    seeds: tuple[int, ...] = (1,)
    same_method: tuple[str, ...] = ()
    same_identity: tuple[str, ...] = ()
    transfer: tuple[int, ...] = ()
    merge: tuple[int, ...] = ()
    tune: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One detector: what it was trained on, and how many clips of new sets it was tuned on; tuning is "" and
    examples 0 if it was not."""

    config: str
    sets: tuple[str, ...]
    seed: int
    tuning: str = ""
    examples: int = 0

    @property
    def trained_on(self) -> str:
        return "+".join(self.sets)

    @property
    def task_name(self) -> str:
        tuning = f"-{self.tuning}{self.examples}" if self.examples else ""
        return f"{self.config}-{self.trained_on}{tuning}-seed{self.seed}"


def plan(design: Design, sets: Mapping[str, ClipSet]) -> dict[Cell, Task]:
    """All runs of the study, each before those that start from it. Raises InputError if a set lacks clips."""
    cells: dict[Cell, Task] = {}
    for name, settings in design.configs.items():
        for chosen in _combinations(design):
            for seed in design.seeds:
                seeded = config.override(settings, [f"seed={seed}"])
                cell = Cell(name, chosen, seed)
                cells[cell] = base = _base(cell, seeded, design, sets)
                for tuned in _tunings(cell, design):
                    cells[tuned] = _tuned(tuned, base, design, sets)
    return cells


def _combinations(design: Design) -> Iterator[tuple[str, ...]]:
    most = {"singles": 1, "pairs": 2, "all": len(design.train)}[design.combinations]
    for size in range(1, min(most, len(design.train)) + 1):
        yield from combinations(design.train, size)


def _tunings(cell: Cell, design: Design) -> Iterator[Cell]:
    if new_sets(cell.sets, design):
        for tuning, counts in ((TRANSFER, design.transfer), (MERGE, design.merge)):
            for count in counts:
                yield replace(cell, tuning=tuning, examples=count)


def new_sets(trained: Sequence[str], design: Design) -> list[str]:
    """The sets of which fine-tuning takes examples: those that training could have had too."""
    return [name for name in design.train if name not in trained]


def _base(cell: Cell, settings: config.Config, design: Design, sets: Mapping[str, ClipSet]) -> Task:
    train, validation = (
        _joined([sets[name].part(split) for name in cell.sets]) for split in ("train", "validation")
    )
    scored = {
        name: rows_of(clips)
        for name in sets
        if (clips := _tested(sets[name], train, design, sets, cell.sets)) is not None
    }
    data = sets[cell.sets[0]].spec.data
    manifests = _manifests(train, validation, settings, sets)
    return Task(cell.task_name, settings, data, *manifests, scored)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The clips of several sets, those that they share once."""
    return pd.concat(parts, ignore_index=True).fillna("").drop_duplicates("video_name", ignore_index=True)


def _tested(
    tested: ClipSet, train: pd.DataFrame, design: Design, sets: Mapping[str, ClipSet], trained: Sequence[str]
) -> pd.DataFrame | None:
    """The clips of a set that a detector is tested on; None for a control that does not fit its training."""
    part = tested.part("test")
    if tested.name in design.same_method:
        kinds = {value for name in trained for value in sets[name].spec.values}
        every = any(sets[name].spec.column is None for name in trained)
        return part if every or set(tested.spec.values) <= kinds else None
    if tested.name in design.same_identity:
        part = part[part["identity"].isin(train["identity"])]
        return part if part["target"].nunique() == 2 else None
    return part


def _manifests(
    train: pd.DataFrame, validation: pd.DataFrame, settings: config.Config, sets: Mapping[str, ClipSet]
) -> tuple[Manifest, Manifest]:
    """With the kinds of forgery, if a column names them."""
    columns = [settings.data.method_column, "method", *(each.spec.column for each in sets.values())]
    method = next((name for name in columns if name in train), None)
    return manifest_of(train, "train", method), manifest_of(validation, "validation", method)


def _tuned(cell: Cell, base: Task, design: Design, sets: Mapping[str, ClipSet]) -> Task:
    old = examples([sets[name] for name in cell.sets], cell.examples, cell.seed)
    new = examples([sets[name] for name in new_sets(cell.sets, design)], cell.examples, cell.seed)
    clips = _joined([old, new])
    overrides = [
        f"optim.epochs={max(1, base.settings.optim.epochs // 2)}",
        f"optim.trained={TRAINED_LAYERS[cell.tuning]}",
        # Its weights come from other data than its own: no run of the competition.
        "rules.competition=false",
        *design.tune,
    ]
    settings = config.override(base.settings, overrides)
    # No further clip of the new sets is used: the epoch is chosen on the examples themselves.
    manifests = _manifests(clips, clips, settings, sets)
    return Task(cell.task_name, settings, base.data, *manifests, base.scored, start=base)


def examples(sets: Sequence[ClipSet], count: int, seed: int) -> pd.DataFrame:
    """The first `count` training clips of an order that the seed draws: forged and genuine clips, and sets,
    take turns. So fewer examples are a part of more.

    Raises InputError if there are not as many.
    """
    queues: list[list[int]] = []
    clips = pd.concat([each.part("train") for each in sets], ignore_index=True)
    first = 0
    for number, each in enumerate(sets):
        targets = each.part("train")["target"].to_numpy()
        rng = np.random.default_rng([seed, EXAMPLES, number])
        queues += [
            [first + int(row) for row in rng.permutation(np.flatnonzero(targets == t))] for t in (1, 0)
        ]
        first += len(targets)
    order = [row for turn in zip_longest(*queues) for row in turn if row is not None]
    drawn = clips.loc[order].drop_duplicates("video_name")
    if len(drawn) < count:
        names = ", ".join(each.name for each in sets)
        raise InputError(f"{count} examples of {names}: there are {len(drawn)} training clips; wanted fewer")
    return drawn.iloc[:count]


def measure(
    cells: Mapping[Cell, Task], scores: pd.DataFrame, design: Design, names: Sequence[str]
) -> pd.DataFrame:
    """One row for each detector and set: accuracy in percent, AUC, with the AUC's 95 %
    interval by DeLong, the set's role, and how many of its clips have no score.

    scores: as of `execute`. Accuracy is the mean of the share of forged clips at 0.5 or more and of genuine
    clips below, so that both classes count one half. Clips without a score are left out. Raises InputError
    if no clip of a class has one.
    """
    by_task = dict(list(scores.groupby("task", sort=False)))
    rows = []
    for cell in cells:
        parts = dict(list(by_task[cell.task_name].groupby("set", sort=False)))
        for name in (name for name in names if name in parts):
            part = parts[name]
            scored = part.dropna(subset="fake_probability")
            targets, probabilities = check(scored["target"], scored["fake_probability"])
            right = (probabilities >= 0.5) == targets
            auc = interval(targets, probabilities)
            rows.append(
                {
                    "detector": detector_name(cell.config, cell.trained_on, cell.tuning, cell.examples),
                    **{"config": cell.config, "trained_on": cell.trained_on},
                    **{"tuning": cell.tuning, "examples": cell.examples, "seed": cell.seed},
                    **{"set": name, "role": role(name, cell.sets, design)},
                    "new": name in new_sets(cell.sets, design),
                    "clips": len(part),
                    "unscored": len(part) - len(scored),
                    "accuracy": 100 * float(right[targets == 1].mean() + right[targets == 0].mean()) / 2,
                    **{"auc": auc["value"], "auc_low": auc["low"], "auc_high": auc["high"]},
                }
            )
    return pd.DataFrame(rows)


def role(name: str, trained: Sequence[str], design: Design) -> str:
    """What a set is to a detector that was trained on the sets `trained`."""
    controls = {SAME_METHOD: design.same_method, SAME_IDENTITY: design.same_identity}
    return next((kind for kind, of in controls.items() if name in of), TRAINED if name in trained else UNSEEN)


def few_shot(results: pd.DataFrame) -> pd.DataFrame:
    """AUC on the new and on the old sets against the number of new examples: for each configuration, training
    and kind of tuning, the means over seeds and sets, and the standard deviations over seeds."""
    rows = []
    tuned = results[results["examples"] > 0]
    for (name, trained, tuning), part in tuned.groupby(["config", "trained_on", "tuning"], sort=False):
        own = results[(results["config"] == name) & (results["trained_on"] == trained)]
        whole = pd.concat([own[own["examples"] == 0], part])
        for count, at in whole.groupby("examples"):
            new, old = (
                at[chosen].groupby("seed")["auc"].mean() for chosen in (at["new"], at["role"] == TRAINED)
            )
            key = {"config": name, "trained_on": trained, "tuning": tuning, "examples": count}
            spread = {"new_sd": new.std(ddof=1), "old_sd": old.std(ddof=1)}
            rows.append({**key, "new_auc": new.mean(), "old_auc": old.mean(), **spread})
    return pd.DataFrame(rows)


def read_configs(paths: Sequence[Path], overrides: list[str]) -> dict[str, config.Config]:
    """Configurations by the names of their files. Raises InputError if two have one name."""
    found: dict[str, config.Config] = {}
    for path in paths:
        if path.stem in found:
            raise InputError(f"--config {path}: another is called {path.stem} too; wanted a name for each")
        settings = config.read(path, overrides)
        if settings.folds.by != "none":
            raise InputError(
                f"--config {path}: folds.by={settings.folds.by}; wanted none: the sets say what is unseen"
            )
        found[path.stem] = settings
    return found
