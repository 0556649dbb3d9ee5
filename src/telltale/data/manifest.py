"""Label files and video folders → `Manifest`: every check of outside data is here.

    train, validation = read_data(Path("/data"), settings.data)

A label file is CSV in UTF-8 with the header `video_name,target`; more columns may follow. A byte-order mark
and Windows line ends change nothing and are accepted; a blank line may be a row that was lost, so it is
refused as any line that names no video. Nothing is left out silently: what is missing on disk or not listed
stops the run, or, once allowed by name, is counted.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from telltale import config
from telltale.errors import InputError
from telltale.files import read_table

if TYPE_CHECKING:
    import numpy as np

HEADER = ["video_name", "target"]
TARGETS = {"0": 0, "1": 1}
METHOD = "method"
# A plain file name: no folders of either system, no drive, no control characters, no undecodable bytes.
PLAIN = re.compile(r"(?![A-Za-z]:)[^\s/\\][^/\\\x00-\x1f\x7f\ud800-\udfff]*")
_NAME = re.compile(PLAIN.pattern + r"\.mp4", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One video to be read. `target`: 1 forged, 0 genuine, None unknown; `method`: the kind of forgery, where
    labels say it."""

    video_name: str
    path: Path
    target: int | None
    method: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A split: `rows` to be read, in the label file's order; names `missing` on disk; names on disk but
    `unlisted`."""

    split: str
    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def targets(self) -> "np.ndarray":
        """int64 (N,), those of `rows`. All of them must be known."""
        import numpy as np  # here, so that a label file is judged before anything heavy is loaded

        return np.array([row.target for row in self.rows])

    @property
    def n_genuine(self) -> int:
        return sum(row.target == 0 for row in self.rows)

    @property
    def n_forged(self) -> int:
        return sum(row.target == 1 for row in self.rows)


@dataclass(frozen=True)
class _Labels:
    """A label file as read: each video's target, the line that names it, and its method where the file has
    that column."""

    path: Path
    targets: dict[str, int]
    lines: dict[str, int]
    methods: dict[str, str]

    def first(self, names: list[str]) -> str:
        """The first few of `names` with their lines, for a message."""
        return ", ".join(f"'{name}' (line {self.lines[name]})" for name in names[:3])


def read_labels(path: Path) -> dict[str, int]:
    """Video name → target (0 genuine, 1 forged), in file order. Raises InputError naming the file, the line
    and the remedy."""
    return _read(path).targets


def read_names(list_path: Path) -> list[str]:
    """The `video_name` column of a CSV, in file order; other columns are ignored. Raises InputError as
    `read_labels` does."""
    table = _table(list_path)
    _, header = next(table)
    if header.count("video_name") != 1:
        raise InputError(
            f"{list_path}:1: header '{','.join(header)}'; wanted one column named 'video_name', mend the "
            "header"
        )
    column = header.index("video_name")
    lines: dict[str, int] = {}
    for line, fields in table:
        _add_name(list_path, line, fields[column], lines)
    if not lines:
        raise InputError(
            f"{list_path}: holds a header and no rows; wanted one line for each video to be scored"
        )
    return list(lines)


def read_split(
    split: str, labels: Path, videos: Path, *, allow_missing: bool, allow_unlisted: bool
) -> Manifest:
    """One split of labelled videos. Raises InputError; see `read_labels`, and `read_data` for what the two
    flags allow."""
    return _match(split, _read(labels), videos, (), allow_missing, allow_unlisted)


def read_data(root: Path, settings: config.DataSettings) -> tuple[Manifest, Manifest]:
    """The train and validation splits below `root`, checked against each other and against the files on disk.

    Raises InputError for what `read_labels` refuses; a name in both splits; a listed video that is not on
    disk unless `allow_missing`; an .mp4 file on disk that is not listed unless `allow_unlisted`; a split left
    with one class or none.
    """
    train = _read(root / settings.train_labels, settings.method_column)
    validation = _read(root / settings.validation_labels)
    if both := [name for name in train.targets if name in validation.targets]:
        raise InputError(
            f"{validation.path}: {len(both)} videos are listed in {train.path} too, the first "
            f"{validation.first(both)}; "
            "wanted each video in one split only, remove the lines from one of the two files"
        )
    train_videos, validation_videos = root / settings.train_videos, root / settings.validation_videos
    # In one folder for both splits, what either lists is listed.
    listed = (
        {**train.targets, **validation.targets}
        if train_videos.resolve() == validation_videos.resolve()
        else {}
    )
    allow = settings.allow_missing, settings.allow_unlisted
    manifests = (
        _match("train", train, train_videos, listed, *allow),
        _match("validation", validation, validation_videos, listed, *allow),
    )
    for manifest, labels in zip(manifests, (train, validation), strict=True):
        if not (manifest.n_genuine and manifest.n_forged):
            raise InputError(
                f"{labels.path}: {manifest.n_genuine} genuine (0) and {manifest.n_forged} deepfake (1) "
                "videos can be read "
                f"({len(manifest.missing)} missing); wanted both classes, add videos of the other or check "
                "the targets"
            )
    return manifests


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of the header, then of each row; every row as long as the header."""
    width = 0
    for line, fields in read_table(path, "a CSV file of videos"):
        if len(fields) < 2 and not "".join(fields).strip():
            raise InputError(
                f"{path}:{line}: a blank line; wanted a video on every line, remove it or restore its video"
            )
        width = width or len(fields)
        if len(fields) != width:
            raise InputError(
                f"{path}:{line}: {len(fields)} fields; wanted {width} as in the header, mend the line"
            )
        yield line, fields


def _read(path: Path, method_column: str | None = None) -> _Labels:
    """method_column: must be there where it is named; None: "method", where there is one."""
    table = _table(path)
    _, header = next(table)
    if header[:2] != HEADER:
        submission = len(header) == 2 and header[0] == "video_name"
        remedy = "this looks like a submission, give the labels" if submission else "mend the header"
        raise InputError(f"{path}:1: header '{','.join(header)}'; wanted 'video_name,target', {remedy}")
    if "" in header or len(set(header)) < len(header):
        raise InputError(
            f"{path}:1: header '{','.join(header)}'; wanted a name of its own for every column, mend the "
            "header"
        )
    if method_column is not None and method_column not in header[2:]:
        raise InputError(
            f"{path}:1: header '{','.join(header)}'; wanted a column '{method_column}' besides, as "
            "data.method_column says"
        )
    wanted = method_column or METHOD
    column = header.index(wanted) if wanted in header else None
    labels = _Labels(path, {}, {}, {})
    for line, fields in table:
        name, target = fields[:2]
        _add_name(path, line, name, labels.lines)
        if target not in TARGETS:
            raise InputError(
                f"{path}:{line}: target {target!r} of video '{name}'; wanted 0 (genuine) or 1 (deepfake)"
            )
        labels.targets[name] = TARGETS[target]
        if column is not None:
            labels.methods[name] = fields[column]
    if not labels.targets:
        raise InputError(
            f"{path}: holds a header and no rows; wanted a line 'NAME.mp4,0' or 'NAME.mp4,1' for each video"
        )
    return labels


def _add_name(path: Path, line: int, name: str, lines: dict[str, int]) -> None:
    """Add to `lines` (name → line) a plain .mp4 file name that is not there yet; refuse any other."""
    if not _NAME.fullmatch(name):
        wanted = (
            "a plain file name without a path"
            if name.lower().endswith(".mp4")
            else "a file name that ends in .mp4"
        )
        raise InputError(f"{path}:{line}: video name {name!r}; wanted {wanted}, mend the line")
    if name in lines:
        raise InputError(
            f"{path}:{line}: video '{name}' is on line {lines[name]} already; wanted it once, remove one line"
        )
    lines[name] = line


def _scan(videos: Path, remedy: str) -> dict[str, bool]:
    """Name → whether it is a file, for everything called *.mp4 in the folder: one listing, no look at each
    file."""
    from telltale.runtime.progress import each

    try:
        with os.scandir(videos) as entries:
            listed = each(entries, f"listing {videos.name}", "file")
            return {entry.name: entry.is_file() for entry in listed if entry.name.lower().endswith(".mp4")}
    except OSError as error:
        raise InputError(f"{videos}: cannot be read as a folder ({error.strerror}); {remedy}") from None


def _match(
    split: str,
    labels: _Labels,
    videos: Path,
    also_listed: Collection[str],
    allow_missing: bool,
    allow_unlisted: bool,
) -> Manifest:
    """Labels against their folder of videos."""
    found = _scan(
        videos, f"wanted the videos of {labels.path}, name their folder with --set data.{split}_videos=FOLDER"
    )
    rows: list[Row] = []
    missing: list[str] = []
    for name, target in labels.targets.items():
        if found.get(name):
            rows.append(Row(name, videos / name, target, labels.methods.get(name)))
        elif name in found and (videos / name).exists():  # a link that leads nowhere is missing
            raise InputError(
                f"{labels.path}:{labels.lines[name]}: {videos / name} is a folder or device; wanted a video "
                "file, replace it"
            )
        else:
            missing.append(name)
    if missing and not allow_missing:
        raise InputError(
            f"{labels.path}: {len(missing)} of {len(labels.targets)} videos are not in {videos}, the first "
            f"{labels.first(missing)}; add them, or leave them out with --set data.allow_missing=true"
        )
    unlisted = sorted(name for name in found if name not in labels.targets and name not in also_listed)
    if unlisted and not allow_unlisted:
        some = ", ".join(map(repr, unlisted[:3]))
        raise InputError(
            f"{videos}: {len(unlisted)} .mp4 files are not listed in {labels.path}, the first {some}; "
            "list them, or leave them out with --set data.allow_unlisted=true"
        )
    return Manifest(split, tuple(rows), tuple(missing), tuple(unlisted))
