"""Every fault of a label file or a list of names is told with its file, its line and what to do."""

from pathlib import Path

import pytest

from telltale.data.manifest import read_labels, read_names
from telltale.errors import InputError

GOOD = "video_name,target\na.mp4,0\nb.mp4,1\n"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "train_labels.csv"


def message(call, *args, **kwargs) -> str:
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode(),
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r\n").encode("utf-8-sig"),
        GOOD.rstrip("\n").encode(),
        b'video_name,target\n"a.mp4",0\nb.mp4,"1"\n',
        b"video_name,target,method\na.mp4,0,\nb.mp4,1,swap\n",
    ],
    ids=["plain", "bom", "crlf", "bom+crlf", "no last line end", "quoted", "more columns"],
)
def test_good_label_files(labels: Path, data: bytes):
    labels.write_bytes(data)
    assert list(read_labels(labels).items()) == [("a.mp4", 0), ("b.mp4", 1)]


@pytest.mark.parametrize("name", ["B 2.MP4", "ü.mp4", "c,d.mp4", "..mp4", "a.b.mp4", "日本.mp4", "nan.mp4"])
def test_good_names(labels: Path, name: str):
    labels.write_text(f'video_name,target\n"{name}",1\n', encoding="utf-8")
    assert read_labels(labels) == {name: 1}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("name,label\na.mp4,0\n", 1, "header 'name,label'; wanted 'video_name,target'"),
        (
            "video_name,score\na.mp4,0\n",
            1,
            "header 'video_name,score'; wanted 'video_name,target', this looks like a submission",
        ),
        ("target,video_name\n0,a.mp4\n", 1, "wanted 'video_name,target'"),
        ("video_name;target\na.mp4;0\n", 1, "header 'video_name;target'; wanted 'video_name,target'"),
        ("Video_name,target\na.mp4,0\n", 1, "wanted 'video_name,target'"),
        ("a.mp4,0\nb.mp4,1\n", 1, "header 'a.mp4,0'; wanted 'video_name,target'"),
        ("video_name,target,method,method\na.mp4,0,x,y\n", 1, "a name of its own for every column"),
        ("video_name,target,target\na.mp4,0,1\n", 1, "a name of its own for every column"),
        ("video_name,target,\na.mp4,0,x\n", 1, "a name of its own for every column"),
        ("\n" + GOOD, 1, "a blank line"),
        ("video_name,target\na.mp4,0\n\nb.mp4,1\n", 3, "a blank line"),
        ("video_name,target\na.mp4,0\n  \nb.mp4,1\n", 3, "a blank line"),
        ("video_name,target\r\na.mp4,0\r\n\r\nb.mp4,1\r\n", 3, "a blank line"),
        (GOOD + "\n", 4, "a blank line"),
        (
            GOOD + "c.mp4,1\na.mp4,0\n",
            5,
            "video 'a.mp4' is on line 2 already; wanted it once, remove one line",
        ),
        ("video_name,target\na.mp4,0\nb.mp4\n", 3, "1 fields; wanted 2 as in the header"),
        ("video_name,target\na.mp4,0,1\n", 2, "3 fields; wanted 2 as in the header"),
        ("video_name,target,method\na.mp4,0\n", 2, "2 fields; wanted 3 as in the header"),
        ("video_name,target\n,\n", 2, "video name ''; wanted a file name that ends in .mp4"),
        (
            "video_name,target\na.mp4,fake\n",
            2,
            "target 'fake' of video 'a.mp4'; wanted 0 (genuine) or 1 (deepfake)",
        ),
        ('video_name,target\na.mp4,0\n"b.mp4,1\n', 3, "is not CSV"),
        ('video_name,target\na.mp4,0\n"b".mp4,1\n', 3, "is not CSV"),
        ('video_name,target\n"a\nb.mp4",0\n', 2, "without a path"),
        ('video_name,target,note\na.mp4,0,"two\nlines"\nb.mp4,2,\n', 4, "target '2' of video 'b.mp4'"),
    ],
)
def test_faults_of_a_label_file(labels: Path, text: str, line: int, says: str):
    labels.write_text(text, newline="")
    assert message(read_labels, labels).startswith(f"{labels}:{line}: ")
    assert says in message(read_labels, labels)


@pytest.mark.parametrize("target", ["1.0", " 1", "1 ", "fake", "", "2", "-1", "True", "０", "00", "nan"])
def test_targets_other_than_0_and_1(labels: Path, target: str):
    labels.write_text(f"{GOOD}c.mp4,{target}\n", encoding="utf-8")
    assert message(read_labels, labels) == (
        f"{labels}:4: target {target!r} of video 'c.mp4'; wanted 0 (genuine) or 1 (deepfake)"
    )


@pytest.mark.parametrize(
    "name",
    ["../x.mp4", "./a.mp4", "a/b.mp4", "/etc/x.mp4", "file:///x.mp4"]  # noqa: RUF005
    + ["a\\b.mp4", "..\\x.mp4", "C:x.mp4", "c:\\x.mp4", "\\\\host\\x.mp4"]
    + ["a\x00b.mp4", "a\tb.mp4", "a\x7f.mp4", " a.mp4", ".mp4"],
)
def test_names_that_are_paths(labels: Path, name: str):
    labels.write_text(f"{GOOD}{name},1\n")
    assert (
        message(read_labels, labels)
        == f"{labels}:4: video name {name!r}; wanted a plain file name without a path, mend the line"
    )


@pytest.mark.parametrize(
    "name", ["a", "a.avi", "a.mp4.txt", "a.mp4 ", "a.mp4\x00", "mp4", "..", "a.mp4/", "../etc/passwd"]
)
def test_names_that_are_not_mp4(labels: Path, name: str):
    labels.write_text(f"{GOOD}{name},1\n")
    assert message(read_labels, labels).startswith(
        f"{labels}:4: video name {name!r}; wanted a file name that ends in .mp4"
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\n", "is empty"),
        (b"video_name,target\n", "holds a header and no rows"),
        (
            b"video_name,target\na.mp4,0\n\xe9.mp4,1\n",
            ":3: byte 0xe9 is not UTF-8; wanted a CSV file of videos, save it as UTF-8",
        ),
        (GOOD.encode("utf-16"), ":1: byte 0xff is not UTF-8"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_label_files_without_rows_or_text(labels: Path, data: bytes | None, says: str):
    if data is not None:
        labels.write_bytes(data)
    assert message(read_labels, labels).startswith(str(labels))
    assert says in message(read_labels, labels)


def test_a_folder_for_a_label_file(tmp_path: Path):
    assert "Is a directory" in message(read_labels, tmp_path)


def test_read_names(tmp_path: Path):
    path = tmp_path / "template.csv"
    path.write_bytes("\ufeff,video_name,score\r\n0,b.mp4,\r\n1,a.MP4,0.5\r\n".encode())
    assert read_names(path) == ["b.mp4", "a.MP4"]
    for text, says in [
        ("video,score\na.mp4,0\n", ":1: header 'video,score'; wanted one column named 'video_name'"),
        ("video_name,video_name\na.mp4,a.mp4\n", ":1: "),
        ("a.mp4\nb.mp4\n", ":1: header 'a.mp4'"),
        ("video_name\na.mp4\nb.mp4\na.mp4\n", ":4: video 'a.mp4' is on line 2 already"),
        ("video_name\na.mp4\n../b.mp4\n", ":3: video name '../b.mp4'"),
        ("video_name\na.mp4\n\nb.mp4\n", ":3: a blank line"),
        ("video_name,score\na.mp4\n", ":2: 1 fields; wanted 2"),
        ("video_name\n", ": holds a header and no rows"),
        ("", ": is empty"),
    ]:
        path.write_text(text)
        assert message(read_names, path).startswith(f"{path}{says}")
