"""Paths → rows to be scored: files and folders, each name once, and a count of what a folder holds
besides."""

from pathlib import Path

import pytest
from worlds.hostile import Source

from telltale.data.videos import rows_of, rows_to_score
from telltale.errors import InputError


def names(*paths: Path) -> list[str]:
    return [row.video_name for row in rows_of(paths).rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    for name in ("b.mp4", "a.MP4", "c.txt", "B.mov", "d.mkv", "e.webm", "f.avi", "g.TXT", "h.jpg", "README"):
        (tmp_path / "folder" / name).touch()
    (tmp_path / "folder" / "more").mkdir()
    return tmp_path / "folder"


def test_a_folder_gives_its_videos_in_order_and_counts_the_rest(folder: Path) -> None:
    found = rows_of([folder])
    assert [row.video_name for row in found.rows] == ["B.mov", "a.MP4", "b.mp4", "d.mkv", "e.webm", "f.avi"]
    assert all(row.path == folder / row.video_name and row.target is None for row in found.rows)
    said = "4 files left out: 2 .txt, 1 .jpg, 1 without a suffix; 1 sub-folder left out"
    assert found.left_out_in_words() == said
    (folder / "more" / "c.jpg").touch()
    (folder / "more" / "f.mp4").touch()
    assert rows_of([folder / "more"]).left_out_in_words() == "1 file left out: 1 .jpg"
    assert rows_of([folder / "b.mp4"]).left_out_in_words() == ""


def test_files_and_folders_mix_and_stay_in_the_order_given(folder: Path) -> None:
    (folder / "more" / "x.mp4").touch()
    clip = folder.parent / "clip"
    clip.touch()
    assert names(clip, folder / "more", folder / "c.txt") == [
        "clip",
        "x.mp4",
        "c.txt",
    ]  # a file that is named is taken
    assert names(folder / "gone.mp4") == ["gone.mp4"]  # its row will have the status "missing"


def test_a_name_twice_is_refused(folder: Path) -> None:
    (folder / "more" / "b.mp4").write_bytes(b"other")
    with pytest.raises(
        InputError, match=r"folder/b\.mp4 and .*more/b\.mp4: are two videos of one name; .* every name once"
    ):
        rows_of([folder, folder / "more"])
    with pytest.raises(InputError, match=r"b\.mp4: is given twice"):
        rows_of([folder, folder / ".." / "folder" / "b.mp4"])


def test_what_gives_no_rows_is_said(folder: Path) -> None:
    (folder / "more" / "c.jpg").touch()
    for paths, said in (
        (
            [folder / "more"],
            r"more: holds no \.mp4, \.mov, \.mkv, \.webm, \.avi file \(1 file left out: 1 \.jpg\)",
        ),
        ([folder / "absent"], r"absent: is not there; wanted a video file, or a folder"),
        ([], "no path was given"),
    ):
        with pytest.raises(InputError, match=said):
            rows_of(paths)
    (folder / "more" / "two\nlines.mp4").touch()
    with pytest.raises(InputError, match=r"'two\\nlines\.mp4'; wanted a name that a CSV file can carry"):
        rows_of([folder / "more"])


def test_a_list_wants_one_folder_and_alone_decides(folder: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.csv"
    template.write_text("video_name\nz.mp4\nb.mp4\n")
    found = rows_to_score([folder], template)
    assert [(row.video_name, row.path) for row in found.rows] == [
        ("z.mp4", folder / "z.mp4"),
        ("b.mp4", folder / "b.mp4"),
    ]
    assert found.left_out_in_words() == ""
    for paths in ([folder, folder / "more"], [folder / "b.mp4"]):
        with pytest.raises(InputError, match=r"--list .*template\.csv wants one folder"):
            rows_to_score(paths, template)
    assert rows_to_score([folder]).rows == rows_of([folder]).rows


def test_folders_of_videos(clips: Path, hostile: Path, source: Source) -> None:
    assert len(rows_of([clips / "test"]).rows) == {"drawn": 10, "real": 38}[source]
    assert len(rows_of([hostile]).rows) == 30
