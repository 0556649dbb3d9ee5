"""`Manifest`: the videos of a split, from a label file and a folder. All data from outside is checked here.

    train, validation = read_data(Path("/data"), settings.data)

A label file is CSV in UTF-8 with the header `video_name,target`; more columns may follow. A byte order mark
and Windows line ends are accepted. A blank line is refused like any line that names no video, because it may
be a row that was lost. No video is left out silently: one that is missing on disk, or on disk and not listed,
stops the run, unless the configuration allows it; then it is counted.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from telltale import config
from telltale.data import columns
from telltale.errors import InputError
from telltale.files import read_table

if TYPE_CHECKING:
    import numpy as np

HEADER = ["video_name", "target"]
TARGETS = {"0": 0, "1": 1}
# A plain file name: no folders of either system, no drive, no control characters, no undecodable bytes.
PLAIN = re.compile(r"(?![A-Za-z]:)[^\s/\\][^/\\\x00-\x1f\x7f\ud800-\udfff]*")
_NAME = re.compile(PLAIN.pattern + r"\.mp4", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One video.

    video_name: its file name, by which all tables are joined.
    path: where it is.
    target: 1 forged, 0 genuine, None unknown.
    method: the kind of forgery, if the labels say it.
    """

    video_name: str
    path: Path
    target: int | None
    method: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The videos of a split.

    split: "train" or "validation"; "unseen", what `folds` holds out of training.
    rows: the videos to be read, in the order of the label file.
    missing: names that are listed and not on disk.
    unlisted: names that are on disk and not listed.
    held_out: names that are listed and on disk, and are no rows because of `folds`.
    """

    split: str
    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    held_out: tuple[str, ...] = ()

    @property
    def targets(self) -> "np.ndarray":
        """int64 (N,), the targets of `rows`, all of which must be known."""
        import numpy as np  # not at the top: label files are checked before anything slow is imported

        return np.array([row.target for row in self.rows])

    @property
    def n_genuine(self) -> int:
        return sum(row.target == 0 for row in self.rows)

    @property
    def n_forged(self) -> int:
        return sum(row.target == 1 for row in self.rows)


@dataclass(frozen=True)
class _Labels:
    """A label file.

    targets: by video name, in file order.
    lines: by video name, the number of the line.
    methods: by video name, if the file has the column.
    """

    path: Path
    targets: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)

    def first_few(self, names: list[str]) -> str:
        """The first few of `names` with their lines, for a message."""
        return ", ".join(f"'{name}' (line {self.lines[name]})" for name in names[:3])


@dataclass(frozen=True)
class _Folder:
    """Where the videos of a split are, and what may be wrong there.

    also_listed: names that are no error though this split's label file does not list them.
    allow_missing, allow_unlisted: as of `config.DataSettings`.
    """

    split: str
    path: Path
    also_listed: Collection[str]
    allow_missing: bool
    allow_unlisted: bool


def read_labels(path: Path) -> dict[str, int]:
    """Video name → target (0 genuine, 1 forged), in file order.

    Raises InputError that names the file, the line and the remedy.
    """
    return _read_labels(path).targets


def read_names(list_path: Path) -> list[str]:
    """The column `video_name` of a CSV file, in file order; other columns are ignored. Raises InputError as
    `read_labels` does."""
    table = _read_rows(list_path)
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


def read_data(root: Path, settings: config.DataSettings) -> tuple[Manifest, Manifest]:
    """The splits train and validation below `root`, checked against each other and against the files on disk.

    Raises InputError for what `read_labels` refuses; for a name in both splits; for a listed video that is
    not on disk unless `allow_missing`; for an .mp4 file on disk that is not listed unless `allow_unlisted`;
    and for a split that is left with one class or none.
    """
    elsewhere = columns.methods_beside(root, settings)
    train = _read_labels(root / settings.train_labels, None if elsewhere else settings.method_column)
    if elsewhere is not None:
        train = replace(train, methods=elsewhere.of(train.targets))
    validation = _read_labels(root / settings.validation_labels)
    if both := [name for name in train.targets if name in validation.targets]:
        raise InputError(
            f"{validation.path}: {len(both)} videos are listed in {train.path} too, the first "
            f"{validation.first_few(both)}; "
            "wanted each video in one split only, remove the lines from one of the two files"
        )
    train_videos, validation_videos = root / settings.train_videos, root / settings.validation_videos
    # If both splits have one folder, a video is listed if either split lists it.
    one_folder = train_videos.resolve() == validation_videos.resolve()
    listed = {**train.targets, **validation.targets} if one_folder else {}
    allow = settings.allow_missing, settings.allow_unlisted
    manifests = (
        _match(train, _Folder("train", train_videos, listed, *allow)),
        _match(validation, _Folder("validation", validation_videos, listed, *allow)),
    )
    for manifest, labels in zip(manifests, (train, validation), strict=True):
        if not (manifest.n_genuine and manifest.n_forged):
            raise InputError(
                f"{labels.path}: {manifest.n_genuine} genuine (0) and {manifest.n_forged} deepfake (1) "
                f"videos can be read ({len(manifest.missing)} missing); wanted both classes, add videos of "
                "the other or check the targets"
            )
    return manifests


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of the header, then of each row. Every row is as long as the header."""
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


def _read_labels(path: Path, method_column: str | None = None) -> _Labels:
    """method_column: the column of the forgery methods, which must be there. None: "method", if it is
    there."""
    table = _read_rows(path)
    _, header = next(table)
    _check_header(path, header, method_column)
    method = method_column or columns.METHOD
    column = header.index(method) if method in header else None
    labels = _Labels(path)
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


def _check_header(path: Path, header: list[str], method_column: str | None) -> None:
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


def _add_name(path: Path, line: int, name: str, lines: dict[str, int]) -> None:
    """Add a name to `lines` (name → line). Refuse one that is no plain .mp4 file name, or is there
    already."""
    if not _NAME.fullmatch(name):
        is_mp4 = name.lower().endswith(".mp4")
        expected = "a plain file name without a path" if is_mp4 else "a file name that ends in .mp4"
        raise InputError(f"{path}:{line}: video name {name!r}; wanted {expected}, mend the line")
    if name in lines:
        raise InputError(
            f"{path}:{line}: video '{name}' is on line {lines[name]} already; wanted it once, remove one line"
        )
    lines[name] = line


def _list_videos(videos: Path, remedy: str) -> dict[str, bool]:
    """Name → whether it is a file, for everything called *.mp4 in the folder. One listing: files are not
    looked at one by one."""
    from telltale.runtime.progress import each

    try:
        with os.scandir(videos) as entries:
            listed = each(entries, f"listing {videos.name}", "file")
            return {entry.name: entry.is_file() for entry in listed if entry.name.lower().endswith(".mp4")}
    except OSError as error:
        raise InputError(f"{videos}: cannot be read as a folder ({error.strerror}); {remedy}") from None


def _match(labels: _Labels, folder: _Folder) -> Manifest:
    """Labels against their folder of videos. Raises InputError."""
    videos = folder.path
    option = f"--set data.{folder.split}_videos=FOLDER"
    present = _list_videos(videos, f"wanted the videos of {labels.path}, name their folder with {option}")
    rows: list[Row] = []
    missing: list[str] = []
    for name, target in labels.targets.items():
        if present.get(name):
            rows.append(Row(name, videos / name, target, labels.methods.get(name)))
        elif name in present and (videos / name).exists():  # a link that leads nowhere is missing
            raise InputError(
                f"{labels.path}:{labels.lines[name]}: {videos / name} is a folder or device; wanted a video "
                "file, replace it"
            )
        else:
            missing.append(name)
    if missing and not folder.allow_missing:
        raise InputError(
            f"{labels.path}: {len(missing)} of {len(labels.targets)} videos are not in {videos}, the first "
            f"{labels.first_few(missing)}; add them, or leave them out with --set data.allow_missing=true"
        )
    listed = {*labels.targets, *folder.also_listed}
    unlisted = sorted(name for name in present if name not in listed)
    if unlisted and not folder.allow_unlisted:
        some = ", ".join(map(repr, unlisted[:3]))
        raise InputError(
            f"{videos}: {len(unlisted)} .mp4 files are not listed in {labels.path}, the first {some}; "
            "list them, or leave them out with --set data.allow_unlisted=true"
        )
    return Manifest(folder.split, tuple(rows), tuple(missing), tuple(unlisted))
