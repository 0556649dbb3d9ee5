"""Label file and score files brought together, name by name: the clips that are judged, and what each model
says of them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.data.manifest import read_labels
from telltale.errors import InputError
from telltale.files import read_table
from telltale.metrics import Floats, Integers
from telltale.scores.score import Score, first_few, read_scores, repeated, status_counts, without


@dataclass(frozen=True)
class Judged:
    """N clips: their names and targets (N,), and model -> fake probabilities (N,), in the label file's order.

    labels, files: the files' names, without folders. rows: each model's rows by clip name, as read.
    n_left_out: clips of the label file that are not among the N for want of a score.
    """

    labels: str
    names: Sequence[str]
    targets: Integers
    files: Mapping[str, str]
    probabilities: Mapping[str, Floats]
    rows: Sequence[Mapping[str, Score]]
    n_left_out: int


def of_labels(
    labels_path: Path, scores_paths: Sequence[Path], *, scored_only: bool, score_column: str | None = None
) -> Judged:
    """Join score files with a label file, by name. With `scored_only`, clips that one file did not score are
    left out for all.

    score_column: as `scores.read_scores` takes it.

    Raises InputError for labelled names without a row, rows without a label, a score file given twice and,
    unless `scored_only`, rows without a score.
    """
    labels = read_labels(labels_path)
    shown = distinct_names(scores_paths)
    rows = [_matched(labels_path, labels, path, score_column) for path in scores_paths]
    for path, found in zip(scores_paths, rows, strict=True):
        unscored = [name for name in labels if found[name].fake_probability is None]
        if unscored and not scored_only:
            raise InputError(
                f"{path}: no fake probability in {len(unscored)} of {len(found)} rows "
                f"({status_counts(found.values())}): "
                f"{first_few(unscored)}; evaluate submission.csv, where they carry the fallback, or pass "
                "--scored-only to "
                "leave them out"
            )
    kept = [name for name in labels if all(found[name].fake_probability is not None for found in rows)]
    return Judged(
        labels=labels_path.name,
        names=kept,
        targets=np.array([labels[name] for name in kept], dtype=np.int64),
        files={name: path.name for name, path in zip(shown, scores_paths, strict=True)},
        probabilities={
            name: np.array([found[clip].fake_probability for clip in kept], dtype=np.float64)
            for name, found in zip(shown, rows, strict=True)
        },
        rows=rows,
        n_left_out=len(labels) - len(kept),
    )


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name to show for each path: the fewest last parts that tell them apart, without the last parts that
    all share.

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


def _matched(
    labels_path: Path, labels: Mapping[str, int], scores_path: Path, column: str | None
) -> dict[str, Score]:
    scores = read_scores(scores_path, column)
    if missing := without(labels, scores):
        raise InputError(
            f"{scores_path}: {len(missing)} of the {len(labels)} videos of {labels_path} have no row: "
            f"{first_few(missing)}; "
            "wanted one row for each, score the missing ones or give the label file that belongs to these "
            "scores"
        )
    if extra := without(scores, labels):
        raise InputError(
            f"{scores_path}: {len(extra)} of {len(scores)} rows are not in {labels_path}: "
            f"{first_few(extra)}; "
            "wanted one row for each label, give the label file that belongs to these scores"
        )
    return scores


def statuses(rows: Mapping[str, Score], judged: Judged) -> dict[str, str]:
    """Clip name -> its status in the rows of one score file. Raises InputError for a submission.csv, which
    has none."""
    found = {name: rows[name].status for name in judged.names}
    if "submitted" in found.values():
        raise InputError(
            "--by-status with a submission.csv, which has no statuses; give the scores.csv beside it"
        )
    return found


def read_groups(argument: str, names: Iterable[str]) -> tuple[str, dict[str, str], dict[str, bool]]:
    """`META.csv:COLUMN`: the column, video -> its group, and group -> whether it occurs where the column
    `split` is "train".

    The last is empty if there is no such column. Raises InputError if the column, or the group of one of
    `names`, is missing.
    """
    file, colon, column = argument.rpartition(":")
    if not colon or not file or not column:
        raise InputError(f"--groups {argument}: wanted FILE.csv:COLUMN, such as meta.csv:kind")
    (_, header), *rows = read_table(Path(file), "a CSV file of groups")
    for wanted in ("video_name", column):
        if header.count(wanted) != 1:
            raise InputError(
                f"{file}:1: header '{','.join(header)}' has no single column '{wanted}'; name one it has"
            )
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(f"{file}:{line}: {len(row)} fields; wanted {len(header)} as in the header")
    name_at, group_at = header.index("video_name"), header.index(column)
    if twice := repeated(row[name_at] for _, row in rows):
        raise InputError(
            f"{file}: {len(twice)} videos are listed more than once: {first_few(twice)}; wanted each once"
        )
    groups = {row[name_at]: row[group_at] for _, row in rows}
    if lost := [name for name in names if not groups.get(name)]:
        raise InputError(
            f"{file}: {len(lost)} forged videos have no '{column}': {first_few(lost)}; wanted one for each"
        )
    if "split" not in header:
        return column, groups, {}
    trained = {row[group_at] for _, row in rows if row[header.index("split")] == "train"}
    return column, groups, {group: group in trained for group in groups.values()}
