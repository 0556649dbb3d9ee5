"""Groups of clips: by a column of a CSV file or by status, and the AUC and rates of each group."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from telltale.errors import InputError
from telltale.evaluate.options import Options
from telltale.evaluate.scored_clips import ScoredClips
from telltale.files import read_table
from telltale.metrics.resampling import group_aucs
from telltale.scores.score import first_few


@dataclass(frozen=True)
class Grouping:
    """What splits the N clips of an evaluation into groups.

    column: what the groups are groups of, such as "kind".
    groups: (N,) the group of each clip, in the clips' order; "" for a clip that has none.
    in_training: group → whether training saw it; empty if that is not known.
    """

    column: str
    groups: pd.Series
    in_training: dict[str, bool] = field(default_factory=dict)


def read_grouping(argument: str, clips: ScoredClips) -> Grouping:
    """The grouping that "META.csv:COLUMN" names, joined with the clips by video name. Training saw the groups
    of rows whose column `split` is "train", if there is such a column.

    Raises InputError if the column, or a forged clip's group, is missing, and for a name listed twice.
    """
    file, colon, column = argument.rpartition(":")
    if not colon or not file or not column:
        raise InputError(f"--groups {argument}: wanted FILE.csv:COLUMN, such as meta.csv:kind")
    meta = _read_meta(Path(file), column)
    names = meta["video_name"]
    if twice := names[names.duplicated()].drop_duplicates().tolist():
        raise InputError(
            f"{file}: {len(twice)} videos are listed more than once: {first_few(twice)}; wanted each once"
        )
    joined = pd.merge(
        clips.targets.rename("target").reset_index(),
        meta[["video_name", column]],
        on="video_name",
        how="left",
        validate="one_to_one",
    )
    groups = joined[column].fillna("")
    if lost := joined.loc[(groups == "") & (joined["target"] == 1), "video_name"].tolist():
        raise InputError(
            f"{file}: {len(lost)} forged videos have no '{column}': {first_few(lost)}; wanted one for each"
        )
    if "split" not in meta:
        return Grouping(column, groups)
    trained = set(meta.loc[meta["split"] == "train", column])
    return Grouping(column, groups, {group: group in trained for group in meta[column]})


def _read_meta(path: Path, column: str) -> pd.DataFrame:
    """The rows of a CSV file as text, with `video_name` and `column` among the columns."""
    (_, header), *rows = read_table(path, "a CSV file of groups")
    for name in ("video_name", column):
        if header.count(name) != 1:
            raise InputError(
                f"{path}:1: header '{','.join(header)}' has no single column '{name}'; name one it has"
            )
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(f"{path}:{line}: {len(row)} fields; wanted {len(header)} as in the header")
    meta = pd.DataFrame([row for _, row in rows], columns=header, dtype=object)
    return meta.loc[:, ~meta.columns.duplicated()]


def by_status(clips: ScoredClips, model: str) -> Grouping:
    """The clips by their status in one model's score file. Raises InputError for a submission.csv, which has
    none."""
    statuses = clips.statuses[model]
    if (statuses == "submitted").any():
        raise InputError(
            "--by-status with a submission.csv, which has no statuses; give the scores.csv beside it"
        )
    return Grouping("status", statuses)


def add_groups(tree: dict[str, Any], clips: ScoredClips, groupings: list[Grouping], options: Options) -> None:
    """Add to one model's tree: `groupings`, column → group → its numbers, and `groups`, those groups of the
    first column that have forged clips. Raises InputError for two groupings of one name."""
    groups_of: dict[str, Any] = {}
    for grouping in groupings:
        if grouping.column in groups_of:
            raise InputError(f"two groupings called '{grouping.column}'; wanted columns of different names")
        measured = _measured(tree, clips, grouping, options)
        groups_of[grouping.column] = {
            group: {**numbers, "seen": grouping.in_training.get(group)} for group, numbers in measured.items()
        }
    if groups_of:
        first = next(iter(groups_of.values()))
        tree["groups"] = {group: numbers for group, numbers in first.items() if numbers["n_forged"]}
        tree["groupings"] = groups_of


def _measured(
    tree: dict[str, Any], clips: ScoredClips, grouping: Grouping, options: Options
) -> dict[str, dict[str, Any]]:
    """Group → {"value", "low", "high", "n_forged", "n_genuine", "tpr", "fpr"}, sorted by name.

    value, low, high: the AUC of the group's forged clips against all genuine ones. tpr, fpr: the shares of
    the group's own clips at or above the threshold. What needs clips that a group has not is None.
    """
    scores = clips.scores_of(tree["name"])
    targets, names = clips.targets.to_numpy(), grouping.groups.to_numpy(dtype=object)
    aucs = group_aucs(targets, scores, list(names), resamples=options.resamples, seed=options.seed)
    flagged = scores >= tree["decision"]["threshold"]
    table = pd.DataFrame({"group": names, "target": targets, "flagged": flagged})
    of_group = table[table["group"] != ""].groupby(["group", "target"])["flagged"]
    # A row for each group, sorted, with a column for the genuine clips, 0, and one for the forged ones, 1.
    counts = of_group.size().unstack(fill_value=0).reindex(columns=[0, 1], fill_value=0)
    rates = of_group.mean().unstack().reindex(columns=[0, 1])
    return {
        group: {
            **aucs.get(group, {"value": None, "low": None, "high": None}),
            "n_genuine": int(counts.loc[group, 0]),
            "n_forged": int(counts.loc[group, 1]),
            "tpr": float(rates.loc[group, 1]) if counts.loc[group, 1] else None,
            "fpr": float(rates.loc[group, 0]) if counts.loc[group, 0] else None,
        }
        for group in counts.index
    }
