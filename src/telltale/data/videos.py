"""Paths that a person gives → the videos to be scored: files, folders of files, or both.

    videos = rows_of([Path("clip.mov"), Path("folder")])  # videos.rows, and what else the folder holds
    videos = rows_to_score([Path("folder")], Path("template.csv"))  # the names of the list alone, in its
    order

Tables are joined by file name, so every name may occur once. No file is opened: whether a file is a video is
found out when it is read, and a file that cannot be read gets a status.
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
    """The videos to be scored.

    rows: in the order in which they are reported.
    left_out: what else the folders hold: how many files by suffix, and how many FOLDERS.
    """

    rows: tuple[Row, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def left_out_in_words(self) -> str:
        """Such as "3 files left out: 2 .txt, 1 .jpg; 1 sub-folder left out"; "" if nothing was left out."""
        files = {kind: count for kind, count in self.left_out.items() if kind != FOLDERS}
        folders, total = self.left_out.get(FOLDERS, 0), sum(files.values())
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in sorted(files.items(), key=lambda item: (-item[1], item[0]))
        )
        parts = [f"{total} file{'s' * (total != 1)} left out: {kinds}"] if files else []
        parts += [f"{folders} {FOLDERS}{'s' * (folders != 1)} left out"] if folders else []
        return "; ".join(parts)


def rows_to_score(paths: Sequence[Path], list_path: Path | None = None) -> Videos:
    """One row for every name in the list, in its order; without a list, `rows_of(paths)`.

    list_path: a CSV file with a column `video_name`. Then `paths` is the one folder that holds the videos. A
        name that is not in the folder has a row, too.

    Raises InputError.
    """
    if list_path is None:
        return rows_of(paths)
    if len(paths) != 1 or not paths[0].is_dir():
        given = " ".join(map(str, paths))
        raise InputError(
            f"--videos {given}: --list {list_path} wants one folder, that holds the videos which it names"
        )
    return Videos(tuple(Row(name, paths[0] / name, None) for name in read_names(list_path)))


def rows_of(paths: Sequence[Path]) -> Videos:
    """A row for each file that is named, whatever its suffix, and for each video of each folder, sorted by
    name.

    Sub-folders are not searched. A path that does not exist has a row if it ends as a video does. Raises
    InputError for any other path that does not exist, for a folder without a video, for a name that occurs
    twice, and for one that no CSV file can carry.
    """
    files: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        if path.is_dir():
            names, others = _list_folder(path)
            left_out += others
            videos = [path / name for name in names]
        elif path.exists() or is_video(path.name):
            videos = [path]
        else:
            raise InputError(f"{path}: is not there; wanted a video file, or a folder that holds videos")
        for video in videos:
            _add(files, video)
    if not files:
        raise InputError("no path was given; wanted a video file, or a folder that holds videos")
    return Videos(tuple(Row(name, path, None) for name, path in files.items()), dict(left_out))


def is_video(name: str) -> bool:
    """Whether a file's name ends as a video's does."""
    return name.lower().endswith(SUFFIXES)


def _list_folder(folder: Path) -> tuple[list[str], Counter[str]]:
    """Names in the folder that end as a video's do, sorted, and a count of everything else."""
    names: list[str] = []
    others: Counter[str] = Counter()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_video(entry.name):
                    names.append(entry.name)
                elif entry.is_dir():
                    others[FOLDERS] += 1
                else:
                    others[Path(entry.name).suffix.lower() or "without a suffix"] += 1
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read as a folder ({error.strerror}); wanted one that holds videos"
        ) from None
    if not names:
        contents = Videos((), others).left_out_in_words() or "it is empty"
        raise InputError(
            f"{folder}: holds no {', '.join(SUFFIXES)} file ({contents}); give the folder that holds the "
            "videos themselves"
        )
    return sorted(names), others


def _add(files: dict[str, Path], file: Path) -> None:
    """Add to `files` (name → path) a file whose name is not there yet. Raises InputError for any other."""
    if not PLAIN.fullmatch(file.name):
        raise InputError(
            f"{file.parent}: a file is called {file.name!r}; wanted a name that a CSV file can carry, "
            "rename it"
        )
    if (other := files.get(file.name)) is not None:
        same = other.exists() and file.exists() and other.samefile(file)
        problem = f"{file}: is given twice" if same else f"{other} and {file}: are two videos of one name"
        raise InputError(f"{problem}; rows go by name, wanted every name once")
    files[file.name] = file
