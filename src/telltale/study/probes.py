"""Shortcut probes: how well do simple measures separate genuine from forged clips, or one split from another?

    table = probe_classes(clips, facts, labels, groups, permuting)

`run_study` does all of it in a folder: clips are read once, tables, a figure and a page are written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from telltale import config
from telltale.data.videos import rows_of
from telltale.errors import InputError
from telltale.files import read_table
from telltale.study.clips import SPLITS, read_clips, require_column
from telltale.study.folder import StudyFolder
from telltale.study.probe_facts import Facts, Reading, read_facts
from telltale.study.probe_list import PROBES, SHORTCUT, read, strongest
from telltale.study.probe_remedies import Remedy, remedy_of
from telltale.study.probe_statistics import Permuting, assess

LEVEL = 0.05
FEWEST = 8  # clips of each class without which a probe says nothing
FEWEST_GROUPS = 5
# Columns that say who or what was recorded, the first that is there.
IDENTITIES = ("identity", "identity_id", "person", "subject", "speaker", "source_video")


@dataclass(frozen=True)
class Request:
    """What is asked for.

    data: the data set; splits: whose classes are probed, empty: all that have labels.
    pairs: splits that are compared, (from, to).
    groups: a CSV file with the columns video_name and group, None: see `group_codes`.
    group_column: a column of the label files or of meta.csv, None: one of IDENTITIES.
    """

    data: Path
    splits: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    groups: Path | None = None
    group_column: str | None = None


@dataclass(frozen=True)
class Question:
    """A table of its own: its name, the rows of its clips, their labels (0 or 1), and what those are
    called."""

    name: str
    title: str
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    words: tuple[str, str]


def list_clips(request: Request) -> pd.DataFrame:
    """Clips of all splits that are asked for, as `read_clips`; of a split without a label file the videos of
    its folder, with target -1.

    Raises InputError.
    """
    wanted = [*request.splits, *(split for pair in request.pairs for split in pair)]
    labelled = [split for split in SPLITS if (request.data / f"{split}_labels.csv").is_file()]
    splits = list(dict.fromkeys(wanted if request.splits else [*labelled, *wanted]))
    known = [split for split in splits if (request.data / f"{split}_labels.csv").is_file()]
    if not splits or (request.splits and set(request.splits) - set(known)):
        asked = ", ".join(set(request.splits) - set(known)) or ", ".join(SPLITS)
        raise InputError(f"{request.data}: has no label file of {asked}; wanted SPLIT_labels.csv")
    parts = [read_clips(request.data, known)] if known else []
    for split in splits:
        if split not in known:
            videos = rows_of([request.data / split]).rows
            keys = {"video_name": [row.video_name for row in videos], "split": split, "target": -1}
            parts.append(pd.DataFrame({**keys, "path": [str(row.path) for row in videos]}))
    clips = pd.concat(parts, ignore_index=True).fillna("")
    if twice := clips["video_name"][clips["video_name"].duplicated()].tolist():
        raise InputError(f"{request.data}: '{twice[0]}' is in two splits; wanted each video in one")
    return clips


def group_codes(clips: pd.DataFrame, request: Request) -> tuple[NDArray[np.int64], str]:
    """int64 (N,): the group of each clip, and where it comes from. A clip without a group is its own.

    Raises InputError for a group file that lacks the columns or lists a video twice.
    """
    names = clips["video_name"].tolist()
    column = next((name for name in IDENTITIES if name in clips), None)
    if request.groups is not None:
        given = _read_groups(request.groups)
        texts, source = [given.get(name, "") for name in names], str(request.groups)
    else:
        if request.group_column is not None:
            require_column(clips, request.group_column, request.data)
            column = request.group_column
        texts = clips[column].astype(str).tolist() if column else [""] * len(names)
        source = f"column {column}" if column else "each clip by itself"
    keys = [f"group {text}" if text else f"clip {name}" for text, name in zip(texts, names, strict=True)]
    return np.unique(keys, return_inverse=True)[1].astype(np.int64), source


def _read_groups(path: Path) -> dict[str, str]:
    (_, header), *rows = read_table(path, "a table of groups")
    if not {"video_name", "group"} <= set(header):
        raise InputError(f"{path}:1: header '{','.join(header)}'; wanted columns video_name and group")
    name, group = header.index("video_name"), header.index("group")
    given: dict[str, str] = {}
    for line, fields in rows:
        if len(fields) != len(header) or fields[name] in given:
            what = "listed twice" if len(fields) == len(header) else f"{len(fields)} fields"
            raise InputError(f"{path}:{line}: {what}; wanted one row of {len(header)} fields for each video")
        given[fields[name]] = fields[group]
    return given


def questions(clips: pd.DataFrame, request: Request) -> list[Question]:
    """The classes, then each pair of splits. Raises InputError if one has too few clips."""
    targets, split = clips["target"].to_numpy(np.int64), clips["split"].to_numpy(object)
    inside = targets >= 0
    if request.splits:
        inside &= np.isin(split, request.splits)
    asked = []
    if inside.any():
        rows, words = np.flatnonzero(inside), ("genuine", "forged")
        asked.append(Question("classes", "Forged against genuine", rows, targets[rows], words))
    for one, other in request.pairs:
        rows = np.flatnonzero((split == one) | (split == other))
        labels = (split[rows] == other).astype(np.int64)
        asked.append(Question(f"{one}-{other}", f"{other} against {one}", rows, labels, (one, other)))
    for question in asked:
        counts = [int((question.labels == label).sum()) for label in (0, 1)]
        if min(counts) < FEWEST:
            raise InputError(
                f"{question.title}: {counts[0]} and {counts[1]} clips; wanted {FEWEST} or more of each"
            )
    return asked


def probe(
    question: Question,
    facts: Facts,
    groups: NDArray[np.int64],
    permuting: Permuting,
    settings: config.Config | None = None,
) -> tuple[pd.DataFrame, list[Remedy]]:
    """All probes of one question: their table, and the remedies against the shortcuts that were found.

    facts, groups: of all clips. Columns of the table: probe, kind, clips, status, auc, low, high, chance, p,
    p_corrected, finding, strongest, remedy, effect. A probe that too few clips can be asked has no number.
    """
    own, codes = facts.take(question.rows), groups[question.rows]
    reads = [read(each, own) for each in PROBES]
    able = [
        min(np.bincount(question.labels[found.rows], minlength=2)) >= FEWEST
        and len(np.unique(codes[found.rows])) >= FEWEST_GROUPS
        for found in reads
    ]
    asked = [(found.basis(), found.rows) for found, can in zip(reads, able, strict=True) if can]
    answers = iter(assess(asked, question.labels, codes, permuting) if asked else [])
    rows, remedies = [], []
    for each, found, can in zip(PROBES, reads, able, strict=True):
        row: dict[str, object] = {"probe": each.name, "kind": each.kind, "clips": len(found.rows)}
        row["status"] = "ok" if can else "too few clips"
        if can:
            tested = next(answers)
            row |= vars(tested)
            if tested.p_corrected <= LEVEL and tested.auc > 0.5:
                remedy = remedy_of(each.name, own, settings)
                row |= {"finding": each.kind, "remedy": str(remedy), "effect": remedy.text}
                row["strongest"] = strongest(found, question.labels, question.words)
                if each.kind == SHORTCUT:
                    remedies.append(remedy)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS), remedies


COLUMNS = ["probe", "kind", "clips", "status", "auc", "low", "high", "chance", "p", "p_corrected"]
COLUMNS += ["finding", "strongest", "remedy", "effect"]


def study_folder(out: Path, request: Request, permuting: Permuting) -> StudyFolder:
    """The folder of this request; raises InputError if it holds another."""
    about = {
        "data": str(request.data.resolve()),
        "splits": list(request.splits),
        "pairs": [list(pair) for pair in request.pairs],
        "groups": None if request.groups is None else str(request.groups.resolve()),
        "group_column": request.group_column,
        **vars(permuting),
    }
    return StudyFolder(out, "probes", about)


def facts_of(study: StudyFolder, clips: pd.DataFrame, reading: Reading) -> Facts:
    """Measurements of the clips, kept in the study's folder; features.csv has those that are numbers or
    texts."""
    facts = read_facts([Path(path) for path in clips["path"]], study.path / "facts", reading)
    columns = {"video_name": clips["video_name"], "split": clips["split"], "target": clips["target"]}
    table = pd.DataFrame({**columns, "status": facts.statuses, **facts.numbers, **facts.tags})
    study.table("features", table)
    return facts


def known_splits(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs as typed, such as "train:validation". Raises InputError."""
    pairs = []
    for text in texts:
        one, colon, other = text.partition(":")
        if not colon or one == other or not {one, other} <= set(SPLITS):
            raise InputError(f"--pairs {text}: wanted two of {', '.join(SPLITS)}, such as train:validation")
        pairs.append((one, other))
    return tuple(pairs)
