"""Which names of forgeries teach a detector to tell kinds apart that it has never seen: `telltale study
cluster-labels`.

The experiment of document 001. Some kinds are held out of training and of the clusters. The others are
labelled in four ways, and the same detector learns to tell the labels apart by a further head
(`objective.method_weight`):

    none     all forgeries are one class: no further head
    cluster  k-means of the features that the run without labels gives
    name     the names of `name_column`, such as families
    kind     every kind by itself

Then the held-out kinds are looked at in the features of each: the index of Calinski and Harabasz of their
clips, by kind, after PCA to 64 dimensions. A higher one says that kinds lie closer together and farther from
each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale import config
from telltale.errors import InputError
from telltale.predict.features import features
from telltale.report import cluster_figures
from telltale.report.page import Page
from telltale.runtime.signals import SignalWatch
from telltale.scores.score import first_few
from telltale.study.clips import manifest_of, read_clips, require_column, rows_of
from telltale.study.clustering import fit, quality, reduce
from telltale.study.folder import StudyFolder
from telltale.study.runs import Execution, announce, execute
from telltale.study.task import RUNS, WEIGHTS, Task

DIMENSIONS = 64
HELD_OUT_SHARE = 4  # a quarter of the kinds, if none of them is absent from training
HOLDING = 3  # purpose, in the seeds
LABEL = "label"


@dataclass(frozen=True)
class LabelOptions:
    """What is compared.

    settings: of the detector; its `objective.method_weight` is that of the further head
    data, out: the data set; the study's folder
    kind_column: of the label files or meta.csv, the kind of each forged clip
    name_column: coarser names of the same, None for none
    hold_out: kinds; (): those that the training split lacks, or a drawn quarter
    seeds: of the runs
    splits: whose clips of held-out kinds are looked at
    store, jobs: as of `Execution`
    """

    settings: config.Config
    data: Path
    out: Path
    kind_column: str
    name_column: str | None = None
    hold_out: Sequence[str] = ()
    seeds: Sequence[int] = (1, 2, 3)
    splits: Sequence[str] = ("train", "validation", "test")
    store: Path | None = None
    jobs: int = 1

    @property
    def execution(self) -> Execution:
        return Execution(self.store, self.jobs, keep_weights=True)


def compare(options: LabelOptions, watch: SignalWatch) -> pd.DataFrame:
    """Train, look, and write runs.csv, labels.csv, a figure and index.html; the rows of labels.csv.

    Raises InputError for a detector that takes no further head, unknown columns and kinds, and fewer than two
    held-out kinds; Stopped after a signal.
    """
    settings = options.settings
    if not settings.objective.method_weight:
        raise InputError(
            "objective.method_weight is 0, so no labels would be learnt; wanted --set "
            "objective.method_weight=1, or another weight"
        )
    clips = read_clips(options.data, list(dict.fromkeys(("train", "validation", *options.splits))))
    for column in (options.kind_column, options.name_column):
        if column is not None:
            require_column(clips, column, options.data)
    held = held_out(clips, options)
    asked = {"config": settings.model_dump(mode="json"), "data": str(options.data), "held_out": held}
    columns = {"kind_column": options.kind_column, "name_column": options.name_column}
    about = {**asked, **columns, "seeds": list(options.seeds), "splits": list(options.splits)}
    study = StudyFolder(options.out, "cluster-labels", about)
    away = (clips["target"] == 1) & clips[options.kind_column].isin(held)
    seen, unseen = clips[~away], clips[away & clips["split"].isin(options.splits)]
    if not (study.path / RUNS).exists():
        ways = ("none", "cluster", "kind", *(["name"] if options.name_column else []))
        plain = seen.assign(**{LABEL: ""})
        all_tasks = [_task(options, plain, way, seed) for way in ways for seed in options.seeds]
        announce(study, all_tasks, options.execution)
    rows = [row for seed in options.seeds for row in _of_seed(study, options, seen, unseen, seed, watch)]
    table = pd.DataFrame(rows)
    study.table("runs", table)
    return _write(study, options, table, held, len(unseen))


def held_out(clips: pd.DataFrame, options: LabelOptions) -> list[str]:
    """The kinds that no run sees, sorted. Raises InputError as `compare` does."""
    forged = clips[(clips["target"] == 1) & (clips[options.kind_column] != "")]
    known = sorted(forged[options.kind_column].unique())
    trained = set(forged[forged["split"] == "train"][options.kind_column])
    if unknown := sorted(set(options.hold_out) - set(known)):
        raise InputError(
            f"--hold-out: no forged clip is of kind {first_few(unknown)}; wanted some of {', '.join(known)}"
        )
    held = sorted(options.hold_out) or [kind for kind in known if kind not in trained]
    if not options.hold_out and len(held) < 2:
        rng = np.random.default_rng([options.settings.seed, HOLDING])
        held = sorted(rng.choice(known, max(2, len(known) // HELD_OUT_SHARE), replace=False).tolist())
    if len(held) < 2 or len(trained - set(held)) < 2:
        raise InputError(
            f"{options.data}: column {options.kind_column} has the kinds {', '.join(known)}; wanted two or "
            f"more to train on and two or more held out, not {', '.join(held) or 'none'}"
        )
    return held


def _of_seed(
    study: StudyFolder,
    options: LabelOptions,
    seen: pd.DataFrame,
    unseen: pd.DataFrame,
    seed: int,
    watch: SignalWatch,
) -> list[dict[str, Any]]:
    """The rows of one seed: first the run without labels, then the labels that its features give."""
    base = _task(options, seen.assign(**{LABEL: ""}), "none", seed)
    execute(study, [base], watch, options.execution)
    rows = [_row(study, options, base, unseen, watch)]
    forged = seen[(seen["target"] == 1) & (seen["split"] == "train")]
    count = forged[options.name_column or options.kind_column].nunique()
    path = base.folder(study.path) / "best.pt"

    def made() -> dict[str, int]:
        found = features(rows_of(forged), path, watch, store=options.store)
        points = reduce(found.values, DIMENSIONS, seed).points
        return dict(zip(found.names, fit(points, count, seed).labels.tolist(), strict=True))

    clusters = study.step(f"clusters-seed{seed}", made)
    numbers = {name: str(number) for name, number in clusters.items()}
    ways = {"cluster": seen["video_name"].map(numbers).fillna("")}
    columns = {"name": options.name_column, "kind": options.kind_column}
    ways |= {way: seen[column] for way, column in columns.items() if column is not None}
    tasks = [_task(options, seen.assign(**{LABEL: labels}), way, seed) for way, labels in ways.items()]
    execute(study, tasks, watch, options.execution)
    rows += [_row(study, options, task, unseen, watch) for task in tasks]
    for task in (base, *tasks):
        for name in WEIGHTS:
            (task.folder(study.path) / name).unlink(missing_ok=True)
    return rows


def _task(options: LabelOptions, clips: pd.DataFrame, way: str, seed: int) -> Task:
    weight = 0.0 if way == "none" else options.settings.objective.method_weight
    objective = options.settings.objective.model_copy(update={"method_weight": weight})
    settings = options.settings.model_copy(update={"seed": seed, "objective": objective})
    parts = [
        manifest_of(clips[clips["split"] == split], split, None if way == "none" else LABEL)
        for split in ("train", "validation")
    ]
    return Task(
        f"{way}-seed{seed}", settings, options.data, parts[0], parts[1], {"validation": parts[1].rows}
    )


def _row(
    study: StudyFolder, options: LabelOptions, task: Task, unseen: pd.DataFrame, watch: SignalWatch
) -> dict[str, Any]:
    """The index of the held-out kinds in the features of one trained run."""
    seed = task.settings.seed

    def made() -> dict[str, Any]:
        path = task.folder(study.path) / "best.pt"
        found = features(rows_of(unseen), path, watch, store=options.store)
        kinds = unseen.set_index("video_name")[options.kind_column].loc[list(found.names)]
        space = reduce(found.values, DIMENSIONS, seed)
        read = {"clips": len(found.names), "dimensions": space.points.shape[1]}
        return {**read, **quality(space.points, kinds.to_numpy(), seed)}

    labels = sorted({row.method for row in task.train.rows if row.target == 1 and row.method})
    way = task.name.removesuffix(f"-seed{seed}")
    begin = {"labels": way, "seed": seed, "classes": max(len(labels), 1)}
    return {**begin, **study.step(f"held-out-{task.name}", made, of=task.fingerprint)}


def _write(
    study: StudyFolder, options: LabelOptions, runs: pd.DataFrame, held: Sequence[str], count: int
) -> pd.DataFrame:
    grouped = runs.groupby("labels", sort=False)
    table = grouped.agg(
        classes=("classes", "first"),
        runs=("seed", "size"),
        calinski_harabasz=("calinski_harabasz", "mean"),
        least=("calinski_harabasz", "min"),
        most=("calinski_harabasz", "max"),
        silhouette=("silhouette", "mean"),
    ).reset_index()
    study.table("labels", table)
    values = {way: part["calinski_harabasz"].tolist() for way, part in grouped}
    cluster_figures.by_labels(values, study.path / "labels.png")
    page = Page("Labels of forgeries, by kinds held out")
    page.text(
        f"{options.settings.model.name} was trained {len(options.seeds)} times with each way to label forged "
        f"clips. The kinds {', '.join(held)} were in no run and no cluster. The index is that of their "
        f"{count} clips, labelled by kind, in {DIMENSIONS} principal components of the features."
    )
    page.table(table, "Table 1. Calinski-Harabasz index of held-out kinds: mean, least and most over seeds.")
    page.figure("labels.png", "Figure 1. The index of each run (runs.csv); higher is better.")
    page.write(study.path / "index.html")
    return table
