"""A log of the files that training reads and of the hosts that it connects to.

    with recorded() as log:
        ...               # log.files, log.hosts
    new_files(log)        # the files since the last call, without Python's own

Python calls an audit hook for every file that Python code opens and every address that it connects to. C code
does not call it: libav opens the videos in the workers. The workers are forked from this process and read the
rows that they are given and nothing else, so their files are listed instead (reads.csv). This finds mistakes.
It does not stop a program that hides what it reads.
"""

import ipaddress
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from telltale.runtime import source

# Variables that say where a library keeps what it compiled, and files in the hub's cache that are no weights.
_CACHES = (
    "MPLCONFIGDIR",
    "NUMBA_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "PYTHONPYCACHEPREFIX",
)
_HUB_NOTES = re.compile(r"/models--[^/]+/(refs|\.no_exist)/[^/]+|/huggingface/(token|stored_tokens)$")
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_SENDING = ("socket.connect", "socket.sendto", "socket.sendmsg")


@dataclass
class AccessLog:
    """What one block of code read and connected to.

    files: absolute paths of files opened for reading; hosts: names and addresses other than this machine's;
    reported: the files that `new_files` has returned already.
    """

    files: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)


_logs: list[AccessLog] = []
# What a forked worker reads does not belong in the logs of the process that forked it.
os.register_at_fork(after_in_child=_logs.clear)


@cache
def _install() -> None:
    """Once per process: an audit hook cannot be removed."""
    sys.addaudithook(_hook)


@contextmanager
def recorded() -> Iterator[AccessLog]:
    """Log what this process, with all its threads, reads and connects to until the end of the block.

    Of two nested blocks both get it.
    """
    _install()
    log = AccessLog()
    _logs.append(log)
    try:
        yield log
    finally:
        _logs[:] = [other for other in _logs if other is not log]


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # Python calls this for every import and every open: it must be cheap and must not raise.
    if not _logs:
        return
    if event == "open":
        path, _, flags = args
        if isinstance(path, str | bytes | os.PathLike) and _reads(flags):
            _opened(path)
    elif event in _SENDING:
        # The address of a Unix socket is no tuple. sendmsg and sendto on a connected socket give None.
        if isinstance(args[1], tuple) and args[1] and isinstance(args[1][0], str | bytes):
            _connected(args[1][0])
    elif event in _LOOKUPS and isinstance(args[0], str | bytes):
        _connected(args[0])


def _reads(flags: Any) -> bool:
    """Whether a file opened with these flags can be read as it was before."""
    if not isinstance(flags, int):
        return True
    return flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY and not flags & os.O_TRUNC


def _opened(path: str | bytes | os.PathLike) -> None:
    name = os.fsdecode(path)
    try:
        name = os.path.abspath(name)  # noqa: PTH100 - links are followed later, not in the midst of an open
    except OSError:  # the working directory is gone
        return
    new = [log for log in _logs if name not in log.files]
    if new and Path(name).is_file():  # the hook is called before the file is known to exist
        for log in new:
            log.files.add(name)


def _connected(host: str | bytes) -> None:
    name = host if isinstance(host, str) else host.decode("ascii", "replace")
    if not is_local(name):
        for log in _logs:
            log.hosts.add(name)


def is_local(host: str) -> bool:
    """Whether a host name or address means this machine itself."""
    name = host.lower().rstrip(".")
    if name in ("", "localhost", "localhost.localdomain", os.uname().nodename.lower()) or name.endswith(
        ".localhost"
    ):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def new_files(log: AccessLog) -> list[str]:
    """The files that were opened since the last call, sorted, without those of Python, the system, telltale's
    code and caches."""
    new = set(log.files) - log.reported
    log.reported |= new
    return sorted(name for name in new if not _of_the_program(name))


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether `path` is one of `folders` or lies below one, as the names are written."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _of_the_program(name: str) -> bool:
    """Code is no data: `packages.third_party_modules` and `environment.code` account for it."""
    real = os.path.realpath(name)
    if real.endswith((".py", ".pyc", ".pyi")) or _HUB_NOTES.search(real):
        return True
    return within(name, _program_folders()) or within(real, _program_folders())


@cache
def _program_folders() -> tuple[str, ...]:
    """Folders whose files are no data: the system's, Python's, installed packages', and libraries' caches."""
    home, environ = Path.home(), os.environ
    cache_home = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    system = (
        "/proc /sys /dev /etc /run /lib /lib32 /lib64 /usr/lib /usr/lib32 /usr/lib64 /usr/local/lib "
        "/usr/share /var/cache"
    )
    # An environment may see another one's packages, and those of `pip install --user`.
    installed = {name for name in sys.path if Path(name).name in ("site-packages", "dist-packages")}
    python = {*installed, sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    python -= {"/usr", "/usr/local", "/"}
    own = [home / ".config/matplotlib", home / ".fonts", home / ".local/share/fonts", home / ".triton"]
    root = source.checkout()
    own += [source.PACKAGE] if root is None else [root / "src", root / "configs", root / "pyproject.toml"]
    own += [
        cache_home / name
        for name in ("matplotlib", "fontconfig", "numba", "torch/kernels", "torch_extensions")
    ]
    own += [Path(tempfile.gettempdir()) / f"torchinductor_{environ.get('USER', 'root')}"]
    own += [Path(environ[name]) for name in _CACHES if environ.get(name)]
    folders = {*system.split(), *python, *map(str, own)}
    return tuple(
        sorted(
            {form for name in folders for form in (str(Path(name).absolute()), os.path.realpath(name))}
            - {"/"}
        )
    )
