"""Which code, which packages and which machine a file was made by: what a number depends on beside model and
data.

    now = versions.environment()                       # goes into environment.json and beside score files
    versions.differences(now, elsewhere)               # ["torch 2.15.0 there, 2.14.0 here"]

Free of torch, which is only asked where something else has loaded it.
"""

import ast
import hashlib
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import telltale
from telltale.files import sha256
from telltale.runtime import source, threads

# From a clip's file to its logit: `data` makes arrays of it, `inference` runs one of `models`. What these
# import, and what that imports, is where a score comes from; not, though, what reads settings and weights,
# for a checkpoint holds their values, nor what shows progress.
WAY = ("data.dataset", "predict.inference", "models")
APART = {"h5py", "huggingface_hub", "packaging", "pydantic", "safetensors", "tqdm", "yaml"}
# Distributions that are called otherwise than what they give to import.
CALLED = {
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "PyYAML",
    "skimage": "scikit-image",
}
# Those that metrics are computed with.
TABLES = ("numpy", "scipy")


@cache
def code() -> str:
    """The version and 16 hex digits of the sources: "0.1.0+3f2a...". Those of the first call, for as long as
    the process lives.

    The digits are of every .py file of the package, each with its name: those of a checkout, its wheel and
    its image are equal. Neither git nor the time of a file plays a part.
    """
    return f"{telltale.__version__}+{_digits(source.PACKAGE)}"


def _digits(package: Path) -> str:
    """16 hex digits of the sources of `package`, without the copy of the checkout that an installed one
    carries."""
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    whole = hashlib.sha256()
    for name, path in sorted(files.items()):
        if not name.startswith(f"{source.CARRIED}/"):
            whole.update(f"{name} {sha256(path)}\n".encode())
    return whole.hexdigest()[:16]


def packages() -> dict[str, str | None]:
    """Version of Python ("python") and of each of `distributions`, None where it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in distributions()}}


@cache
def distributions() -> tuple[str, ...]:
    """The distributions that a score depends on, sorted: all that the modules on its way import, within
    functions too."""
    package = Path(telltale.__file__).parent
    files = {_name(path, package): path for path in package.rglob("*.py")}
    left = [name for name in files if name in WAY or name.startswith("models.")]
    seen: set[str] = set()
    others: set[str] = set()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            for target in _imports(files[name]):
                top, _, own = target.partition(".")
                if top != "telltale":
                    others.add(top)
                else:  # "decode.frames.read_frames" is in decode.frames, and below decode
                    parts = own.split(".")
                    left += [short for n in range(len(parts)) if (short := ".".join(parts[: n + 1])) in files]
    return tuple(sorted(CALLED.get(name, name) for name in others - APART - set(sys.stdlib_module_names)))


def _name(path: Path, package: Path) -> str:
    """A module's name below the package: "decode.frames", "models"."""
    return ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Full names of what a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """What this process computes on: system, architecture, cpu, vector, cores, threads, gpu; None for what is
    not known.

    vector: the instruction set that torch's CPU kernels were picked for ("AVX2", "AVX512", "DEFAULT");
    threads: torch's; gpu: name of the current CUDA device. These three are None unless torch is loaded
    already.
    """
    torch = sys.modules.get("torch")
    seen = torch is not None and hasattr(torch, "get_num_threads")  # not one that is still being imported
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": cpu_name(),
        "vector": torch.backends.cpu.get_cpu_capability() if torch is not None and seen else None,
        "cores": threads.cores(),
        "threads": torch.get_num_threads() if torch is not None and seen else None,
        "gpu": torch.cuda.get_device_name()
        if torch is not None and seen and torch.cuda.is_available()
        else None,
    }


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The processor's name as the kernel gives it, else as Python does; None where neither knows."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    except OSError:
        pass
    return platform.processor() or None


def now() -> str:
    """The date in UTC as ISO 8601, to the second: "2026-11-21T10:07:06+00:00"."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment() -> dict[str, Any]:
    """{"date", "code", "packages", "machine"} of this process, as JSON takes it."""
    return {"date": now(), "code": code(), "packages": packages(), "machine": machine()}


def differences(before: Mapping[str, Any], here: Mapping[str, Any] | None = None) -> list[str]:
    """Sentences on where code and packages of two environments differ, such as "torch 2.15.0 there, 2.14.0
    here".

    before: what `environment` gave there, or any mapping with its "code" and "packages"; here: the same,
    default this process. Only packages that both name are compared: what was written down before may name
    some that no score depends on. What two machines differ in is `machine_differences`.
    """
    here = {"code": code(), "packages": packages()} if here is None else here
    told = []
    if before.get("code") != here.get("code"):
        told.append(_apart("telltale", before.get("code"), here.get("code")))
    there, mine = before.get("packages") or {}, here.get("packages") or {}
    return told + [
        _apart(name, there[name], mine[name]) for name in there if name in mine and there[name] != mine[name]
    ]


def machine_differences(before: Mapping[str, Any], here: Mapping[str, Any] | None = None) -> list[str]:
    """The same of the two machines: no failure, but a reason why last digits of a score may differ."""
    there, mine = before.get("machine") or {}, (machine() if here is None else here.get("machine")) or {}
    return [_apart(name, there[name], mine.get(name)) for name in there if there[name] != mine.get(name)]


def _apart(name: str, there: Any, here: Any) -> str:
    first, second = ("none" if value is None else value for value in (there, here))
    return f"{name} {first} there, {second} here"
