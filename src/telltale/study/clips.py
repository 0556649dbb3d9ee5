"""All labelled clips of a data set in one table, with whatever else is known of them.

clips = read_clips(Path("data"), ("train", "validation"))
clips[["video_name", "path", "split", "target", "kind"]]
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from telltale.data.manifest import Manifest, Row, read_labels
from telltale.errors import InputError
from telltale.files import read_table
from telltale.scores.score import first_few

SPLITS = ("train", "validation", "test")
KEYS = ["video_name", "path", "split", "target"]


def read_clips(data: Path, splits: Sequence[str] = SPLITS) -> pd.DataFrame:
    """The clips that the label files of `splits` list, in their order.

    Columns: video_name; path, of the file; split; target, 1 forged and 0 genuine; then, as text, the further
    columns of the label files and those of DATA/meta.csv, if there is one. A cell is "" if its file does not
    say. A column of meta.csv that a label file has too is left out.

    Raises InputError for a label file that `read_labels` refuses, for a clip listed twice or absent from its
    folder, and for a meta.csv that lacks a clip or lists one twice.
    """
    parts = [_of_split(data, split) for split in splits]
    clips = pd.concat(parts, ignore_index=True)
    if twice := clips["video_name"][clips["video_name"].duplicated()].tolist():
        raise InputError(
            f"{data}: {len(twice)} videos are in two label files: {first_few(twice)}; wanted each once"
        )
    missing = [row.video_name for row in clips.itertuples() if not Path(row.path).is_file()]
    if missing:
        raise InputError(
            f"{data}: {len(missing)} listed videos are missing: {first_few(missing)}; add them, or remove "
            "their lines"
        )
    if (data / "meta.csv").exists():
        meta = _read_table(data / "meta.csv")
        new = ["video_name", *(column for column in meta if column not in clips)]
        if lost := clips.loc[~clips["video_name"].isin(meta["video_name"]), "video_name"].tolist():
            raise InputError(
                f"{data / 'meta.csv'}: {len(lost)} labelled videos have no row: {first_few(lost)}; wanted "
                "one for each"
            )
        clips = clips.merge(meta[new], on="video_name", how="left", validate="one_to_one")
    return clips.fillna("")


def rows_of(clips: pd.DataFrame, method: str | None = None) -> tuple[Row, ...]:
    """A `Row` for each clip. method: the column of the kind of forgery, None if there is none."""
    methods = [None] * len(clips) if method is None else [value or None for value in clips[method]]
    listed = zip(clips["video_name"], clips["path"], clips["target"], methods, strict=True)
    return tuple(Row(name, Path(path), int(target), kind) for name, path, target, kind in listed)


def manifest_of(clips: pd.DataFrame, split: str, method: str | None = None) -> Manifest:
    """The clips as a `Manifest`. split: its name; method: as of `rows_of`."""
    return Manifest(split, rows_of(clips, method), (), ())


def require_column(clips: pd.DataFrame, column: str, data: Path) -> None:
    """Raise InputError if the clips have no such column."""
    if column not in clips:
        known = ", ".join(each for each in clips if each not in KEYS) or "no further columns"
        raise InputError(
            f"{data}: neither the label files nor meta.csv have a column '{column}'; they have {known}"
        )


def _of_split(data: Path, split: str) -> pd.DataFrame:
    labels = data / f"{split}_labels.csv"
    targets = read_labels(labels)
    further = _read_table(labels).set_index("video_name").drop(columns="target")
    names = list(targets)
    keys = {
        "video_name": names,
        "path": [str(data / split / name) for name in names],
        "split": split,
        "target": list(targets.values()),
    }
    return pd.concat([pd.DataFrame(keys), further.loc[names].reset_index(drop=True)], axis=1)


def _read_table(path: Path) -> pd.DataFrame:
    """A CSV file with a column video_name, all of it text. Raises InputError, with the line, for a row of
    another length and for a video listed twice."""
    (_, header), *rows = read_table(path, "a table of videos")
    if "video_name" not in header or len(set(header)) < len(header):
        raise InputError(
            f"{path}:1: header '{','.join(header)}'; wanted a column 'video_name', and each column once"
        )
    for line, fields in rows:
        if len(fields) != len(header):
            raise InputError(f"{path}:{line}: {len(fields)} fields; wanted {len(header)} as in the header")
    table = pd.DataFrame([fields for _, fields in rows], columns=header, dtype=str)
    if twice := table["video_name"][table["video_name"].duplicated()].tolist():
        raise InputError(
            f"{path}: {len(twice)} videos are listed more than once: {first_few(twice)}; wanted each once"
        )
    return table
