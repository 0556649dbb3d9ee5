"""A log of the files that training reads and of the hosts that it connects to.

    with recorded() as log:
        ...               # fills log.files and log.hosts
    new_files(log)        # data files opened since the last call

Python calls an audit hook for every file that Python code opens and every address that it connects to. C code
does not call the hook. So the videos, which libav opens in the workers, are not in the log. The workers are
forked from this process and read only the rows that they are given. Their files are listed in reads.csv.

The log finds mistakes. It does not stop a program that hides what it reads.
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

# Environment variables with the folders where libraries keep compiled code.
_CACHES = (
    "MPLCONFIGDIR",
    "NUMBA_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "PYTHONPYCACHEPREFIX",
)
# Files in the hub's cache that are no weights.
_HUB_NOTES = re.compile(r"/models--[^/]+/(refs|\.no_exist)/[^/]+|/huggingface/(token|stored_tokens)$")
# Names of audit events.
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_SENDING = ("socket.connect", "socket.sendto", "socket.sendmsg")


@dataclass
class AccessLog:
    """What the code in one `with recorded()` block read and connected to.

    files: absolute paths of the files that were opened for reading.
    hosts: names and addresses of other machines.
    reported: the files that `new_files` was already called for.
    """

    files: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)


_logs: list[AccessLog] = []
# Files that a forked worker reads do not belong into the logs of the process that forked it.
os.register_at_fork(after_in_child=_logs.clear)


@cache
def _install() -> None:
    """Install the hook, once for each process: an audit hook cannot be removed."""
    sys.addaudithook(_hook)


@contextmanager
def recorded() -> Iterator[AccessLog]:
    """Log what this process, in all its threads, reads and connects to until the end of the block.

    Nested blocks have a log each, and each logs everything.
    """
    _install()
    log = AccessLog()
    _logs.append(log)
    try:
        yield log
    finally:
        _logs[:] = [other for other in _logs if other is not log]


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # Python calls this for every import and every open, so it must be fast and must not raise.
    if not _logs:
        return
    if event == "open":
        path, _, flags = args
        if isinstance(path, str | bytes | os.PathLike) and _can_read(flags):
            _log_file(path)
    elif event in _SENDING:
        # The address of a Unix socket is no tuple. For sendmsg and sendto on a connected socket it is None.
        if isinstance(args[1], tuple) and args[1] and isinstance(args[1][0], str | bytes):
            _log_host(args[1][0])
    elif event in _LOOKUPS and isinstance(args[0], str | bytes):
        _log_host(args[0])


def _can_read(flags: Any) -> bool:
    """Whether the earlier content of a file opened with these flags can be read."""
    if not isinstance(flags, int):
        return True
    return flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY and not flags & os.O_TRUNC


def _log_file(path: str | bytes | os.PathLike) -> None:
    name = os.fsdecode(path)
    try:
        name = os.path.abspath(name)  # noqa: PTH100 - links are followed later, not during an open
    except OSError:  # the working directory was deleted
        return
    new = [log for log in _logs if name not in log.files]
    if new and Path(name).is_file():  # Python calls the hook before it knows whether the file exists
        for log in new:
            log.files.add(name)


def _log_host(host: str | bytes) -> None:
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
    """Sorted paths of the files that were opened since the last call.

    Files of Python, of the system, of installed packages, of telltale's own code and of caches are left out.
    """
    new = set(log.files) - log.reported
    log.reported |= new
    return sorted(name for name in new if not _is_program_file(name))


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether `path` is one of `folders` or lies below one, compared as text: links are not followed."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _is_program_file(name: str) -> bool:
    """Whether a file is code or belongs to the program's folders, and so is not data.

    `packages.third_party_modules` and the version of the code in environment.json account for code.
    """
    real = os.path.realpath(name)
    if real.endswith((".py", ".pyc", ".pyi")) or _HUB_NOTES.search(real):
        return True
    return within(name, _program_folders()) or within(real, _program_folders())


@cache
def _program_folders() -> tuple[str, ...]:
    """Folders without data: those of the system, Python and installed packages, and caches of libraries."""
    home, environ = Path.home(), os.environ
    cache_home = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    system = (
        "/proc /sys /dev /etc /run /lib /lib32 /lib64 /usr/lib /usr/lib32 /usr/lib64 /usr/local/lib "
        "/usr/share /var/cache"
    )
    # An environment may also use the packages of another one, and those of `pip install --user`.
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
