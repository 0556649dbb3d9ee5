"""The log of files that a process reads and hosts that it connects to, and the list of packages it loaded."""

import json
import os
import socket
import subprocess
import sys
import types
from contextlib import suppress
from pathlib import Path

import pytest

from telltale.competition import access, packages

# An address of the block for documentation, which never answers.
NO_HOST = ("192.0.2.1", 9)


def connect(address: tuple, family: socket.AddressFamily = socket.AF_INET) -> None:
    """Ask for a connection and do not wait for it."""
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.setblocking(False)
        own.connect_ex(address)


def test_files_opened_for_reading_are_logged_however_they_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.bin" for number in range(6)]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "unread.bin").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    with access.recorded() as log:
        (tmp_path / names[0]).read_bytes()
        open(names[1]).close()  # noqa: PTH123
        os.close(os.open(str(tmp_path / names[2]), os.O_RDONLY))
        os.close(os.open(str(tmp_path / names[3]).encode(), os.O_RDWR))
        (tmp_path / names[4]).open("r+b").close()
        (tmp_path / ".." / tmp_path.name / names[5]).open("ab+").close()
    assert log.files == {str(tmp_path / name) for name in names}
    (tmp_path / "unread.bin").read_bytes()
    assert str(tmp_path / "unread.bin") not in log.files


def test_written_and_absent_files_and_folders_are_not_logged(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x")
    with access.recorded() as log:
        (tmp_path / "old").write_bytes(b"y")
        (tmp_path / "new").open("w+").close()
        (tmp_path / "log").open("a").close()
        with pytest.raises(FileNotFoundError):
            (tmp_path / "absent").read_bytes()
        os.close(os.open(tmp_path, os.O_RDONLY))
        with open(os.open(tmp_path / "old", os.O_WRONLY), "w"):  # noqa: PTH123
            pass
    assert log.files == set()


def test_a_file_that_is_made_later_is_logged_when_it_is_read(tmp_path: Path) -> None:
    with access.recorded() as log:
        with pytest.raises(FileNotFoundError):
            (tmp_path / "late").read_bytes()
        (tmp_path / "late").write_bytes(b"x")
        (tmp_path / "late").read_bytes()
    assert log.files == {str(tmp_path / "late")}


def test_one_hook_serves_nested_logs(tmp_path: Path) -> None:
    for name in ("outer", "both", "after"):
        (tmp_path / name).touch()
    with access.recorded() as outer:
        (tmp_path / "outer").read_bytes()
        with access.recorded() as inner:
            (tmp_path / "both").read_bytes()
        (tmp_path / "after").read_bytes()
    assert {Path(name).name for name in inner.files} == {"both"}
    assert {Path(name).name for name in outer.files} == {"outer", "both", "after"}
    assert access._install.cache_info().misses == 1


def test_what_a_forked_worker_reads_is_not_logged(tmp_path: Path) -> None:
    (tmp_path / "video").touch()
    with access.recorded() as log:
        child = os.fork()
        if not child:
            (tmp_path / "video").read_bytes()
            os._exit(1 if str(tmp_path / "video") in log.files else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert log.files == set()
        (tmp_path / "video").read_bytes()
    assert log.files == {str(tmp_path / "video")}


def test_other_hosts_are_logged_and_this_machine_is_not(tmp_path: Path) -> None:
    with (
        access.recorded() as log,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as own,
    ):
        connect(server.getsockname())
        own.bind(str(tmp_path / "socket"))
        own.listen()
        connect(str(tmp_path / "socket"), socket.AF_UNIX)  # type: ignore[arg-type]
        socket.getaddrinfo("localhost", 80)
        socket.getaddrinfo(None, 0)
        assert log.hosts == set()
        connect(NO_HOST)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.setblocking(False)
            with suppress(OSError):  # there may be no network at all: the attempt counts
                datagram.sendto(b"", ("192.0.2.2", 9))
        # The events of socket.getaddrinfo and gethostbyname, without a real look-up.
        sys.audit("socket.getaddrinfo", "data.example", 443, 0, 0, 0)
        sys.audit("socket.gethostbyname", b"weights.example")
    assert log.hosts == {"192.0.2.1", "192.0.2.2", "data.example", "weights.example"}
    connect(("192.0.2.3", 9))
    assert "192.0.2.3" not in log.hosts


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::", True),
        ("0.0.0.0", True),
        ("", True),
        ("LocalHost.", True),
        ("db.localhost", True),
        (os.uname().nodename, True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_names_and_addresses_of_this_machine_are_local(host: str, local: bool) -> None:
    assert access.is_local(host) is local


def test_program_files_are_left_out_and_each_other_file_is_returned_once(tmp_path: Path) -> None:
    (tmp_path / "extra.npy").write_bytes(b"x")
    (tmp_path / "code.py").write_text("")
    own = [
        Path(json.__file__),
        Path("/proc/self/stat"),
        Path(access.__file__),
        Path(pytest.__file__),
        tmp_path / "code.py",
    ]
    own.append(Path(access.__file__).parents[3] / "configs" / "demo.yaml")
    with access.recorded() as log:
        for path in own:
            path.read_bytes()
        (tmp_path / "extra.npy").read_bytes()
        assert len(log.files) == len(own) + 1
        assert access.new_files(log) == [str(tmp_path / "extra.npy")]
        (tmp_path / "extra.npy").read_bytes()
        assert access.new_files(log) == []
    assert (
        access.within("/a/b/c", ["/a/b"])
        and access.within("/a/b", ["/a/b"])
        and not access.within("/a/bc", ["/a/b"])
    )


def test_packages_of_another_environment_are_program_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, data = tmp_path / "lib/site-packages", tmp_path / "data"
    monkeypatch.setattr(sys, "path", [*sys.path, str(others), str(data)])
    folders = access._program_folders.__wrapped__()
    assert access.within(f"{others}/numpy-2.dist-info/METADATA", folders)
    assert not access.within(f"{data}/weights.bin", folders)


def test_imports_are_logged_as_program_files() -> None:
    program = """
from telltale.competition import access, packages
with access.recorded() as log:
    import numpy, scipy.special, csv, decimal
    numpy.zeros(2).tolist()
print(len(log.files) > 20, access.new_files(log), log.hosts)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "[]", "set()"]


def test_requirements_are_followed_without_those_of_the_tests() -> None:
    required = packages.requirements()
    assert {
        "telltale",
        "torch",
        "numpy",
        "h5py",
        "opencv-python-headless",
        "sympy",
        "scikit-learn",
        "pyyaml",
    } <= required
    assert not {"pytest", "ruff", "mypy", "hypothesis", "pytest-xdist"} & required


def test_third_party_and_forbidden_modules_are_listed_apart() -> None:
    loaded = {
        name: types.ModuleType(name)
        for name in ("json", "numpy", "yaml.nodes", "telltale.data.mel", "cv2", "a_script")
    }
    assert packages.third_party_modules(loaded) == ([], [])
    loaded |= {name: types.ModuleType(name) for name in ("pytest", "_pytest.python", "mypy")}
    assert packages.third_party_modules(loaded) == ([], ["_pytest", "mypy", "pytest"])
    loaded |= {
        name: types.ModuleType(name) for name in ("facenet_pytorch.models", "whisper", "telltale.data.clip")
    }
    assert packages.third_party_modules(loaded) == (
        ["facenet_pytorch", "whisper"],
        ["_pytest", "mypy", "pytest"],
    )


def test_a_copy_inside_another_package_is_not_listed() -> None:
    copied = types.ModuleType("pytest")
    copied.__file__ = "/prefix/setuptools/_vendor/pytest/__init__.py"
    assert packages.third_party_modules({"pytest": copied}) == ([], [])
