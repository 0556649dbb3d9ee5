"""Files are written whole or not at all, read with errors that name the line, and hashed: by telltale.files
alone."""

import ast
import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from telltale import files
from telltale.config import fingerprint as config_fingerprint
from telltale.config import parse
from telltale.data.manifest import Manifest, Row
from telltale.data.store import FORMAT, spec_fingerprint
from telltale.errors import InputError
from telltale.train.splits import data_fingerprint

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()


def test_an_exception_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "é\n")

    def fail() -> None:
        with files.write_whole(path) as file:
            file.write(b"half")
            file.flush()
            assert sorted(each.name for each in tmp_path.iterdir()) == [".a.txt.part", "a.txt"]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == "é\n".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_several_writers_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with files.write_whole(path, several=True) as file:
        assert Path(file.name).name == f".a.{os.getpid()}.part"
        file.write(b"1")
    assert path.read_bytes() == b"1"


def test_a_pipe_is_written_and_stays_one(tmp_path: Path) -> None:
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    files.write_text(path, "text")
    reader.join()
    assert read == [b"text"] and path.is_fifo()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "no" / "a", "No such file or directory")):
        with pytest.raises(InputError, match=rf"{path}: cannot be written \({reason}\); make room"):
            files.write_text(path, "")


def test_a_table_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    files.write_table(path, [("name", "n"), ["a,b", 0.1], ["", None], ["x\ny", 2]])
    assert path.read_bytes() == b'name,n\n"a,b",0.1\n,\n"x\ny",2\n'
    assert list(files.read_table(path, "a table")) == [
        (1, ["name", "n"]),
        (2, ["a,b", "0.1"]),
        (3, ["", ""]),
        (4, ["x\ny", "2"]),
    ]


def test_a_table_is_read_with_marks_windows_lines_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n\r\n"1\r\n2",3\r\n4\r\n')
    assert list(files.read_table(path, "a table")) == [
        (1, ["a", "b"]),
        (2, []),
        (3, ["1\r\n2", "3"]),
        (5, ["4"]),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r": cannot be read \(No such file or directory\); wanted a table"),
        (b"", r": is empty; wanted a table, with the header first"),
        (b"\n \n", r": is empty"),
        (b"a\nb\n\xff\n", r":3: byte 0xff is not UTF-8; wanted a table, save it as UTF-8"),
        (b'a\n"b\n', r":2: is not CSV \(unexpected end of data\); mend the quotes on this line"),
        (b'a\nb\n"c"d\n', r":3: is not CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv{why}"):
        list(files.read_table(tmp_path / "t.csv", "a table"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r": cannot be read \(No such file or directory\); wanted a record"),
        (b"{", r": is not JSON \(.*\); wanted a record"),
        (b"\xff", r":1: byte 0xff is not UTF-8; wanted a record"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "r.json"
    if content is not None:
        path.write_bytes(content)
    assert files.read_mapping(path) is None
    with pytest.raises(InputError, match=rf"r\.json{why}"):
        files.read_json(path, "a record")


def test_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(b'{"a": [1, 0.5]}')
    assert files.read_json(path, "a record") == files.read_mapping(path) == {"a": [1, 0.5]}
    path.write_bytes(b"[1]")
    assert files.read_json(path, "a record") == [1] and files.read_mapping(path) is None


def test_hashes_are_those_that_files_hold(tmp_path: Path) -> None:
    """Checkpoints, stores, side files and journals hold these digits: they never change."""
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "abc") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(InputError, match=r"no: cannot be read \(No such file or directory\)"):
        files.sha256(tmp_path / "no")
    value = {"b": [1, None, True, "é"], "a": 0.1}
    digits = hashlib.sha256(b'{"a": 0.1, "b": [1, null, true, "\\u00e9"]}').hexdigest()[:16]
    assert files.fingerprint(value) == digits == "466bfab79a8c3f9b"
    rows = (Row("a.mp4", Path("a.mp4"), 1, "swap"), Row("b.mp4", Path("b.mp4"), 0))
    listed = json.dumps([["train", [["a.mp4", 1, "swap"], ["b.mp4", 0, None]]]])
    data = hashlib.sha256(listed.encode()).hexdigest()[:16]
    assert data_fingerprint(Manifest("train", rows, (), ())) == data
    spec = hashlib.sha256(json.dumps([FORMAT, {"frames": 3}], sort_keys=True).encode()).hexdigest()[:16]
    assert spec_fingerprint({"frames": 3}) == spec
    settings = parse({"model": {"name": "mel_cnn"}}, "test")
    tree = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    assert config_fingerprint(settings) == hashlib.sha256(tree.encode()).hexdigest()[:16]


# What else than files.py may do one of these things, and with what.
ELSEWHERE = {
    "hashlib": {
        "reproduce/golden.py",  # of arrays
        "runtime/environment.py",  # of a list of hashes
        "demo/plan.py",  # names of clips
    },
    "csv": {"demo/dataset.py"},  # the demo stands alone
    "json.loads": {
        "scores/journal.py",  # a line of a journal
        "data/store.py",  # the head of an entry
    },
    "os.fsync": {"scores/journal.py"},  # a journal grows
    "os.replace": set(),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_files_alone_does_this(what: str) -> None:
    users = set()
    for path in sorted((ROOT / "src" / "telltale").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = isinstance(node, ast.Import) and what in [alias.name for alias in node.names]
            if imported or (isinstance(node, ast.Attribute) and ast.unparse(node) == what):
                users.add(path.relative_to(ROOT / "src" / "telltale").as_posix())
    assert users - {"files.py"} == ELSEWHERE[what]
