"""Label file and score files joined by video name: the clips of an evaluation, and each model's scores of
them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from telltale.data.manifest import read_labels
from telltale.errors import InputError
from telltale.metrics.rates import Floats
from telltale.scores.score import Score, first_few, repeated, status_counts
from telltale.scores.table import read_scores


@dataclass(frozen=True)
class ScoredClips:
    """N clips that all of M models scored. Rows are in the label file's order, indexed by video name.

    label_file: the label file's name, without its folder.
    score_files: model → its score file's name, without its folder.
    targets: (N,) int64, 0 genuine or 1 forged.
    probabilities: (N, M) float64 fake probabilities, a column for each model.
    statuses: (N, M) text, the statuses in each score file; no columns if the files have none.
    n_left_out: how many clips of the label file are not among the N because a model did not score them.
    """

    label_file: str
    score_files: Mapping[str, str]
    targets: pd.Series
    probabilities: pd.DataFrame
    statuses: pd.DataFrame
    n_left_out: int = 0

    @property
    def models(self) -> list[str]:
        return list(self.score_files)

    @property
    def n_forged(self) -> int:
        return int(self.targets.sum())

    @property
    def n_genuine(self) -> int:
        return len(self.targets) - self.n_forged

    def scores_of(self, model: str) -> Floats:
        """(N,) float64 fake probabilities of one model."""
        return self.probabilities[model].to_numpy()


def of_labels(
    labels_path: Path, scores_paths: Sequence[Path], *, scored_only: bool, score_column: str | None = None
) -> ScoredClips:
    """Join score files with a label file, by name. With `scored_only`, clips that one file did not score are
    left out for all.

    score_column: as `scores.read_scores` takes it.

    Raises InputError for labelled names without a row, rows without a label, a score file given twice and,
    unless `scored_only`, rows without a score.
    """
    targets = read_labels(labels_path)
    labels = pd.DataFrame({"video_name": list(targets), "target": list(targets.values())})
    models = distinct_names(scores_paths)
    scores = [read_scores(path, score_column) for path in scores_paths]
    joined = [
        _joined(labels_path, labels, path, rows) for path, rows in zip(scores_paths, scores, strict=True)
    ]
    if not scored_only:
        for path, rows in zip(scores_paths, scores, strict=True):
            _demand_scores(path, rows)
    # An array of object dtype as index: names compare as Python's strings do, whatever type pandas prefers.
    index = pd.Index(labels["video_name"].to_numpy(dtype=object), name="video_name")
    columns = {
        column: pd.DataFrame(
            {model: rows[column].to_numpy() for model, rows in zip(models, joined, strict=True)}, index=index
        )
        for column in ("fake_probability", "status")
    }
    kept = columns["fake_probability"].notna().all(axis="columns")
    return ScoredClips(
        label_file=labels_path.name,
        score_files={model: path.name for model, path in zip(models, scores_paths, strict=True)},
        targets=pd.Series(labels["target"].to_numpy(dtype=np.int64), index=index)[kept],
        probabilities=columns["fake_probability"][kept],
        statuses=columns["status"][kept],
        n_left_out=int((~kept).sum()),
    )


def _joined(
    labels_path: Path, labels: pd.DataFrame, scores_path: Path, scores: Mapping[str, Score]
) -> pd.DataFrame:
    """The rows of one score file in the order of the labels: video_name, target, fake_probability (NaN if not
    scored), status."""
    rows = pd.DataFrame(
        {
            "video_name": list(scores),
            "fake_probability": np.array([each.fake_probability for each in scores.values()], np.float64),
            "status": [each.status for each in scores.values()],
        }
    )
    # Both readers refuse a name that is listed twice; `validate` keeps that true if one of them changes.
    joined = labels.merge(rows, on="video_name", how="left", validate="one_to_one", indicator=True)
    missing = joined.loc[joined["_merge"] == "left_only", "video_name"].tolist()
    if missing:
        raise InputError(
            f"{scores_path}: {len(missing)} of the {len(labels)} videos of {labels_path} have no row: "
            f"{first_few(missing)}; wanted one row for each, score the missing ones or give the label file "
            "that belongs to these scores"
        )
    extra = rows.loc[~rows["video_name"].isin(labels["video_name"]), "video_name"].tolist()
    if extra:
        raise InputError(
            f"{scores_path}: {len(extra)} of {len(rows)} rows are not in {labels_path}: "
            f"{first_few(extra)}; wanted one row for each label, give the label file that belongs to these "
            "scores"
        )
    return joined.drop(columns="_merge")


def _demand_scores(path: Path, scores: Mapping[str, Score]) -> None:
    unscored = [name for name, score in scores.items() if score.fake_probability is None]
    if unscored:
        raise InputError(
            f"{path}: no fake probability in {len(unscored)} of {len(scores)} rows "
            f"({status_counts(scores.values())}): {first_few(unscored)}; evaluate submission.csv, where they "
            "carry the fallback, or pass --scored-only to leave them out"
        )


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: the fewest last parts that tell them apart, without the last parts that all
    share.

    runs/a/scores.csv and runs/b/scores.csv are "a" and "b"; one path alone is its file's name. Raises
    InputError for no path, and for one given twice.
    """
    if not paths:
        raise InputError("no score files; wanted one or more")
    parts = [Path(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100 - a link keeps the name it was given by
    if twice := repeated(str(Path(*each)) for each in parts):
        raise InputError(f"score file given twice: {first_few(twice)}; wanted each once")
    if len(paths) == 1:
        return [paths[0].name]
    length = 1
    while len({each[-length:] for each in parts}) < len(parts):
        length += 1
    ends = [each[-length:] for each in parts]
    while len({end[-1] for end in ends}) == 1:  # they differ somewhere, so something is left
        ends = [end[:-1] for end in ends]
    return ["/".join(end) for end in ends]
