"""Paths that a person gives → the rows to be scored: video files, folders of them, or both.

    found = rows_of([Path("clip.mov"), Path("folder")])  # found.rows, and what the folder holds besides
    found = rows_to_score([Path("folder")], Path("template.csv"))  # the list's names alone, in its order

Rows are joined by name, so every name is there once. Nothing is opened: whether a file is a video is decided
when it is read, and one that cannot be read has a status.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telltale.data.manifest import PLAIN, Row, read_names
from telltale.errors import InputError

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")
FOLDERS = "sub-folder"


@dataclass(frozen=True)
class Videos:
    """The rows, in the order to be scored, and what the folders hold besides: how many files of each suffix,
    and FOLDERS."""

    rows: tuple[Row, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def left_out_in_words(self) -> str:
        """Such as "3 files left out: 2 .txt, 1 .jpg; 1 sub-folder left out"; "" where nothing was."""
        files = {kind: count for kind, count in self.left_out.items() if kind != FOLDERS}
        folders, total = self.left_out.get(FOLDERS, 0), sum(files.values())
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in sorted(files.items(), key=lambda item: (-item[1], item[0]))
        )
        said = [f"{total} file{'s' * (total != 1)} left out: {kinds}"] if files else []
        said += [f"{folders} {FOLDERS}{'s' * (folders != 1)} left out"] if folders else []
        return "; ".join(said)


def rows_to_score(paths: Sequence[Path], listed: Path | None = None) -> Videos:
    """One row for every name in the list, in its order; without a list `rows_of` the paths.

    listed: a CSV with a `video_name` column, of videos in the one folder that `paths` then is; a name that is
    not there has a row too. Raises InputError.
    """
    if listed is None:
        return rows_of(paths)
    if len(paths) != 1 or not paths[0].is_dir():
        given = " ".join(map(str, paths))
        raise InputError(
            f"--videos {given}: --list {listed} wants one folder, that holds the videos which it names"
        )
    return Videos(tuple(Row(name, paths[0] / name, None) for name in read_names(listed)))


def rows_of(paths: Sequence[Path]) -> Videos:
    """A row for each file that is named, whatever its suffix, and for each video of each folder, sorted,
    without sub-folders.

    A path that ends as a video does has a row even if nothing is there. Raises InputError for any other path
    that is not there, for a folder without a video, for a name twice and for one that no CSV file can carry.
    """
    files: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        if path.is_dir():
            names, besides = _scan(path)
            left_out += besides
            found = [path / name for name in names]
        elif path.exists() or is_video(path.name):
            found = [path]
        else:
            raise InputError(f"{path}: is not there; wanted a video file, or a folder that holds videos")
        for file in found:
            _add(files, file)
    if not files:
        raise InputError("no path was given; wanted a video file, or a folder that holds videos")
    return Videos(tuple(Row(name, path, None) for name, path in files.items()), dict(left_out))


def is_video(name: str) -> bool:
    """Whether a file's name ends as a video's does."""
    return name.lower().endswith(SUFFIXES)


def _scan(folder: Path) -> tuple[list[str], Counter[str]]:
    """Names in the folder that end as a video's do, sorted, and the count of everything else."""
    names: list[str] = []
    besides: Counter[str] = Counter()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_video(entry.name):
                    names.append(entry.name)
                else:
                    besides[
                        FOLDERS if entry.is_dir() else Path(entry.name).suffix.lower() or "without a suffix"
                    ] += 1
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read as a folder ({error.strerror}); wanted one that holds videos"
        ) from None
    if not names:
        said = Videos((), besides).left_out_in_words() or "it is empty"
        raise InputError(
            f"{folder}: holds no {', '.join(SUFFIXES)} file ({said}); give the folder that holds the videos "
            "themselves"
        )
    return sorted(names), besides


def _add(files: dict[str, Path], file: Path) -> None:
    """Add to `files` (name → path) one whose name is not there yet."""
    if not PLAIN.fullmatch(file.name):
        raise InputError(
            f"{file.parent}: a file is called {file.name!r}; wanted a name that a CSV file can carry, "
            "rename it"
        )
    if (other := files.get(file.name)) is not None:
        same = other.exists() and file.exists() and other.samefile(file)
        what = f"{file}: is given twice" if same else f"{other} and {file}: are two videos of one name"
        raise InputError(f"{what}; rows go by name, wanted every name once")
    files[file.name] = file
